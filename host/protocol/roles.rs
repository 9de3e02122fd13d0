//! What host and child agree on before the first frame: the build, the command line, the descriptors.

use crate::model::inert;

/// What names this build: host and child compare it before anything else, because the frames between them are no public
/// format. It is part of what names a cached image, too: builds differ in what they make of a program.
pub const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), "/wire-7");

/// First of wpool's arguments to a child. It is followed by the role and the host's process id.
pub(crate) const CHILD_ARGUMENT: &str = "__wpool-child";

/// Descriptor of a worker's image, and the first of those handed over.
#[cfg(feature = "engine")]
pub(crate) const IMAGE_FD: i32 = 3;

/// Descriptor of a worker's shared page.
#[cfg(feature = "engine")]
pub(crate) const PAGE_FD: i32 = 4;

/// Bytes that the kernel keeps of the short name of a process.
#[cfg(feature = "engine")]
const MOST_OF_A_NAME: usize = 15;

/// Characters of a program's name where processes are listed.
const MOST_OF_A_PROGRAM: usize = 60;

/// What lists of processes call a child: `wpool worker 3 (primes.wasm)`. It is the first of the child's arguments.
pub(crate) fn label(role: Role, slot: Option<usize>, program: &str) -> String {
    let slot = slot.map(|slot| format!(" {slot}")).unwrap_or_default();
    let program: String = inert::text(program).chars().take(MOST_OF_A_PROGRAM).collect();
    format!("wpool {}{slot} ({program})", role.as_str())
}

/// The short name that fits a label: `wpool worker 3`, or `worker 1023`. `None` for what is not a label.
#[cfg(feature = "engine")]
pub(crate) fn short_name(label: &str) -> Option<&str> {
    let (name, _) = label.split_once(" (")?;
    let bare = name.strip_prefix("wpool ")?;
    Some(if name.len() > MOST_OF_A_NAME { bare } else { name })
}

/// What a child is for.
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
