//! How much random input a property is tried on. Everything of ours that parses is held to one at least.

use proptest::prelude::ProptestConfig;

/// Enough to meet what happens once in ten thousand; generators are small enough that all properties together take a
/// minute of processor time at most.
const CASES: u32 = 100_000;

pub(crate) fn many() -> ProptestConfig {
    ProptestConfig { cases: CASES, ..ProptestConfig::default() }
}
