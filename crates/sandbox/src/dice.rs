//! Randomness out of a seed.
//!
//! The stream is blake3's extendable output over (seed, number of the call, purpose). A general
//! random number crate was rejected: its generators may change between versions, and an answer
//! must have the same bytes in ten years.

use blake3::{Hasher, OutputReader};

const BLOCK: usize = 64;

/// An endless stream of draws.
pub(crate) struct Dice {
    stream: OutputReader,
    block: [u8; BLOCK],
    used: usize,
}

impl Dice {
    /// The stream of one purpose within call `n` of `seed`.
    pub(crate) fn new(seed: u64, n: u64, purpose: &str) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(&seed.to_le_bytes()).update(&n.to_le_bytes()).update(purpose.as_bytes());
        Self { stream: hasher.finalize_xof(), block: [0; BLOCK], used: BLOCK }
    }

    /// Any number.
    pub(crate) fn number(&mut self) -> u64 {
        if self.used == BLOCK {
            self.stream.fill(&mut self.block);
            self.used = 0;
        }
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.block[self.used..self.used + 8]);
        self.used += 8;
        u64::from_le_bytes(bytes)
    }

    /// A number from 0 up to, not including, `bound`; 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.number()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from 0 up to, not including, 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True once in `times` draws.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of `from`, which must not be empty.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}
