//! Which slots of a set of columns are in use.

/// Hands out slot numbers and takes them back; the highest number in use stays close to the number in use.
#[derive(Debug, Default)]
pub struct Slots {
    free: Vec<u32>,
    end: u32,
}

impl Slots {
    /// A free slot; the smallest bound below which all slots in use lie may grow by it.
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
