//! A growable list whose first two items live inside its owner.

/// A list of `Copy` items: up to two inline, more on the heap. 24 bytes for 8-byte items.
///
/// Most panes of a keyed window hold one or two rows, so most lists never allocate.
#[derive(Clone, Debug)]
pub(crate) enum SmallList<T> {
    Empty,
    One([T; 1]),
    Two([T; 2]),
    Many(Vec<T>),
}

impl<T: Copy> SmallList<T> {
    #[inline]
    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Self::Empty => &[],
            Self::One(items) => items,
            Self::Two(items) => items,
            Self::Many(items) => items,
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.as_slice().len()
    }

    #[inline]
    pub(crate) fn push(&mut self, item: T) {
        match self {
            Self::Empty => *self = Self::One([item]),
            Self::One([first]) => *self = Self::Two([*first, item]),
            Self::Two(_) => self.reserve(1).push(item),
            Self::Many(items) => items.push(item),
        }
    }

    /// Inserts before position `at`, which is at most the length.
    #[inline]
    pub(crate) fn insert(&mut self, at: usize, item: T) {
        match self {
            Self::One([only]) if at == 0 => *self = Self::Two([item, *only]),
            Self::Empty | Self::One(_) => self.push(item),
            Self::Two(_) => self.reserve(1).insert(at, item),
            Self::Many(items) => items.insert(at, item),
        }
    }

    /// Appends all of `items` with at most one allocation.
    #[inline]
    pub(crate) fn extend(&mut self, items: &[T]) {
        if self.len() + items.len() <= 2 {
            items.iter().for_each(|&item| self.push(item));
        } else {
            self.reserve(items.len()).extend_from_slice(items);
        }
    }

    /// Moves the items to the heap, with room for `additional` more.
    pub(crate) fn reserve(&mut self, additional: usize) -> &mut Vec<T> {
        if !matches!(self, Self::Many(_)) {
            let inline = self.as_slice();
            // Four is the smallest heap capacity: the third item is rarely the last.
            let mut items = Vec::with_capacity((inline.len() + additional).max(4));
            items.extend_from_slice(inline);
            *self = Self::Many(items);
        }
        match self {
            Self::Many(items) => {
                items.reserve(additional);
                items
            }
            _ => unreachable!("the items were moved to the heap above"),
        }
    }

    /// Takes the items out, leaving an empty list.
    pub(crate) fn take(&mut self) -> Vec<T> {
        match std::mem::replace(self, Self::Empty) {
            Self::Many(items) => items,
            inline => inline.as_slice().to_vec(),
        }
    }

    /// Bytes allocated on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::Many(items) => items.capacity() * size_of::<T>(),
            _ => 0,
        }
    }
}

impl<T: Copy> FromIterator<T> for SmallList<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut items = items.into_iter();
        let mut list = Self::Empty;
        for item in items.by_ref().take(2) {
            list.push(item);
        }
        if let Some(third) = items.next() {
            let heap = list.reserve(1 + items.size_hint().0);
            heap.push(third);
            heap.extend(items);
        }
        list
    }
}

impl<T: Copy + PartialEq> PartialEq for SmallList<T> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn behaves_like_a_vec(operations in prop::collection::vec((any::<u8>(), any::<u64>(), 0usize..4), 0..40)) {
            let mut list = SmallList::Empty;
            let mut vec = Vec::new();
            for (at, item, extra) in operations {
                let at = usize::from(at) % (vec.len() + 1);
                vec.insert(at, item);
                list.insert(at, item);
                vec.extend_from_slice(&[item; 3][..extra]);
                list.extend(&[item; 3][..extra]);
                prop_assert_eq!(list.as_slice(), vec.as_slice());
            }
            prop_assert_eq!(&vec.iter().copied().collect::<SmallList<u64>>(), &list);
            prop_assert_eq!(list.take(), vec);
            prop_assert_eq!(list.len(), 0);
        }
    }

    #[test]
    fn two_items_need_no_heap() {
        let mut list = SmallList::Empty;
        list.push(1u64);
        list.extend(&[2]);
        assert_eq!(list.heap_bytes(), 0);
        list.push(3);
        assert_eq!(list.heap_bytes(), 32);
        assert_eq!(size_of::<SmallList<u64>>(), 24);
    }
}
