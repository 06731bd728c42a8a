//! Long loops in the widest registers that the processor has.
//!
//! The results are the same in all of them: additions, multiplications and comparisons are rounded number by number, and the
//! compiler neither reorders those of floats nor fuses a multiplication and an addition that are not written so.

/// A loop whose body can be compiled for several kinds of processors. `run` is always inlined, and must call nothing that is
/// not, or that part stays as narrow as everywhere.
pub(crate) trait Loop {
    /// What it brings.
    type Output;

    /// Runs it.
    fn run(self) -> Self::Output;
}

/// Runs a loop.
pub(crate) fn widest<L: Loop>(work: L) -> L::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("fma")
        {
            #[expect(unsafe_code, reason = "whether the processor has the instructions is not known to the compiler")]
            // SAFETY: it has them, as it has just said.
            return unsafe { eight_at_a_time(work) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            #[expect(unsafe_code, reason = "as above")]
            // SAFETY: as above.
            return unsafe { four_at_a_time(work) };
        }
    }
    work.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,fma")]
fn eight_at_a_time<L: Loop>(work: L) -> L::Output {
    work.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn four_at_a_time<L: Loop>(work: L) -> L::Output {
    work.run()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exp2;

    /// Writes exponentials; their sum.
    struct Exponentials<'a>(&'a [f64], &'a mut [f64]);

    impl Loop for Exponentials<'_> {
        type Output = u64;

        #[inline(always)]
        fn run(self) -> u64 {
            let mut sum = 0;
            for (&x, result) in self.0.iter().zip(self.1) {
                *result = exp2(x);
                sum += result.to_bits() >> 20;
            }
            sum
        }
    }

    #[test]
    fn every_width_has_the_same_bits() {
        let x: Vec<f64> = (0..10_007).map(|at| -f64::from(at) * 0.071_3).collect();
        let bits = |run: &dyn Fn(Exponentials<'_>) -> u64| {
            let mut results = vec![0.0; x.len()];
            let sum = run(Exponentials(&x, &mut results));
            (sum, results.into_iter().map(f64::to_bits).collect::<Vec<_>>())
        };
        let expected = bits(&|work| work.run());
        assert!(bits(&|work| widest(work)) == expected);
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            #[expect(unsafe_code, reason = "the processor has said that it has the instructions")]
            // SAFETY: it has them.
            let four = bits(&|work| unsafe { four_at_a_time(work) });
            assert!(four == expected);
        }
    }
}
