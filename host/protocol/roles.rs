//! The agreement of host and child before the first frame: the build, the command line, the descriptors.

use crate::model::inert;

/// The name of this build. Host and child compare it before anything else, because the frames between them are not a
/// public format. It is also part of the name of a cached image, because builds compile a program differently.
pub const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), "/wire-10");

/// The first of wpool's arguments to a child. The role and the host's process id follow it.
pub(crate) const CHILD_ARGUMENT: &str = "__wpool-child";

/// Descriptor of a worker's image, the first that is handed over.
#[cfg(feature = "engine")]
pub(crate) const IMAGE_FD: i32 = 3;

/// Descriptor of a worker's shared page.
#[cfg(feature = "engine")]
pub(crate) const PAGE_FD: i32 = 4;

/// Descriptor of the file with the state that a worker's instances begin with. Without such a state it is the image.
#[cfg(feature = "engine")]
pub(crate) const STATE_FD: i32 = 5;

/// Bytes that the kernel keeps of the short name of a process.
#[cfg(feature = "engine")]
const MOST_OF_A_NAME: usize = 15;

/// Characters of a program's name where processes are listed.
const MOST_OF_A_PROGRAM: usize = 60;

/// The name of a child in lists of processes: `wpool worker 3 (primes.wasm)`. It is the first of the child's arguments.
pub(crate) fn label(role: Role, slot: Option<usize>, program: &str) -> String {
    let slot = slot.map(|slot| format!(" {slot}")).unwrap_or_default();
    let program: String = inert::text(program).chars().take(MOST_OF_A_PROGRAM).collect();
    format!("wpool {}{slot} ({program})", role.as_str())
}

/// The short name for a label: `wpool worker 3`, or `worker 1023`. `None` for a text that is not a label.
#[cfg(feature = "engine")]
pub(crate) fn short_name(label: &str) -> Option<&str> {
    let (name, _) = label.split_once(" (")?;
    let bare = name.strip_prefix("wpool ")?;
    Some(if name.len() > MOST_OF_A_NAME { bare } else { name })
}

/// The purpose of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Worker,
    /// A worker that runs `init` once and ends.
    Initializer,
    Compiler,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Worker => "worker",
            Role::Initializer => "initializer",
            Role::Compiler => "compiler",
        }
    }
}

#[cfg(all(test, feature = "engine"))]
mod tests {
    use super::*;

    #[test]
    fn children_are_called_by_their_role_and_slot() {
        let worker = label(Role::Worker, Some(3), "a\0\x1b(b).wasm");
        assert_eq!(worker, "wpool worker 3 (a\\u{0}\\u{1b}(b).wasm)");
        assert_eq!(short_name(&worker), Some("wpool worker 3"));
        assert_eq!(short_name(&label(Role::Worker, Some(1023), "p")), Some("worker 1023"));
        assert_eq!(short_name(&label(Role::Compiler, None, "p")), Some("wpool compiler"));
        assert_eq!(short_name("/usr/bin/wpool (old)"), None);
    }
}
