//! Event time: microseconds since the epoch, in UTC, as `i64`.

/// Microseconds since 1970-01-01T00:00:00Z, or a span of them.
pub type Micros = i64;

/// Before every row: the watermark at the start, and the row watermark of a partition's first row.
pub const MINUS_INFINITY: Micros = i64::MIN;

/// After every row: the watermark at the end of the input.
pub const PLUS_INFINITY: Micros = i64::MAX;

/// `a − b` that stays at an infinity instead of wrapping; used for watermarks and lateness.
pub fn saturating_sub(a: Micros, b: Micros) -> Micros {
    if a == MINUS_INFINITY || a == PLUS_INFINITY { a } else { a.saturating_sub(b) }
}

/// `a + b` that stays at an infinity instead of wrapping.
pub fn saturating_add(a: Micros, b: Micros) -> Micros {
    if a == MINUS_INFINITY || a == PLUS_INFINITY { a } else { a.saturating_add(b) }
}
