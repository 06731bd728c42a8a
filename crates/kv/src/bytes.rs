//! Moving the cache's numbers: those that a run computed to their slots, and blocks to other blocks.
//!
//! The pool is the caller's and is borrowed for a call. Every check is made before the first number moves, so that an error
//! changes nothing.

use headrace_core::{Error, Result};

/// Where a number lies in the pool: in the order block, part, slot, dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// What a token has: 2 (key and value) for each layer and head.
    pub parts: usize,
    /// Tokens in a block.
    pub block_tokens: usize,
    /// Numbers of a token in a part.
    pub dim: usize,
}

impl Layout {
    /// Numbers in a block; an error if there are none, or more than can be counted.
    pub fn block_len(&self) -> Result<usize> {
        let len = self.parts.checked_mul(self.block_tokens).and_then(|len| len.checked_mul(self.dim));
        len.filter(|&len| len > 0).ok_or_else(|| Error::internal(format!("no block has the layout {self:?}")))
    }

    /// Copies what a run computed into the pool.
    ///
    /// `new` holds the run's results in the order row, position, part, dimension, each row padded to `width` positions.
    /// Row `i` was reserved with `counts[i]` positions, whose slots follow each other in `slots`
    /// ([`Reservation::slots`](crate::Reservation)); the first `kept[i]` of them are written, and nothing else.
    /// O(numbers written).
    ///
    /// # Errors
    /// If the lists do not fit each other, the layout or `new`, if a row keeps more than it has, or if a slot is in the null
    /// block or outside the pool.
    pub fn scatter<T: Copy>(&self, pool: &mut [T], new: &[T], rows: &Scattered<'_>) -> Result<()> {
        let blocks = self.blocks(pool)?;
        let token = self.parts * self.dim;
        rows.check(new.len() / token, new.len() % token)?;
        for (_, slots) in rows.written() {
            if let Some(slot) = slots.iter().find(|&&slot| self.outside(slot, blocks)) {
                return Err(Error::internal(format!("slot {slot} cannot be written in a pool of {blocks} blocks")));
            }
        }
        for (first, slots) in rows.written() {
            let tokens = new[first * token..].chunks_exact(token);
            slots.iter().zip(tokens).for_each(|(&slot, token)| self.put(pool, slot as usize, token));
        }
        Ok(())
    }

    /// Copies whole blocks, pair after pair of `copies`: from, to. O(numbers written).
    ///
    /// # Errors
    /// If a block is left over, is outside the pool, or is the null block.
    pub fn copy_blocks<T: Copy>(&self, pool: &mut [T], copies: &[i32]) -> Result<()> {
        let blocks = self.blocks(pool)?;
        let len = self.block_len()?;
        let sound = |block: &i32| *block > 0 && (*block as usize) < blocks;
        let (pairs, rest) = copies.as_chunks::<2>();
        if let Some(block) = rest.first().or_else(|| copies.iter().find(|block| !sound(block))) {
            return Err(Error::internal(format!("block {block} cannot be copied in a pool of {blocks} blocks")));
        }
        for &[from, to] in pairs {
            let from = from as usize * len;
            pool.copy_within(from..from + len, to as usize * len);
        }
        Ok(())
    }

    /// How many blocks a pool has.
    fn blocks<T>(&self, pool: &[T]) -> Result<usize> {
        let len = self.block_len()?;
        if pool.len().is_multiple_of(len) {
            return Ok(pool.len() / len);
        }
        Err(Error::internal(format!("a pool of {} numbers has no whole blocks of {len}", pool.len())))
    }

    fn outside(&self, slot: i32, blocks: usize) -> bool {
        usize::try_from(slot).map_or(true, |slot| !(1..blocks).contains(&(slot / self.block_tokens)))
    }

    /// Writes a token's numbers to its slot.
    fn put<T: Copy>(&self, pool: &mut [T], slot: usize, token: &[T]) {
        let (block, place) = (slot / self.block_tokens, slot % self.block_tokens);
        let stride = self.block_tokens * self.dim;
        let start = block * self.parts * stride + place * self.dim;
        let places = pool[start..].chunks_mut(stride);
        token.chunks_exact(self.dim).zip(places).for_each(|(part, place)| place[..self.dim].copy_from_slice(part));
    }
}

/// Which results of a run are written, and where to.
#[derive(Debug, Clone, Copy)]
pub struct Scattered<'a> {
    /// Positions that each row is padded to.
    pub width: usize,
    /// By row: positions that were reserved.
    pub counts: &'a [u32],
    /// By row: positions that are written.
    pub kept: &'a [u32],
    /// Row after row, a slot for each position that was reserved.
    pub slots: &'a [i32],
}

impl<'a> Scattered<'a> {
    /// Checks everything but the slots' values against `tokens` computed tokens, and `rest` numbers behind them.
    fn check(&self, tokens: usize, rest: usize) -> Result<()> {
        let Scattered { width, counts, kept, slots } = *self;
        let refuse = |what: String| Err(Error::internal(format!("a run's results cannot be written: {what}")));
        if rest > 0 || counts.len().checked_mul(width) != Some(tokens) {
            let what = format!("{} rows of {width} positions are not {tokens} and {rest} numbers", counts.len());
            return refuse(what);
        }
        if kept.len() != counts.len() {
            return refuse(format!("{} rows keep something of {}", kept.len(), counts.len()));
        }
        if let Some((kept, count)) = kept.iter().zip(counts).find(|(kept, count)| kept > count) {
            return refuse(format!("a row of {count} positions keeps {kept}"));
        }
        if let Some(count) = counts.iter().find(|&&count| count as usize > width) {
            return refuse(format!("a row of {count} positions is wider than {width}"));
        }
        let positions: u64 = counts.iter().map(|&count| u64::from(count)).sum();
        if positions != slots.len() as u64 {
            return refuse(format!("{positions} positions have {} slots", slots.len()));
        }
        Ok(())
    }

    /// By row: the index of its first position among all, and the slots that are written. The lists fit each other.
    fn written(&self) -> impl Iterator<Item = (usize, &'a [i32])> {
        let Scattered { width, counts, kept, slots } = *self;
        let mut left = slots;
        counts.iter().zip(kept).enumerate().map(move |(row, (&count, &kept))| {
            let (here, behind) = left.split_at(count as usize);
            left = behind;
            (row * width, &here[..kept as usize])
        })
    }
}
