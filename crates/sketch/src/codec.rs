//! The byte vocabulary shared by the three encodings: a version byte, fixed-width little-endian
//! numbers, LEB128 varints, and counters with their zero runs collapsed.

use crate::SketchError;

/// Appends `value` as an LEB128 varint: 1 byte below 128, at most 10 bytes.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends counters as varints, each run of zeros as a zero followed by the run's length, so that a
/// barely filled table costs bytes in proportion to what is in it.
pub(crate) fn put_sparse(out: &mut Vec<u8>, counters: impl Iterator<Item = u64>) {
    let mut zeros = 0;
    for counter in counters {
        if counter == 0 {
            zeros += 1;
        } else {
            put_zeros(out, zeros);
            zeros = 0;
            put_varint(out, counter);
        }
    }
    put_zeros(out, zeros);
}

fn put_zeros(out: &mut Vec<u8>, run: u64) {
    if run > 0 {
        out.push(0);
        put_varint(out, run);
    }
}

/// A cursor over untrusted bytes that knows what it decodes and where it stands.
pub(crate) struct Reader<'a> {
    sketch: &'static str,
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Starts reading `bytes` and checks the version byte in front.
    pub(crate) fn open(sketch: &'static str, supported: u8, bytes: &'a [u8]) -> Result<Self, SketchError> {
        let mut reader = Self { sketch, bytes, offset: 0 };
        let found = reader.u8()?;
        if found == supported { Ok(reader) } else { Err(SketchError::UnknownVersion { sketch, found, supported }) }
    }

    /// The error for a broken rule at the current offset.
    pub(crate) fn damaged(&self, what: &'static str) -> SketchError {
        SketchError::Damaged { sketch: self.sketch, offset: self.offset, what }
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], SketchError> {
        let taken = self
            .offset
            .checked_add(length)
            .and_then(|end| self.bytes.get(self.offset..end))
            .ok_or_else(|| self.damaged("the bytes end too early"))?;
        self.offset += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SketchError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, SketchError> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, SketchError> {
        self.array().map(u16::from_le_bytes)
    }

    /// Reads `count` values of 8 bytes; the length is checked before anything is allocated.
    pub(crate) fn words(&mut self, count: usize) -> Result<impl Iterator<Item = [u8; 8]> + use<'a>, SketchError> {
        let length = count.checked_mul(8).ok_or_else(|| self.damaged("a length does not fit in memory"))?;
        let (words, _) = self.take(length)?.as_chunks::<8>();
        Ok(words.iter().copied())
    }

    pub(crate) fn varint(&mut self) -> Result<u64, SketchError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = u64::from(self.u8()?);
            let bits = (byte & 0x7f) << shift;
            if bits >> shift != byte & 0x7f {
                break;
            }
            value |= bits;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.damaged("a number has more than 64 bits"))
    }

    /// A varint that counts or measures something held in memory.
    pub(crate) fn length(&mut self) -> Result<usize, SketchError> {
        usize::try_from(self.varint()?).map_err(|_| self.damaged("a length does not fit in memory"))
    }

    /// Hands each counter written by [`put_sparse`] that is not zero to `set` with its position,
    /// and demands that values and zero runs add up to exactly `total` positions.
    pub(crate) fn sparse(&mut self, total: usize, mut set: impl FnMut(usize, u64)) -> Result<(), SketchError> {
        let mut position = 0;
        while position < total {
            let counter = self.varint()?;
            if counter == 0 {
                let run = self.length()?;
                if run == 0 || run > total - position {
                    return Err(self.damaged("a run of zeros has an impossible length"));
                }
                position += run;
            } else {
                set(position, counter);
                position += 1;
            }
        }
        Ok(())
    }

    /// Demands that every byte has been read.
    pub(crate) fn finish(&self) -> Result<(), SketchError> {
        if self.offset == self.bytes.len() { Ok(()) } else { Err(self.damaged("bytes are left over after the sketch")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varints_survive_a_round_trip(values in prop::collection::vec(any::<u64>(), 0..20), shift in 0u32..64) {
            let values: Vec<u64> = values.iter().map(|value| value >> shift).collect();
            let mut bytes = vec![7];
            values.iter().for_each(|&value| put_varint(&mut bytes, value));
            let mut reader = Reader::open("test", 7, &bytes).unwrap();
            for &value in &values {
                prop_assert_eq!(reader.varint().unwrap(), value);
            }
            prop_assert!(reader.finish().is_ok());
        }

        #[test]
        fn sparse_counters_survive_a_round_trip(counters in prop::collection::vec(prop_oneof![5 => Just(0), 1 => any::<u64>()], 0..200)) {
            let mut bytes = vec![7];
            put_sparse(&mut bytes, counters.iter().copied());
            let mut reader = Reader::open("test", 7, &bytes).unwrap();
            let mut read = vec![0; counters.len()];
            reader.sparse(counters.len(), |position, counter| read[position] = counter).unwrap();
            prop_assert_eq!(read, counters);
            prop_assert!(reader.finish().is_ok());
        }
    }

    #[test]
    fn an_overlong_varint_is_refused() {
        let mut bytes = vec![7];
        bytes.extend([0xff; 9]);
        bytes.push(2);
        let mut reader = Reader::open("test", 7, &bytes).unwrap();
        assert_eq!(reader.varint().unwrap_err().code(), "HR_SKETCH_DAMAGED");
    }

    #[test]
    fn another_version_says_which() {
        let error = Reader::open("test", 7, &[8]).err().unwrap();
        assert_eq!(error.code(), "HR_SKETCH_VERSION");
        assert!(error.to_string().contains("version 8"), "{error}");
    }
}
