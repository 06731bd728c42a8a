//! A copy-on-write column in pages.

use std::sync::Arc;

/// Values in one page.
pub const PAGE_ROWS: usize = 1024;
const SHIFT: u32 = PAGE_ROWS.trailing_zeros();

// An owned page is written in place. Freezing shares it, and costs neither a copy nor an atomic on the write path.
#[derive(Debug)]
enum Page<T> {
    Owned(Vec<T>),
    Shared(Arc<Vec<T>>),
}

impl<T> Page<T> {
    fn values(&self) -> &[T] {
        match self {
            Page::Owned(values) => values,
            Page::Shared(values) => values,
        }
    }
}

impl<T: Clone> Page<T> {
    // Out of line, because it runs once per page and checkpoint while `get_mut` runs for every row.
    #[cold]
    fn own(&mut self) {
        if let Page::Shared(shared) = self {
            let values = match Arc::get_mut(shared) {
                Some(values) => std::mem::take(values),
                None => shared.as_ref().clone(),
            };
            *self = Page::Owned(values);
        }
    }
}

/// A growable column of values, indexed by slot.
#[derive(Debug)]
pub struct Paged<T> {
    pages: Vec<Page<T>>,
    len: usize,
}

impl<T> Default for Paged<T> {
    fn default() -> Self {
        Paged::new()
    }
}

impl<T> Paged<T> {
    /// An empty column.
    pub fn new() -> Self {
        Paged { pages: Vec::new(), len: 0 }
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value in `slot`.
    ///
    /// # Panics
    /// When the column is not that long.
    #[inline]
    pub fn get(&self, slot: u32) -> &T {
        let slot = slot as usize;
        &self.pages[slot >> SHIFT].values()[slot & (PAGE_ROWS - 1)]
    }

    /// References to all pages, as they are now. O(pages).
    pub fn freeze(&mut self) -> Frozen<T> {
        let pages = self.pages.iter_mut().map(|page| {
            let values = match std::mem::replace(page, Page::Owned(Vec::new())) {
                Page::Owned(values) => Arc::new(values),
                Page::Shared(values) => values,
            };
            *page = Page::Shared(Arc::clone(&values));
            values
        });
        Frozen { pages: pages.collect() }
    }
}

impl<T: Clone> Paged<T> {
    /// The value in `slot`, to be changed; copies its page when a frozen reference is still held.
    ///
    /// # Panics
    /// When the column is not that long.
    #[inline]
    pub fn get_mut(&mut self, slot: u32) -> &mut T {
        let slot = slot as usize;
        let page = &mut self.pages[slot >> SHIFT];
        if let Page::Shared(_) = page {
            page.own();
        }
        match page {
            Page::Owned(values) => &mut values[slot & (PAGE_ROWS - 1)],
            Page::Shared(_) => unreachable!("the page was owned just above"),
        }
    }

    /// Grows the column to `len` values, each made by `init`; it never shrinks.
    pub fn resize(&mut self, len: usize, init: impl Fn() -> T) {
        while self.len < len {
            if self.len & (PAGE_ROWS - 1) == 0 {
                self.pages.push(Page::Owned(Vec::with_capacity(PAGE_ROWS.min(len - self.len))));
            }
            let Some(page) = self.pages.last_mut() else { return };
            page.own();
            if let Page::Owned(values) = page {
                values.push(init());
                self.len += 1;
            }
        }
    }
}

/// The pages of a column as they were when it was frozen.
#[derive(Debug, Clone)]
pub struct Frozen<T> {
    pages: Vec<Arc<Vec<T>>>,
}

impl<T> Frozen<T> {
    /// The value in `slot`.
    ///
    /// # Panics
    /// When the column was not that long.
    pub fn get(&self, slot: u32) -> &T {
        let slot = slot as usize;
        &self.pages[slot >> SHIFT][slot & (PAGE_ROWS - 1)]
    }

    /// All values in slot order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flat_map(|page| page.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_column_does_not_change() {
        let mut column = Paged::new();
        column.resize(3 * PAGE_ROWS + 5, || 1u32);
        let first = column.freeze();
        for slot in 0..column.len() as u32 {
            *column.get_mut(slot) += slot;
        }
        let second = column.freeze();
        column.resize(4 * PAGE_ROWS, || 9);
        assert!(first.iter().all(|value| *value == 1));
        assert!(
            (0..3 * PAGE_ROWS as u32 + 5)
                .all(|slot| *second.get(slot) == slot + 1 && column.get(slot) == second.get(slot))
        );
        assert_eq!((second.iter().count(), *column.get(4 * PAGE_ROWS as u32 - 1)), (3 * PAGE_ROWS + 5, 9));
    }

    #[test]
    fn an_unwatched_page_is_taken_back_without_a_copy() {
        let mut column = Paged::new();
        column.resize(2, || 0u8);
        drop(column.freeze());
        let before = std::ptr::from_ref(column.get(0));
        column.get_mut(0);
        assert_eq!(before, std::ptr::from_ref(column.get(0)));
    }
}
