//! A file system in memory that only this process sees: scratch directories of its tasks are in it.
//!
//! It is mounted nowhere. It exists as a descriptor, and ends with it, so nothing of it outlives the process, however the
//! process ends. The kernel keeps its bounds on bytes and files. Making it takes rights over mounts, which an ordinary
//! user has in a user namespace of its own. Everything happens before the fence is raised, which takes these rights away.
#![allow(
    unsafe_code,
    reason = "the calls for mounts are wrapped only by a feature that the other users of rustix do without"
)]

use std::ffi::{CStr, CString, c_long};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::{fs, io, ptr};

use rustix::process::{getgid, getuid};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::model::grants::Scratch;

/// `FSOPEN_CLOEXEC` and `FSMOUNT_CLOEXEC`.
const CLOSE_ON_EXEC: c_long = 1;
/// `FSCONFIG_SET_STRING` and `FSCONFIG_CMD_CREATE`.
const SET: c_long = 1;
const CREATE: c_long = 6;
/// `MOUNT_ATTR_NOSUID`, `MOUNT_ATTR_NODEV` and `MOUNT_ATTR_NOEXEC`: nothing in it is ever run.
const ATTRIBUTES: c_long = 2 | 4 | 8;

/// The root of a new file system with room for the directory of one task. Must be called while there is one thread.
///
/// # Errors
/// When neither this process nor a user namespace of its own may make one.
pub(in crate::child) fn file_system(scratch: &Scratch) -> io::Result<OwnedFd> {
    made(scratch).or_else(|_| {
        own_mounts()?;
        made(scratch)
    })
}

fn made(scratch: &Scratch) -> io::Result<OwnedFd> {
    let context = descriptor(libc::SYS_fsopen, [c"tmpfs".as_ptr() as c_long, CLOSE_ON_EXEC, 0, 0, 0])?;
    let set = |key: &CStr, value: String| {
        let value = CString::new(value)?;
        let (key, value) = (key.as_ptr() as c_long, value.as_ptr() as c_long);
        call(libc::SYS_fsconfig, [context.as_raw_fd().into(), SET, key, value, 0]).map(drop)
    };
    set(c"size", scratch.size.to_string())?;
    set(c"nr_inodes", scratch.files().to_string())?;
    set(c"mode", "0700".to_owned())?;
    let null = ptr::null::<u8>() as c_long;
    call(libc::SYS_fsconfig, [context.as_raw_fd().into(), CREATE, null, null, 0])?;
    descriptor(libc::SYS_fsmount, [context.as_raw_fd().into(), CLOSE_ON_EXEC, ATTRIBUTES, 0, 0])
}

/// Enters a user namespace and a mount namespace. In the former this process has its own user and group alone: files of a
/// user whom a namespace does not know cannot be made.
fn own_mounts() -> io::Result<()> {
    let (user, group) = (getuid().as_raw(), getgid().as_raw());
    // SAFETY: neither flag has to do with descriptors.
    unsafe { unshare_unsafe(UnshareFlags::NEWUSER | UnshareFlags::NEWNS) }?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1"))
}

fn descriptor(number: c_long, arguments: [c_long; 5]) -> io::Result<OwnedFd> {
    let fd = call(number, arguments)? as RawFd;
    // SAFETY: the call has made this descriptor, and nothing else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// One of the three calls above.
fn call(number: c_long, [a, b, c, d, e]: [c_long; 5]) -> io::Result<c_long> {
    // SAFETY: the pointers among the arguments are texts that live as long as the call, or null, and the calls only read.
    let result = unsafe { libc::syscall(number, a, b, c, d, e) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
