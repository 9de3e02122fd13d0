//! The agreement of host and child before the first frame: the build, the command line, the descriptors.

/// The name of this build. Host and child compare it before anything else, because the frames between them are not a
/// public format. It is also part of the name of a cached image, because builds compile a program differently.
pub const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), "/wire-7");

/// The first of wpool's arguments to a child. The role and the host's process id follow it.
pub(crate) const CHILD_ARGUMENT: &str = "__wpool-child";

/// Descriptor of a worker's image, the first that is handed over.
#[cfg(feature = "engine")]
pub(crate) const IMAGE_FD: i32 = 3;

/// Descriptor of a worker's shared page.
#[cfg(feature = "engine")]
pub(crate) const PAGE_FD: i32 = 4;

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
