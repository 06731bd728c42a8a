//! Which slots of a set of columns are in use.

/// Hands out slot numbers and takes them back. What was given back is given out again before the range grows, so there
/// are never more numbers than were once in use together.
#[derive(Debug, Default)]
pub struct Slots {
    free: Vec<u32>,
    end: u32,
}

impl Slots {
    /// A free slot; [`Slots::end`] may grow by it.
    pub fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.end += 1;
            self.end - 1
        })
    }

    /// Gives a slot back.
    pub fn release(&mut self, slot: u32) {
        self.free.push(slot);
    }

    /// One above the highest slot ever in use.
    pub fn end(&self) -> usize {
        self.end as usize
    }

    /// The number of slots in use.
    pub fn used(&self) -> usize {
        self.end as usize - self.free.len()
    }
}
