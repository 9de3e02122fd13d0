//! Rows whose answers are known, and a thread that strikes the workers that answer them: what `tests/it/storm.rs` checks
//! and `benches/storm.rs` measures. The guest is `guest-tasks/wat/storm.wat`.

#![allow(dead_code, reason = "test and bench each use a part")]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// What the rows need: a deadline that only rows without end miss, even on a busy machine; the memory that the program
/// begins with and some more; an output that nearly all keep within; and no end of trying, for whoever is struck
/// is a victim and no culprit.
pub const OPTIONS: &str = "--timeout 200ms --memory 4MiB --max-output 256KiB --crash-limit 1000000";

/// More than `--max-output`.
const TOO_LONG: u64 = 300 << 10;

/// SplitMix64.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// A row: what is to be done, and a number.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    kind: char,
    number: u64,
}

impl Row {
    /// The row at a place of the input with this seed.
    pub fn new(seed: u64, id: u64) -> Row {
        let mut random = Random(seed.wrapping_mul(1 << 40).wrapping_add(id));
        let (kind, limit) = match random.below(4_000) {
            0 => ('d', 1),
            1..20 => ('m', 1),
            20..140 => ('t', 1),
            140..160 => ('l', 64 << 10),
            160..164 => return Row { kind: 'l', number: TOO_LONG + random.below(1 << 10) },
            164..240 => ('s', 8),
            _ => ('c', 1 << 32),
        };
        Row { kind, number: random.below(limit) }
    }

    pub fn text(self) -> String {
        format!("\"{}{}\"\n", self.kind, self.number)
    }

    /// Whether a line is this row's record, as far as its guest decides it.
    pub fn is_answered_by(self, id: u64, line: &str) -> bool {
        let output = match self.kind {
            'c' => format!("\"{:016x}\"", computed(self.number)),
            's' => "\"slept\"".to_owned(),
            'l' if self.number < TOO_LONG => format!("\"{}\"", "x".repeat(self.number as usize)),
            kind => {
                let status = match kind {
                    'd' => "timeout",
                    'm' => "out-of-memory",
                    'l' => "output-limit",
                    _ => "trap",
                };
                return line.starts_with(&format!("{{\"id\":{id},\"status\":\"{status}\",\"error\":{{\"code\":"));
            }
        };
        line == format!("{{\"id\":{id},\"status\":\"ok\",\"output\":{output}}}")
    }
}

/// What the guest's `compute` does.
fn computed(seed: u64) -> u64 {
    let steps = ((seed % 64) << 10).max(1);
    (0..steps).fold(seed, |x, _| x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
}

/// What a worker is struck with, in parts of a hundred.
const STRIKES: [(u64, Signal); 8] = [
    (40, Signal::KILL),
    (60, Signal::SEGV),
    (75, Signal::STOP),
    (83, Signal::ABORT),
    (90, Signal::TERM),
    (93, Signal::ILL),
    (96, Signal::BUS),
    (100, Signal::CONT),
];

/// A thread that strikes the workers of a run until it is told to end.
#[derive(Debug)]
pub struct Striker {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Struck>,
}

/// What a [`Striker`] has done and seen.
#[derive(Clone, Copy, Debug)]
pub struct Struck {
    /// Signals that reached a worker.
    pub count: u64,
    pub time: Duration,
    /// Most memory that the host has had, in KiB.
    pub host_peak: u64,
}

impl Struck {
    pub fn per_minute(self) -> f64 {
        self.count as f64 * 60.0 / self.time.as_secs_f64()
    }
}

impl Striker {
    /// Strikes a random one of the `count` workers of the process `host` with a random signal every so often, if it is
    /// there: a worker that is alone is not struck more often, or none would ever live through a row without end.
    pub fn start(host: u32, count: u64, seed: u64, pause: Duration) -> Striker {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = over.clone();
        let thread = thread::spawn(move || {
            let (began, mut random) = (Instant::now(), Random(seed));
            let mut struck = Struck { count: 0, time: Duration::ZERO, host_peak: 0 };
            while !is_over.load(Ordering::Relaxed) {
                thread::sleep(pause.mul_f64(random.below(2_000) as f64 / 1_000.0));
                struck.count += u64::from(strike(host, count, &mut random));
                struck.host_peak = peak_memory(host).unwrap_or_default().max(struck.host_peak);
                struck.time = began.elapsed();
            }
            struck
        });
        Striker { over, thread }
    }

    pub fn end(self) -> Struck {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("it does not panic")
    }
}

/// Strikes one worker, if there is one in its place.
fn strike(host: u32, count: u64, random: &mut Random) -> bool {
    let Some(pid) = workers_of(host).get(random.below(count) as usize).copied() else { return false };
    let chance = random.below(100);
    let signal = STRIKES.into_iter().find(|(limit, _)| chance < *limit).map_or(Signal::KILL, |(_, signal)| signal);
    // What is opened first and is a worker afterwards was the worker when it was opened, or is gone: no other process
    // that has got its number is ever struck.
    let Some(process) = Pid::from_raw(pid as i32).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
        return false;
    };
    is_worker(pid, host) && pidfd_send_signal(&process, signal).is_ok()
}

fn workers_of(host: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("there is a /proc").flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|&pid| is_worker(pid, host)).collect()
}

/// Whether a process is a living worker of the host, by its parent and its command line. A zombie has none.
fn is_worker(pid: u32, host: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // Its state and its parent stand after its name, which ends with the last parenthesis.
    let parent = stat.rsplit_once(')').and_then(|(_, fields)| fields.split_whitespace().nth(1)?.parse().ok());
    parent == Some(host) && {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.ends_with(format!("\0worker\0{host}\0").as_bytes())
    }
}

/// Most memory that a process has had so far, in KiB.
pub fn peak_memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
