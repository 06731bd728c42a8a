//! What can go wrong with a sketch: only its bytes.

use std::error::Error;
use std::fmt;

/// Why bytes could not be turned into a sketch, or a sketch into foreign bytes.
///
/// Updating, merging and querying never fail.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SketchError {
    /// The bytes were written by a format version that this build does not read.
    UnknownVersion {
        /// Which sketch was being decoded, e.g. `"t-digest"`.
        sketch: &'static str,
        /// The version found in the first byte.
        found: u8,
        /// The only version that this build reads.
        supported: u8,
    },
    /// The bytes are truncated or contradict themselves.
    Damaged {
        /// Which sketch was being decoded.
        sketch: &'static str,
        /// Byte offset at which decoding stopped.
        offset: usize,
        /// Which rule of the format is broken there.
        what: &'static str,
    },
    /// The foreign format has no way to express this sketch's content.
    NotExportable {
        /// Which sketch was being exported.
        sketch: &'static str,
        /// What the foreign format cannot express.
        what: &'static str,
    },
}

impl SketchError {
    /// The stable code of this error; messages may change, codes do not.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownVersion { .. } => "HR_SKETCH_VERSION",
            Self::Damaged { .. } => "HR_SKETCH_DAMAGED",
            Self::NotExportable { .. } => "HR_SKETCH_NOT_EXPORTABLE",
        }
    }
}

impl fmt::Display for SketchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownVersion { sketch, found, supported } => write!(
                f,
                "{sketch} bytes have format version {found}, this build reads version {supported}: \
                 restore with the release that wrote them"
            ),
            Self::Damaged { sketch, offset, what } => {
                write!(f, "{sketch} bytes are damaged at offset {offset}: {what}; restore from an older checkpoint")
            }
            Self::NotExportable { sketch, what } => {
                write!(f, "this {sketch} cannot be exported: {what}; filter such values before aggregating")
            }
        }
    }
}

impl Error for SketchError {}
