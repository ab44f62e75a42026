//! SplitMix64, the small generator that the composed data sets are defined by.
//!
//! Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators" (OOPSLA 2014), with the mixing constants of its
//! reference code. The recipe of a composed set must never change, so it leans on no crate's generator.

/// The generator: one 64-bit counter, mixed on the way out.
#[derive(Debug, Clone)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// A generator whose whole stream is decided by `seed`.
    pub fn new(seed: u64) -> SplitMix64 {
        SplitMix64 { state: seed }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next number in `0..n`: the high half of the 128-bit product of the next 64 bits and `n`; 0 where `n` is 0.
    ///
    /// The bias is below `n / 2^64`, and exactly one draw is used, which keeps streams aligned.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::SplitMix64;

    #[test]
    fn agrees_with_the_published_stream_of_seed_1234567() {
        let mut stream = SplitMix64::new(1_234_567);
        let published = [6_457_827_717_110_365_317_u64, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([stream.next_u64(), stream.next_u64(), stream.next_u64()], published);
    }

    #[test]
    fn below_stays_below_and_reaches_every_value() {
        let mut stream = SplitMix64::new(7);
        let mut seen = [0_usize; 10];
        for _ in 0..10_000 {
            seen[stream.below(10)] += 1;
        }
        assert!(seen.iter().all(|&times| (850..1150).contains(&times)), "{seen:?}");
        assert_eq!(stream.below(0), 0);
        assert_eq!(stream.below(1), 0);
    }
}
