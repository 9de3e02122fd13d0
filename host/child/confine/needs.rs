//! What a fence has to leave open for one child.

use crate::model::grants::DirGrant;
use crate::protocol::roles::Role;

/// What a child keeps inside its fence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs<'a> {
    pub role: Role,
    /// The host, with which it dies.
    pub host: i32,
    pub dirs: &'a [DirGrant],
    /// Bytes of memory that it may take beside what it has. `None` where it has a limit already.
    pub data: Option<u64>,
}
