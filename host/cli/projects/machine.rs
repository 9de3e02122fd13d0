//! The cores and the memory of this machine.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Facts about the machine. Each is `None` if the system does not report it.
#[derive(Debug, Serialize)]
pub struct Machine {
    pub kernel: Option<String>,
    /// Cores that this process may run on.
    pub cores: Option<usize>,
    /// CPU time per second that its control groups allow, in cores.
    pub cpu_quota: Option<f64>,
    /// The default number of a pool's workers.
    pub workers: usize,
    /// In bytes, like all sizes.
    pub memory_total: Option<u64>,
    pub memory_available: Option<u64>,
    /// The lowest limit of its control groups.
    pub memory_limit: Option<u64>,
}

/// Collects the facts.
pub fn machine() -> Machine {
    let groups = groups();
    let affinity = rustix::thread::sched_getaffinity(None).ok();
    Machine {
        kernel: text("/proc/sys/kernel/osrelease"),
        cores: affinity.map(|cores| cores.count() as usize),
        cpu_quota: groups.iter().filter_map(|group| cpu_quota(group)).reduce(f64::min),
        workers: std::thread::available_parallelism().map_or(1, usize::from),
        memory_total: meminfo("MemTotal:"),
        memory_available: meminfo("MemAvailable:"),
        memory_limit: groups.iter().filter_map(|group| memory_limit(group)).min(),
    }
}

/// The folders of this process's control group and of all above it, in either version of the cgroup interface.
fn groups() -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let lines = text("/proc/self/cgroup").unwrap_or_default();
    let mut groups = Vec::new();
    for line in lines.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let base = root.join(controllers);
        let own = base.join(path.trim_start_matches('/'));
        groups.extend(own.ancestors().take_while(|dir| dir.starts_with(&base)).map(PathBuf::from));
    }
    groups
}

fn cpu_quota(group: &Path) -> Option<f64> {
    let number = |name: &str| text(group.join(name))?.parse::<f64>().ok();
    let (quota, period) = match text(group.join("cpu.max")) {
        Some(line) => {
            let (quota, period) = line.split_once(' ')?;
            (quota.parse().ok()?, period.parse().ok()?)
        }
        None => (number("cpu.cfs_quota_us")?, number("cpu.cfs_period_us")?),
    };
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

fn memory_limit(group: &Path) -> Option<u64> {
    // The first version writes a number near the largest possible for "none".
    const NONE: u64 = 1 << 62;
    let line = text(group.join("memory.max")).or_else(|| text(group.join("memory.limit_in_bytes")))?;
    line.parse().ok().filter(|limit| *limit < NONE)
}

fn meminfo(name: &str) -> Option<u64> {
    let text = text("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
}

fn text(path: impl AsRef<Path>) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}
