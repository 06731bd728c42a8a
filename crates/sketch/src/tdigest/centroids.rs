//! The kernel of the t-digest: sorted weighted means, how they are compressed, how they are read.

/// Largest share of the ranks that a centroid around quantile q may cover, divided by √(q (1 − q)).
///
/// It is the reciprocal slope of the scale function k₁ with 2 · 200 as its δ (DataSketches doubles its
/// k in the same way): dq/dk = (2π / δ) · √(q (1 − q)). Unlike k₂ it depends neither on the
/// count nor on a logarithm, and squared it needs only products.
pub(super) const SPAN: f64 = std::f64::consts::TAU / (2.0 * COMPRESSION as f64);

/// The compression parameter, DataSketches' k.
pub(super) const COMPRESSION: u16 = 200;

/// How many centroids a compression usually leaves, 230 to 390 depending on the values.
const USUAL_LENGTH: usize = 320;

/// Magnitudes above this are summed scaled down, so that no sum of differences overflows.
const HUGE: f64 = f64::from_bits((1023 + 900) << 52);
/// 2⁻⁷⁰: brings the sum of 2⁶⁴ differences of huge values back into range.
const HUGE_SCALE: f64 = f64::from_bits((1023 - 70) << 52);

/// Several values represented by their mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Centroid {
    pub(super) mean: f64,
    /// How many values, at least 1.
    pub(super) weight: u64,
}

impl Centroid {
    pub(super) fn single(value: f64) -> Self {
        Self { mean: value, weight: 1 }
    }
}

/// Merges two ascending sequences of centroids; among equals the left one comes first.
pub(super) fn merge_ascending(left: &[Centroid], right: impl ExactSizeIterator<Item = Centroid>) -> Vec<Centroid> {
    let mut all = Vec::with_capacity(left.len() + right.len());
    let mut left = left.iter().copied().peekable();
    for theirs in right {
        while let Some(mine) = left.next_if(|mine| mine.mean <= theirs.mean) {
            all.push(mine);
        }
        all.push(theirs);
    }
    all.extend(left);
    all
}

/// Compresses ascending centroids of `total` weight greedily from the left.
///
/// A centroid grows while its weight stays within the scale function's limit at both of its ends.
/// The limit is zero at rank 0 and at rank `total`, so that the extremes remain values of their own
/// and minimum and maximum stay exact. A run of equal values that fills half a centroid is not mixed
/// with its neighbours: whole minutes, prices and other values that repeat stay what they are.
pub(super) fn compress(ascending: &[Centroid], total: u64) -> Vec<Centroid> {
    let mut compressor = Compressor::new(total);
    let mut apart = false;
    for run in ascending.chunk_by(|left, right| left.mean == right.mean) {
        // A single centroid tells nothing about the values in it, however heavy it is.
        let heavy = run.len() > 1 && compressor.fills_half(run);
        apart |= heavy;
        for &next in run {
            compressor.add(next, apart);
            apart = false;
        }
        apart = heavy;
    }
    compressor.finish()
}

/// One pass of compression: what is finished, and the centroid that may still grow.
struct Compressor {
    total: u64,
    compressed: Vec<Centroid>,
    /// The weight of `compressed`.
    before: u64,
    room_before: f64,
    growing: Option<Cluster>,
}

impl Compressor {
    fn new(total: u64) -> Self {
        Self { total, compressed: Vec::with_capacity(USUAL_LENGTH), before: 0, room_before: 0.0, growing: None }
    }

    fn fills_half(&self, run: &[Centroid]) -> bool {
        let growing = self.growing.as_ref().map_or(0, |cluster| cluster.weight);
        let twice: f64 = run.iter().map(|run| 2.0 * run.weight as f64).sum();
        twice * twice >= room(self.before.saturating_add(growing), self.total)
    }

    /// Lets `next` join the growing centroid when the limit allows and it need not stay `apart`.
    #[inline]
    fn add(&mut self, next: Centroid, apart: bool) {
        let Some(cluster) = &mut self.growing else {
            self.growing = Some(Cluster::new(next));
            return;
        };
        let weight = cluster.weight.saturating_add(next.weight);
        let square = weight as f64 * weight as f64;
        if !apart
            && square <= self.room_before
            && square <= room(self.before.saturating_add(weight), self.total)
            && next.mean <= cluster.ceiling
        {
            cluster.absorb(next, weight);
        } else {
            self.before = self.before.saturating_add(cluster.weight);
            self.room_before = room(self.before, self.total);
            self.compressed.push(cluster.centroid());
            *cluster = Cluster::new(next);
        }
    }

    fn finish(mut self) -> Vec<Centroid> {
        let last = self.growing.map(|cluster| cluster.centroid());
        self.compressed.extend(last);
        self.compressed.shrink_to_fit();
        self.compressed
    }
}

/// The square of the largest weight that the scale function allows at a rank.
#[inline]
fn room(rank: u64, total: u64) -> f64 {
    SPAN * SPAN * (rank as f64 * total.saturating_sub(rank) as f64)
}

/// A centroid in the making: the sum of the differences from its first member, which loses less than
/// a running mean and needs one division at the end.
struct Cluster {
    first: f64,
    last: f64,
    /// Largest mean that may join: an infinity stays among equals, a huge value among huge ones of
    /// its sign. This costs at most four more centroids and rules out overflow.
    ceiling: f64,
    scale: f64,
    differences: f64,
    weight: u64,
}

impl Cluster {
    #[inline]
    fn new(first: Centroid) -> Self {
        let mean = first.mean;
        let (ceiling, scale) = if mean.abs() <= HUGE {
            (HUGE, 1.0)
        } else if mean.is_infinite() {
            (mean, 1.0)
        } else if mean < 0.0 {
            (-HUGE, HUGE_SCALE)
        } else {
            (f64::MAX, HUGE_SCALE)
        };
        Self { first: mean, last: mean, ceiling, scale, differences: 0.0, weight: first.weight }
    }

    #[inline]
    fn absorb(&mut self, next: Centroid, weight: u64) {
        // Equal infinities have no difference to take.
        if next.mean != self.first {
            self.differences += (next.mean - self.first) * self.scale * next.weight as f64;
        }
        self.last = next.mean;
        self.weight = weight;
    }

    #[inline]
    fn centroid(&self) -> Centroid {
        let step = self.differences / self.weight as f64 / self.scale;
        Centroid {
            // Rounding may not carry the mean past its members, or the order would break.
            mean: (self.first + step).min(self.last).max(self.first),
            weight: self.weight,
        }
    }
}

/// The value at quantile `q` of ascending centroids of `total` weight: each mean stands at the middle
/// rank of its centroid, and between the middles the value is interpolated. With weights of 1
/// this is the exact definition.
pub(super) fn quantile(ascending: &[Centroid], total: u64, q: f64) -> Option<f64> {
    if !(0.0..=1.0).contains(&q) {
        return None;
    }
    let position = q * total.checked_sub(1)? as f64;
    let mut before = 0u64;
    let mut left: Option<(f64, f64)> = None;
    for centroid in ascending {
        let middle = before as f64 + (centroid.weight - 1) as f64 * 0.5;
        if position <= middle {
            return Some(match left {
                Some((mean, at)) if position < middle => {
                    interpolate(mean, centroid.mean, (position - at) / (middle - at))
                }
                _ => centroid.mean,
            });
        }
        left = Some((centroid.mean, middle));
        before = before.saturating_add(centroid.weight);
    }
    left.map(|(mean, _)| mean)
}

/// The value at `fraction` (0 to 1) of the way from `below` to `above`, never outside of them; the
/// nearer one when either is infinite.
pub(super) fn interpolate(below: f64, above: f64, fraction: f64) -> f64 {
    if below == above || fraction == 0.0 {
        below
    } else if below.is_infinite() || above.is_infinite() {
        if fraction < 0.5 { below } else { above }
    } else {
        let step = above - below;
        let value =
            if step.is_finite() { below + step * fraction } else { below * (1.0 - fraction) + above * fraction };
        value.max(below).min(above)
    }
}
