//! Which connections a helper has answered: the same book in the simulated and the real AMPED.

use super::script::ConnId;

/// Connections whose pending operation a helper has prepared, so that the loop makes the call
/// without testing residency again.
#[derive(Clone, Debug, Default)]
pub struct Answered {
    by_conn: Vec<bool>,
}

impl Answered {
    /// A helper has answered for `conn`.
    pub fn mark(&mut self, conn: ConnId) {
        let index = conn.0 as usize;
        if self.by_conn.len() <= index {
            self.by_conn.resize(index + 1, false);
        }
        self.by_conn[index] = true;
    }

    /// Whether one has answered for `conn` since this was last asked.
    pub fn take(&mut self, conn: ConnId) -> bool {
        self.by_conn
            .get_mut(conn.0 as usize)
            .is_some_and(std::mem::take)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_once_and_for_its_own_connection() {
        let mut answered = Answered::default();
        answered.mark(ConnId(3));
        assert!(!answered.take(ConnId(2)));
        assert!(!answered.take(ConnId(9)));
        assert!(answered.take(ConnId(3)));
        assert!(!answered.take(ConnId(3)));
    }
}
