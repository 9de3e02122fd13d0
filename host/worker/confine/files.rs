//! Landlock: which files a child reaches, whatever system calls it makes.

use std::io;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope,
};

use crate::setup::DirGrant;

/// The newest interface that we know; of an older kernel's, what it has.
const KNOWN: ABI = ABI::V9;

/// Denies every file but those in directories, all TCP and connections to abstract sockets and signals to processes
/// outside.
pub(super) fn deny(dirs: &[DirGrant]) -> io::Result<()> {
    let status = restrict(dirs).map_err(io::Error::other)?;
    // How far it goes depends on the kernel; on any that has it at all, it is about files.
    if status == RulesetStatus::NotEnforced { Err(io::Error::from_raw_os_error(libc::ENOSYS)) } else { Ok(()) }
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
