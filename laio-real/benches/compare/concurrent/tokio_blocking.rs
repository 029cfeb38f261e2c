//! tokio's threads for blocking work, at most 512 by default.

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::Concurrent;
use crate::contenders::plain;
use crate::operations::Call;

struct TokioBlocking {
    runtime: Runtime,
    tasks: JoinSet<(usize, i64)>,
}

pub(super) fn open() -> Option<Box<dyn Concurrent>> {
    let runtime = Builder::new_current_thread().build().ok()?;
    Some(Box::new(TokioBlocking {
        runtime,
        tasks: JoinSet::new(),
    }))
}

impl Concurrent for TokioBlocking {
    fn submit(&mut self, slot: usize, call: &Call) -> Option<i64> {
        let call = *call;
        self.tasks
            .spawn_blocking_on(move || (slot, plain(&call)), self.runtime.handle());
        None
    }

    fn wait(&mut self, ended: &mut Vec<(usize, i64)>) {
        let next = self.runtime.block_on(self.tasks.join_next());
        ended.push(next.expect("a task is running").expect("no task panics"));
        while let Some(next) = self.tasks.try_join_next() {
            ended.push(next.expect("no task panics"));
        }
    }
}
