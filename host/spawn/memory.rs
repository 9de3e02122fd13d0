//! Memory that this machine, or the control groups of this process, have to give now.

use std::fs;
use std::path::{Path, PathBuf};

/// An amount, and its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Free {
    pub bytes: u64,
    /// As the beginning of "has free".
    pub who: &'static str,
}

/// The least of what the machine and each of the groups has; `None` where none says.
pub(crate) fn free() -> Option<Free> {
    free_of(Path::new("/proc"), Path::new("/sys/fs/cgroup"))
}

fn free_of(proc: &Path, cgroups: &Path) -> Option<Free> {
    let meminfo = text(proc.join("meminfo")).unwrap_or_default();
    let kib = |name| number_after(&meminfo, name).map(|kib| kib << 10);
    let machine = kib("MemAvailable:").map(|free| free.saturating_add(kib("SwapFree:").unwrap_or(0)));
    let machine = machine.map(|bytes| Free { bytes, who: "this machine" });
    let lines = text(proc.join("self/cgroup")).unwrap_or_default();
    let groups = groups(&lines, cgroups);
    let groups = groups.iter().filter_map(|group| free_in(group));
    groups.map(|bytes| Free { bytes, who: "its control group" }).chain(machine).min_by_key(|free| free.bytes)
}

/// The folders of the groups in these lines and of all above them, in either version of that interface.
fn groups(lines: &str, root: &Path) -> Vec<PathBuf> {
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

/// The bytes that a group may still take. Pages of files do not count: the kernel takes them back when they are wanted.
fn free_in(group: &Path) -> Option<u64> {
    let number = |names: [&str; 2]| names.iter().find_map(|name| text(group.join(name))?.parse::<u64>().ok());
    let limit = number(["memory.max", "memory.limit_in_bytes"])?;
    let used = number(["memory.current", "memory.usage_in_bytes"])?;
    let stat = text(group.join("memory.stat")).unwrap_or_default();
    let files = ["inactive_file ", "active_file "].iter().filter_map(|name| number_after(&stat, name)).sum();
    Some(limit.saturating_sub(used.saturating_sub(files)))
}

/// The number on the line that begins with a name.
fn number_after(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn text(path: impl AsRef<Path>) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_of_the_machine_and_the_groups_around_this_process_counts() {
        let place = tempfile::tempdir().expect("a folder");
        let (proc, groups) = (place.path().join("proc"), place.path().join("groups"));
        let own = groups.join("a/b");
        fs::create_dir_all(&own).expect("folders");
        fs::create_dir_all(proc.join("self")).expect("a folder");
        assert_eq!(free_of(&proc, &groups), None);
        fs::write(proc.join("meminfo"), "MemTotal: 9000 kB\nMemAvailable:  2000 kB\nSwapFree: 48 kB\n")
            .expect("a file");
        assert_eq!(free_of(&proc, &groups), Some(Free { bytes: 2048 << 10, who: "this machine" }));
        fs::write(proc.join("self/cgroup"), "0::/a/b\n").expect("a file");
        fs::write(own.join("memory.max"), "max\n").expect("a file");
        fs::write(own.join("memory.current"), "500\n").expect("a file");
        assert_eq!(free_of(&proc, &groups).map(|free| free.who), Some("this machine"));
        fs::write(groups.join("a/memory.max"), "1000\n").expect("a file");
        fs::write(groups.join("a/memory.current"), "700\n").expect("a file");
        fs::write(groups.join("a/memory.stat"), "anon 400\ninactive_file 200\nactive_file 50\n").expect("a file");
        assert_eq!(free_of(&proc, &groups), Some(Free { bytes: 550, who: "its control group" }));
    }
}
