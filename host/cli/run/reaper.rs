//! The duty of the first process of a container: orphans become its children, and somebody has to take their ends.

use std::io;
use std::time::Duration;

use rustix::process::{Pid, WaitOptions, getpid, waitpid};

/// How often ends are looked for. Until it is taken, each keeps a number and nothing else.
const LOOK: Duration = Duration::from_secs(1);

/// Takes the ends of orphans from here on, if that is this process's to do. The tools of a build are no orphans: they
/// must have ended before.
///
/// # Errors
/// When no thread can be started.
pub fn start() -> io::Result<()> {
    if !getpid().is_init() {
        return Ok(());
    }
    let thread = std::thread::Builder::new().name("wpool-reaper".into());
    thread.spawn(|| {
        let mut before = Vec::new();
        loop {
            let ended = ended();
            // A child that ends before it leads a session looks like an orphan, too. Whoever started it waits for it at
            // once, and must find it.
            for orphan in ended.iter().filter(|orphan| before.contains(*orphan)) {
                let _ = waitpid(Some(*orphan), WaitOptions::NOHANG);
            }
            before = ended;
            std::thread::sleep(LOOK);
        }
    })?;
    Ok(())
}

/// Children that have ended and that nobody else waits for.
fn ended() -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let ended = numbers.filter(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        is_ended_orphan(*pid, &stat)
    });
    ended.filter_map(Pid::from_raw).collect()
}

/// Whether a process is a dead child of the first one, as its `stat` tells it. Workers and compilers lead sessions of
/// their own, and the pool waits for them.
fn is_ended_orphan(pid: i32, stat: &str) -> bool {
    // The name before the last parenthesis is anything.
    let Some((_, fields)) = stat.rsplit_once(')') else { return false };
    let mut fields = fields.split_whitespace();
    let (state, parent, session) = (fields.next(), fields.next(), fields.nth(1));
    state == Some("Z") && parent == Some("1") && session != Some(&pid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dead_orphans_are_taken() {
        assert!(is_ended_orphan(9, "9 (a) b) Z 1 7 7 0"));
        assert!(!is_ended_orphan(9, "9 (sleep) S 1 7 7 0"), "it lives");
        assert!(!is_ended_orphan(9, "9 (exe) Z 1 9 9 0"), "it is a worker");
        assert!(!is_ended_orphan(9, "9 (sleep) Z 8 7 7 0"), "it has a parent");
        assert!(!is_ended_orphan(9, "") && !is_ended_orphan(9, ")"));
    }
}
