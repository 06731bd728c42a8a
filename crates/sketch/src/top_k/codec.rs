//! Top-K as bytes.

use super::exact::ExactCounts;
use super::heavy::{HeavyHitters, put_value, take_value};
use super::{Content, TopK};
use crate::SketchError;
use crate::codec::{Reader, put_varint};

const SKETCH: &str = "top-k counter";
const VERSION: u8 = 1;
/// The byte after k in a dense encoding; smaller values are the length of an exact one.
const HEAVY: u8 = 255;

impl TopK {
    /// Appends the state: 4 bytes and, while exact, the values with lengths and counts; beyond, the
    /// candidates and every counter that is not zero, about 35 KiB when all are in use.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend_from_slice(&self.k.to_le_bytes());
        match &self.content {
            Content::Exact(counts) => {
                out.push(counts.iter().len() as u8);
                for (value, count) in counts.iter() {
                    put_value(out, value);
                    put_varint(out, count);
                }
            }
            Content::Heavy(heavy) => {
                out.push(HEAVY);
                heavy.encode(out);
            }
        }
    }

    /// Reads exactly the bytes of one [`encode`](Self::encode); the result behaves bit for bit like
    /// the counter that was encoded.
    ///
    /// # Errors
    ///
    /// `HR_SKETCH_VERSION` for another format version, `HR_SKETCH_DAMAGED` for bytes that no counter
    /// could have written. Allocates in proportion to the bytes (values of no or few bytes cost up to
    /// 100 bytes each), and 80 KiB of counters once 64 candidates were read.
    pub fn decode(bytes: &[u8]) -> Result<Self, SketchError> {
        let mut reader = Reader::open(SKETCH, VERSION, bytes)?;
        let k = reader.u16()?;
        if k > Self::MAX_K {
            return Err(reader.damaged("k is above its limit"));
        }
        let content = match reader.u8()? {
            HEAVY => Content::Heavy(Box::new(HeavyHitters::decode(&mut reader, k)?)),
            length => {
                let mut counts = ExactCounts::new();
                for _ in 0..length {
                    let value = take_value(&mut reader)?;
                    let count = reader.varint()?;
                    if !counts.push_greatest(value, count) {
                        return Err(reader.damaged("the counts are not a sorted map of its limit"));
                    }
                }
                Content::Exact(counts)
            }
        };
        reader.finish()?;
        Ok(Self { k, content })
    }
}
