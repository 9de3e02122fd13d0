//! Landlock: the files that a child reaches, by whatever system calls.
//!
//! Its protection grows with the kernel. Every version denies files. Version 3 (Linux 6.2) also keeps opening from
//! truncating them, which a granted directory needs. Version 4 (6.7) denies TCP, and version 6 (6.12) signals and
//! abstract sockets. On an older kernel, a namespace without devices and the list of system calls still deny these. No
//! version hides the facts about a file (`stat`), its times and the target of a link.
#![allow(unsafe_code, reason = "the version is asked for by a system call that nothing wraps")]

use std::ffi::c_long;
use std::{io, ptr};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope,
};

use super::needs::Needs;
use crate::child::granted;

/// The newest interface that we know. An older kernel provides a part of it.
const KNOWN: ABI = ABI::V9;

/// The first version that controls truncation. Without it, `:ro` would not keep a file's content.
const KNOWS_TRUNCATE: c_long = 3;

/// `LANDLOCK_CREATE_RULESET_VERSION`.
const ASK_VERSION: u32 = 1;

/// Denies every file outside the directories and the file system of scratch directories, all TCP, connections to
/// abstract sockets, and signals to processes outside.
pub(super) fn deny(needs: &Needs<'_>) -> io::Result<()> {
    if needs.files() && version()? < KNOWS_TRUNCATE {
        return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
    }
    match restrict(needs).map_err(io::Error::other)? {
        RulesetStatus::NotEnforced => Err(version().err().unwrap_or(io::ErrorKind::Unsupported.into())),
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
    }
}

/// This kernel's version of Landlock.
///
/// # Errors
/// The reason why it has none: the kernel lacks it, it is switched off, or it is denied to this process.
fn version() -> io::Result<c_long> {
    // SAFETY: with this flag the call takes no memory and changes nothing.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, ptr::null::<u8>(), 0usize, ASK_VERSION) };
    if version < 0 { Err(io::Error::last_os_error()) } else { Ok(version) }
}

fn restrict(needs: &Needs<'_>) -> Result<RulesetStatus, RulesetError> {
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?;
    let mut ruleset = ruleset.create()?;
    for dir in needs.dirs {
        // A task that opens the directory will report the error.
        let Ok(opened) = granted::open(&dir.host) else { continue };
        ruleset = ruleset.add_rule(PathBeneath::new(opened, rights(dir.writable)))?;
    }
    if let Some(empty) = needs.empty_dir
        && let Ok(opened) = PathFd::new(empty)
    {
        ruleset = ruleset.add_rule(PathBeneath::new(opened, rights(false)))?;
    }
    if let Some(scratch) = needs.scratch {
        ruleset = ruleset.add_rule(PathBeneath::new(scratch, rights(true)))?;
    }
    Ok(ruleset.restrict_self()?.ruleset)
}

/// The rights for WASI's functions, and no more: nothing is run, and no device, pipe or socket is made.
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
