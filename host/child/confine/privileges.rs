//! Rights between a child and other processes, in both directions.
#![allow(unsafe_code, reason = "namespaces are left by a call that may share descriptors between threads")]

use std::io;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags, capabilities, set_capabilities, unshare_unsafe};

/// The capabilities by which root reads and writes files of others.
const FILE_RIGHTS: CapabilitySet = CapabilitySet::DAC_OVERRIDE.union(CapabilitySet::FOWNER);

/// Whether this process reaches files that its user could not.
pub(super) fn has_file_rights() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::DAC_OVERRIDE))
}

/// Runs a function without capabilities, except those about files. A descriptor keeps the capabilities with which it
/// was opened: through the engine's list of this process's pages (`/proc/self/pagemap`), the kernel would show root the
/// physical address of each page.
pub(in crate::child) fn without_rights<T>(act: impl FnOnce() -> T) -> T {
    let Ok(before) = capabilities(None) else { return act() };
    let effective = before.effective & FILE_RIGHTS;
    // If this is refused, `drop_all` is refused, too, and reports it.
    let lowered = set_capabilities(None, CapabilitySets { effective, ..before }).is_ok();
    let result = act();
    if lowered {
        // Some namespaces can be left only with a capability. If this is refused, `leave_namespaces` reports it.
        let _ = set_capabilities(None, before);
    }
    result
}

/// Leaves the network, System V objects and host name of other processes, and their users: rights in a user namespace
/// of its own do not count outside. `keeps_user` keeps rights about files, which would end with a user namespace.
pub(super) fn leave_namespaces(keeps_user: bool) -> io::Result<()> {
    let flags = UnshareFlags::NEWNET | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    if !keeps_user && unshare(flags | UnshareFlags::NEWUSER).is_ok() {
        return Ok(());
    }
    // Root can do this even if nobody may have user namespaces.
    unshare(flags)
}

fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: none of the flags that are used here has to do with descriptors.
    Ok(unsafe { unshare_unsafe(flags) }?)
}

/// Gives up every capability, except those about files on request, and closes `/proc/PID` to other processes of the
/// same user: they can neither attach to this process nor read its memory.
pub(super) fn drop_all(keeps_file_rights: bool) -> io::Result<()> {
    let kept = if keeps_file_rights { FILE_RIGHTS } else { CapabilitySet::empty() };
    let kept = kept & capabilities(None)?.permitted;
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() })?;
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}
