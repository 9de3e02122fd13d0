//! The random numbers and clocks of a guest in a deterministic pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::rngs::ChaCha20Rng;
use rand::{Rng, SeedableRng};
use tokio::time::Instant;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

use crate::model::isolation::Determinism;
use crate::protocol::wire::Task;

/// Contexts of key derivation, so that no two uses of a seed share their numbers. They are part of a seed's meaning:
/// with others, the same run would have other outputs.
const OF_TASK: &str = "wpool 1 random numbers of a task";
const OF_INIT: &str = "wpool 1 random numbers of init";

/// Streams of the generator.
const INSECURE: u64 = 1;
const INSECURE_SEED: u64 = 2;

/// The source of all random numbers of a guest.
#[derive(Clone, Copy)]
pub(super) struct Key([u8; 32]);

impl Key {
    /// The key of a task. It depends on the row, and not on the row's place among the others.
    pub fn of_task(how: &Determinism, task: &Task<'_>) -> Key {
        let mut hasher = blake3::Hasher::new_derive_key(OF_TASK);
        hasher.update(&how.seed.to_le_bytes()).update(&task.occurrence.to_le_bytes()).update(task.bytes);
        Key(hasher.finalize().into())
    }

    /// The key of `init`, which is the same for all tasks.
    pub fn of_init(how: &Determinism) -> Key {
        let mut hasher = blake3::Hasher::new_derive_key(OF_INIT);
        Key(hasher.update(&how.seed.to_le_bytes()).finalize().into())
    }

    fn stream(self, stream: u64) -> ChaCha20Rng {
        let mut generator = ChaCha20Rng::from_seed(self.0);
        generator.set_stream(stream);
        generator
    }

    /// Gives a world its random numbers, and clocks that begin now. Must be called within a runtime whose time is
    /// paused.
    pub fn furnish(self, world: &mut WasiCtxBuilder) {
        let time = VirtualTime { begun: Instant::now(), looks: Arc::default() };
        let mut seed = [0; 16];
        self.stream(INSECURE_SEED).fill_bytes(&mut seed);
        world.secure_random(self.stream(0)).insecure_random(self.stream(INSECURE));
        world.insecure_random_seed(u128::from_le_bytes(seed));
        world.wall_clock(time.clone()).monotonic_clock(time);
    }
}

/// Both clocks of a guest. The runtime's time is paused: it passes only while everything waits for a timer, and then at
/// once. A guest that sleeps sees its clocks move by this time, but nobody waits.
#[derive(Clone)]
struct VirtualTime {
    begun: Instant,
    looks: Arc<AtomicU64>,
}

impl VirtualTime {
    /// The time since the guest began. Each look adds a step.
    fn look(&self) -> Duration {
        let looks = self.looks.fetch_add(1, Ordering::Relaxed);
        let steps = looks.saturating_mul(Determinism::STEP.as_nanos() as u64);
        self.begun.elapsed().saturating_add(Duration::from_nanos(steps))
    }
}

impl HostMonotonicClock for VirtualTime {
    fn resolution(&self) -> u64 {
        Determinism::STEP.as_nanos() as u64
    }

    fn now(&self) -> u64 {
        u64::try_from(self.look().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl HostWallClock for VirtualTime {
    fn resolution(&self) -> Duration {
        Determinism::STEP
    }

    fn now(&self) -> Duration {
        Determinism::EPOCH.saturating_add(self.look())
    }
}
