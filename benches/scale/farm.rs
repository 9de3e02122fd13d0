//! A run of shards on many machines, simulated. Nothing of it is random: the same constants give the same table.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What a machine, the command and the storage are like. The bench measures the first part.
#[derive(Clone, Copy, Debug)]
pub struct Constants {
    /// Tasks in a second on one core.
    pub rate: f64,
    /// Bytes in a second at which a shard reads rows, most of which are of other shards.
    pub read: f64,
    /// Seconds from exec to the first task, with the program in the cache.
    pub start: f64,
    /// Records in a second that are merged.
    pub merge: f64,
    pub row_bytes: f64,
    /// Of a record with its journal and history.
    pub kept_bytes: f64,

    /// Cores of a machine.
    pub cores: f64,
    /// Seconds until an engine has a machine ready for a shard.
    pub engine: f64,
    /// Seconds until an engine has another try of a shard on its way.
    pub requeue: f64,
    /// Failures of a machine in an hour.
    pub failures: f64,
    /// Machines differ in speed: the standard deviation of its logarithm.
    pub spread: f64,
    /// Bytes in a second that the storage gives to all machines together.
    pub storage: f64,
    /// Files that the file system makes in a second.
    pub files: f64,
    /// Dollars for a core in an hour.
    pub price: f64,
}

/// How the rows get to the shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Each shard reads all rows and takes its own, as `--shard` does.
    Whole,
    /// Each shard has a file of its own.
    Cut,
}

/// A run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub rows: f64,
    pub machines: usize,
    /// Shards for each machine.
    pub each: usize,
    pub input: Input,
}

/// What a run takes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    /// Seconds from the first start to the end of the last shard.
    pub wall: f64,
    /// The part of `wall` in which the mean machine was idle at the end.
    pub straggling: f64,
    /// The part of a shard's time in which it waits for rows.
    pub reading: f64,
    pub failures: f64,
    /// Seconds for making the files of all shards.
    pub making: f64,
    /// Seconds of one merge, on one core.
    pub merge: f64,
    pub dollars: f64,
    /// Bytes of records, journals and histories.
    pub kept: f64,
}

/// Files of a shard: FILE, and in `FILE.wpool` the lock, facts, program, journal, history, notes and summary, with the folder.
const FILES: f64 = 9.0;
/// Work that a failure costs besides: records of half a minute may be lost.
const LOST: f64 = 30.0;

/// Numbers between 0 and 1 that look random.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Around 0, as sums of chances are.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.roll()).sum::<f64>() - 6.0
    }
}

/// The seconds of a shard of so many rows on a machine of usual speed: with its reading, and the reading alone.
pub fn shard(constants: &Constants, rows: f64, plan: &Plan) -> (f64, f64) {
    let bytes = constants.row_bytes * if plan.input == Input::Whole { plan.rows } else { rows };
    let rate = constants.read.min(constants.storage / plan.machines as f64);
    let (read, compute) = (bytes / rate, rows / (constants.rate * constants.cores));
    (constants.start + read.max(compute), (read - compute).max(0.0))
}

/// Runs a plan: each machine takes the next shard when it is idle.
pub fn run(constants: &Constants, plan: &Plan) -> Taken {
    let shards = plan.machines * plan.each;
    let rows = plan.rows / shards as f64;
    let (usual, waiting) = shard(constants, rows, plan);
    let mut dice = Dice(plan.machines as u64 * 31 + plan.each as u64);
    let speeds: Vec<f64> = (0..plan.machines).map(|_| (constants.spread * dice.normal()).exp()).collect();
    // Whole milliseconds, which have an order.
    let mut idle: BinaryHeap<_> = (0..plan.machines).map(|machine| Reverse((0_u64, machine))).collect();
    let (mut failures, mut busy) = (0.0, 0.0);
    for _ in 0..shards {
        let Some(mut first) = idle.peek_mut() else { break };
        let Reverse((at, machine)) = &mut *first;
        let alone = usual * speeds[*machine];
        let failed = (alone / 3_600.0 * constants.failures + dice.roll()).floor();
        let took = constants.engine + alone + failed * (constants.requeue + constants.start + LOST);
        failures += failed;
        busy += took;
        *at += (took * 1e3) as u64;
    }
    let wall = idle.iter().map(|Reverse((at, _))| *at).max().unwrap_or_default() as f64 / 1e3;
    let hours = wall * plan.machines as f64 * constants.cores / 3_600.0;
    Taken {
        wall,
        straggling: 1.0 - busy / (wall * plan.machines as f64),
        reading: waiting / usual,
        failures,
        making: shards as f64 * FILES / constants.files,
        merge: plan.rows / constants.merge,
        dollars: hours * constants.price,
        kept: plan.rows * constants.kept_bytes,
    }
}

/// The number of shards for each machine that ends first.
pub fn best(constants: &Constants, rows: f64, machines: usize, input: Input) -> (usize, Taken) {
    let tries = [1, 2, 4, 8, 16].map(|each| (each, run(constants, &Plan { rows, machines, each, input })));
    // Where they end at the same time, fewer files are better.
    tries
        .into_iter()
        .min_by(|(_, a), (_, b)| (a.wall + a.making).total_cmp(&(b.wall + b.making)))
        .expect("there are five")
}
