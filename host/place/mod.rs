//! Files, reached by the descriptor of their folder.
//!
//! A guest with a writable directory, or another user in a shared folder, can put anything at a name, at any time. So
//! the host opens a folder once and reaches everything in it through that descriptor. It follows no link at the last
//! name, waits for no pipe, reads only regular files, and replaces a file by renaming a new one over it.
//! `docs/design/fence.md` lists every path of the host, and the strangers who may have chosen its content.

mod dir;
mod draft;
mod found;
mod name;

pub use self::dir::Dir;
pub use self::draft::Draft;
pub use self::found::{Found, Kind, check_owner};
pub use self::name::{PRIVATE, PUBLIC, Place};
