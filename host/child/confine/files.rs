//! Landlock: which files a child reaches, whatever system calls it makes.
//!
//! What it denies grows with the kernel. Files are denied by every version; from 3 on (Linux 6.2), opening also does not cut
//! them, and a granted directory needs that; TCP from 4 on (6.7), signals and abstract sockets from 6 on (6.12). On an older
//! kernel a namespace without devices and the list of system calls still hold those. What a file is (`stat`), its times and
//! where a link leads are denied by none.
#![allow(unsafe_code, reason = "the version is asked for by a system call that nothing wraps")]

use std::ffi::c_long;
use std::{io, ptr};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope,
};

use crate::model::grants::DirGrant;

/// The newest interface that we know; of an older kernel's, what it has.
const KNOWN: ABI = ABI::V9;

/// The first that knows of cutting a file: without it, `:ro` would not keep a file's content.
const KNOWS_TRUNCATE: c_long = 3;

/// `LANDLOCK_CREATE_RULESET_VERSION`.
const ASK_VERSION: u32 = 1;

/// Denies every file but those in directories, all TCP and connections to abstract sockets and signals to processes
/// outside.
pub(super) fn deny(dirs: &[DirGrant]) -> io::Result<()> {
    if !dirs.is_empty() && version()? < KNOWS_TRUNCATE {
        return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
    }
    match restrict(dirs).map_err(io::Error::other)? {
        RulesetStatus::NotEnforced => Err(version().err().unwrap_or(io::ErrorKind::Unsupported.into())),
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
    }
}

/// What this kernel has of it.
///
/// # Errors
/// Why there is nothing: the kernel lacks it, it is switched off, or something denies it to this process.
fn version() -> io::Result<c_long> {
    // SAFETY: with this flag the call takes no memory and changes nothing.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, ptr::null::<u8>(), 0usize, ASK_VERSION) };
    if version < 0 { Err(io::Error::last_os_error()) } else { Ok(version) }
}

fn restrict(dirs: &[DirGrant]) -> Result<RulesetStatus, RulesetError> {
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?;
    let mut ruleset = ruleset.create()?;
    for dir in dirs {
        // A task that opens it will say what is wrong with it.
        let Ok(opened) = PathFd::new(&dir.host) else { continue };
        ruleset = ruleset.add_rule(PathBeneath::new(opened, rights(dir.writable)))?;
    }
    Ok(ruleset.restrict_self()?.ruleset)
}

/// What WASI has functions for, and no more: nothing is run, and no device, pipe or socket is made.
fn rights(writable: bool) -> BitFlags<AccessFs> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::RemoveDir
        | AccessFs::RemoveFile
        | AccessFs::MakeDir
        | AccessFs::MakeReg
        | AccessFs::MakeSym
        | AccessFs::Refer;
    if writable { read | write } else { read }
}
