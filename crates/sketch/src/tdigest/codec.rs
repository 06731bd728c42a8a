//! The t-digest as bytes: our own lossless encoding, and DataSketches' format for others.

use super::centroids::{COMPRESSION, Centroid};
use super::digest::{BUFFER_LIMIT, Digest};
use super::{Content, TDigest};
use crate::SketchError;
use crate::codec::{Reader, put_varint};

const SKETCH: &str = "t-digest";
const VERSION: u8 = 1;
/// The second byte of a digest's encoding; smaller values are the length of an exact list.
const DIGEST: u8 = 255;

/// DataSketches: serial version, family and flags of a t-digest.
const SERIAL_VERSION: u8 = 1;
const FAMILY_TDIGEST: u8 = 20;
const FLAG_EMPTY: u8 = 1;
const FLAG_SINGLE_VALUE: u8 = 2;

impl TDigest {
    /// Appends the state, uncompressed buffer included: 2 bytes, then 8 a value while exact, at most
    /// about 8 KiB beyond.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        match &self.0 {
            Content::Exact(values) => {
                out.push(values.len() as u8);
                put_values(out, values.as_slice().iter().copied());
            }
            Content::Digest(digest) => {
                out.push(DIGEST);
                put_varint(out, digest.centroids.len() as u64);
                put_varint(out, digest.buffer.len() as u64);
                put_values(out, digest.centroids.iter().map(|centroid| centroid.mean));
                put_values(out, digest.buffer.iter().copied());
                for centroid in &digest.centroids {
                    put_varint(out, centroid.weight);
                }
            }
        }
    }

    /// Reads exactly the bytes of one [`encode`](Self::encode); the result behaves bit for bit like
    /// the digest that was encoded.
    ///
    /// # Errors
    ///
    /// `HR_SKETCH_VERSION` for another format version, `HR_SKETCH_DAMAGED` for bytes that no digest
    /// could have written. Allocates at most about twice the length of the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, SketchError> {
        let mut reader = Reader::open(SKETCH, VERSION, bytes)?;
        let content = match reader.u8()? {
            DIGEST => Content::Digest(Box::new(decode_digest(&mut reader)?)),
            length if usize::from(length) <= Self::EXACT_LIMIT => {
                let values: crate::small_list::SmallList<_> = reader.words(length.into())?.map(read_value).collect();
                if values.as_slice().iter().any(|value| value.is_nan()) {
                    return Err(reader.damaged("a value is NaN"));
                }
                Content::Exact(values)
            }
            _ => return Err(reader.damaged("the exact list is longer than its limit")),
        };
        reader.finish()?;
        Ok(Self(content))
    }

    /// The digest in Apache DataSketches' t-digest format (k = 200, doubles), readable by its C++,
    /// Java, Go and Rust implementations. Values not compressed yet are exported as such.
    ///
    /// # Errors
    ///
    /// `HR_SKETCH_NOT_EXPORTABLE` when an infinity was seen: that format holds finite values only.
    pub fn to_datasketches(&self) -> Result<Vec<u8>, SketchError> {
        let (Some(min), Some(max)) = (self.min(), self.max()) else {
            return Ok(header(1, FLAG_EMPTY));
        };
        if min.is_infinite() || max.is_infinite() {
            return Err(SketchError::NotExportable {
                sketch: SKETCH,
                what: "the DataSketches format holds no infinite values",
            });
        }
        let (centroids, values) = match &self.0 {
            Content::Exact(values) => (&[][..], values.as_slice()),
            Content::Digest(digest) => (&digest.centroids[..], &digest.buffer[..]),
        };
        if self.count() == 1 {
            let mut out = header(1, FLAG_SINGLE_VALUE);
            put_values(&mut out, [min].into_iter());
            return Ok(out);
        }
        let mut out = header(2, 0);
        for length in [centroids.len(), values.len()] {
            out.extend_from_slice(&(length as u32).to_le_bytes());
        }
        put_values(&mut out, [min, max].into_iter());
        for centroid in centroids {
            out.extend_from_slice(&centroid.mean.to_le_bytes());
            out.extend_from_slice(&centroid.weight.to_le_bytes());
        }
        put_values(&mut out, values.iter().copied());
        Ok(out)
    }
}

fn header(preamble_longs: u8, flags: u8) -> Vec<u8> {
    let [k_low, k_high] = COMPRESSION.to_le_bytes();
    vec![preamble_longs, SERIAL_VERSION, FAMILY_TDIGEST, k_low, k_high, flags, 0, 0]
}

fn put_values(out: &mut Vec<u8>, values: impl Iterator<Item = f64>) {
    values.for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
}

fn read_value(bytes: [u8; 8]) -> f64 {
    f64::from_le_bytes(bytes) + 0.0
}

fn decode_digest(reader: &mut Reader<'_>) -> Result<Digest, SketchError> {
    let centroids = reader.length()?;
    let buffered = reader.length()?;
    if buffered >= BUFFER_LIMIT {
        return Err(reader.damaged("the buffer is longer than its limit"));
    }
    let means = reader.words(centroids)?.map(read_value);
    let buffer: Vec<f64> = reader.words(buffered)?.map(read_value).collect();
    // The means themselves vouch for the capacity: they were found among the bytes.
    let mut digest = Digest::from_buffer(buffer);
    digest.centroids.reserve_exact(centroids);
    for mean in means {
        let weight = reader.varint()?;
        digest.weight = digest
            .weight
            .checked_add(weight)
            .filter(|_| weight > 0)
            .ok_or_else(|| reader.damaged("a weight is zero or the weights overflow"))?;
        digest.centroids.push(Centroid { mean, weight });
    }
    let ends = [digest.centroids.first(), digest.centroids.last()];
    if ends.iter().flatten().any(|end| end.weight != 1)
        || digest.centroids.iter().any(|centroid| centroid.mean.is_nan())
        || digest.buffer.iter().any(|value| value.is_nan())
        || !digest.centroids.is_sorted_by(|left, right| left.mean <= right.mean)
    {
        return Err(reader.damaged("centroids or values are not those of a digest"));
    }
    if digest.count() <= TDigest::EXACT_LIMIT as u64 {
        return Err(reader.damaged("so few values would have been kept exactly"));
    }
    Ok(digest)
}
