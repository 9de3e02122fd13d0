//! Facts about processes from `/proc`.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// Children of any thread of a process.
pub fn children(parent: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let text: String = threads.map(|thread| read(&thread.path().join("children").to_string_lossy())).collect();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// A field of `/proc/PID/FILE` that is a number of KiB.
pub fn kib(pid: u32, file: &str, field: &str) -> u64 {
    let text = read(&format!("/proc/{pid}/{file}"));
    let line = text.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Processor time of a whole command without its children, to a hundredth of a second.
pub fn cpu_of(command: &mut Command) -> Duration {
    let mut child: Child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let pid = Pid::from_child(&child);
    // The process has ended, but its facts can still be read.
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).expect("it can be waited for");
    let stat = read(&format!("/proc/{}/stat", child.id()));
    assert!(child.wait().is_ok_and(|status| status.success()), "{command:?} failed");
    let fields: Vec<&str> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().expect("a number")).sum();
    Duration::from_secs_f64(ticks as f64 / clock_ticks_per_second() as f64)
}

/// A file of `/proc`, or nothing once its process has gone.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
