//! What host and child agree on before the first frame: the build, the command line, the descriptors.

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
