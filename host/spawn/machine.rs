//! Limits that this process was started with, and its children with it, as a shell names them.

use std::io;
use std::path::Path;

use rustix::process::{Resource, getrlimit};

/// Limits by what `ulimit` calls them, with the bytes of its unit.
const MEMORY: [(Resource, char, u64); 2] = [(Resource::As, 'v', 1 << 10), (Resource::Data, 'd', 1 << 10)];
const FILES: [(Resource, char, u64); 1] = [(Resource::Nofile, 'n', 1)];
const PROCESSES: [(Resource, char, u64); 1] = [(Resource::Nproc, 'u', 1)];
const TIME: [(Resource, char, u64); 1] = [(Resource::Cpu, 't', 1)];

/// A limit of a process, the letter of its option in `ulimit`, and the unit of that option in bytes.
type Needed = (Resource, char, u64);

/// The words of a message when the lack of something has ended a child, with the limits of this process.
const SIGNS: [(&str, &[Needed]); 7] = [
    ("memory allocation of", &MEMORY),
    ("os error 12", &MEMORY),
    ("Cannot allocate memory", &MEMORY),
    ("os error 24", &FILES),
    ("os error 11", &PROCESSES),
    ("SIGXCPU", &TIME),
    ("SIGKILL", &TIME),
];

/// Seconds of processor time that a child may take.
pub(crate) fn processor_seconds() -> Option<u64> {
    getrlimit(Resource::Cpu).current
}

/// Bytes of memory that a child may write to.
pub(crate) fn data() -> Option<u64> {
    getrlimit(Resource::Data).current
}

/// Bytes of addresses that a child may map.
pub(crate) fn addresses() -> Option<u64> {
    getrlimit(Resource::As).current
}

/// The limits of this process that explain why something failed: `ulimit -v 4000000`. `None` if there are none.
pub(crate) fn explanation(why: &str) -> Option<String> {
    let sign = SIGNS.iter().find(|(sign, _)| why.contains(sign));
    let limits = sign?.1.iter().filter_map(|(resource, letter, unit)| {
        let limit = getrlimit(*resource).current?;
        // Everybody has some limit of files.
        Some(format!("`ulimit -{letter} {}`", limit / unit))
    });
    let limits = limits.collect::<Vec<_>>().join(" and ");
    (!limits.is_empty()).then_some(limits)
}

/// A message, with the limits of this process that explain it.
pub(crate) fn explained(why: String) -> String {
    const SAYS: &str = "wpool was started with";
    if why.contains(SAYS) {
        return why;
    }
    match explanation(&why) {
        Some(limits) => format!("{why}; {SAYS} {limits}, which may be too little"),
        None => why,
    }
}

/// Why a process of this executable could not be started.
pub(crate) fn not_started(program: &Path, error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::NotFound && program.starts_with("/proc") && !Path::new("/proc/self").exists() {
        return io::Error::new(error.kind(), "/proc is not mounted here, and workers are started through it: mount it");
    }
    let why = error.to_string();
    match explanation(&why) {
        Some(_) => io::Error::new(error.kind(), explained(why)),
        None => error,
    }
}
