//! Lists in order of age whose links stand in the entries of a table.

/// No entry.
pub(super) const NONE: u32 = u32::MAX;

/// An entry's neighbours, as indices into the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    /// Towards the new end.
    pub(super) newer: u32,
    pub(super) older: u32,
}

impl Links {
    pub(super) const UNLINKED: Self = Self {
        newer: NONE,
        older: NONE,
    };
}

/// An entry of a table.
pub(super) trait Linked {
    fn links(&mut self) -> &mut Links;
}

/// The ends of a list, and its length.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    newest: u32,
    oldest: u32,
    len: u32,
}

impl List {
    pub(super) const EMPTY: Self = Self {
        newest: NONE,
        oldest: NONE,
        len: 0,
    };

    pub(super) fn len(&self) -> u32 {
        self.len
    }

    pub(super) fn oldest(&self) -> Option<u32> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    /// Puts an entry at the new end.
    pub(super) fn push(&mut self, table: &mut [impl Linked], entry: u32) {
        let second = std::mem::replace(&mut self.newest, entry);
        *table[entry as usize].links() = Links {
            newer: NONE,
            older: second,
        };
        if second == NONE {
            self.oldest = entry;
        } else {
            table[second as usize].links().newer = entry;
        }
        self.len += 1;
    }

    /// Takes an entry of this list out of it.
    pub(super) fn remove(&mut self, table: &mut [impl Linked], entry: u32) {
        let Links { newer, older } = *table[entry as usize].links();
        if newer == NONE {
            self.newest = older;
        } else {
            table[newer as usize].links().older = older;
        }
        if older == NONE {
            self.oldest = newer;
        } else {
            table[older as usize].links().newer = newer;
        }
        self.len -= 1;
    }

    /// Moves an entry of this list to its new end.
    pub(super) fn renew(&mut self, table: &mut [impl Linked], entry: u32) {
        if self.newest != entry {
            self.remove(table, entry);
            self.push(table, entry);
        }
    }
}
