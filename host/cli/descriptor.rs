//! Descriptors that paths name: `/dev/stdout`, `/dev/fd/3`, `/proc/self/fd/3`.
//!
//! To open such a path is to open the file behind it once more, from its beginning, and to replace it is to remove that
//! file. Who names it means the descriptor, with its position and its flags.

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_getfd, fcntl_setfd};

use crate::cli::stdout;

/// Links from one name of a descriptor to another: `/dev/stdout` leads to `/proc/self/fd/1`, or through `/dev/fd`.
const MAX_LINKS: usize = 4;
/// Only root makes links in this folder.
const DEVICES: &str = "/dev";
const STDOUT: RawFd = 1;
/// The first descriptor that is not a standard stream.
const FIRST: RawFd = 3;

/// The number of the descriptor of this process that a path names, be it open or not.
pub fn number(path: &Path) -> Option<RawFd> {
    let mut path = std::path::absolute(path).ok()?;
    for _ in 0..MAX_LINKS {
        let folder = std::fs::canonicalize(path.parent()?).ok()?;
        let name = path.file_name()?;
        if lists_own(&folder) {
            return name.to_str()?.parse().ok().filter(|number| *number >= 0);
        }
        if folder != Path::new(DEVICES) {
            return None;
        }
        path = folder.join(std::fs::read_link(folder.join(name)).ok()?);
    }
    None
}

/// The file that is open at a path that names a descriptor, without links on its path; `None` of a pipe.
pub fn file(path: &Path) -> Option<PathBuf> {
    let number = number(path)?;
    path.is_file().then(|| std::fs::read_link(format!("/proc/self/fd/{number}")).ok())?
}

/// Whether a folder has the descriptors of this process as its names.
fn lists_own(folder: &Path) -> bool {
    let Ok(own) = std::fs::canonicalize("/proc/self") else { return false };
    let Ok(rest) = folder.strip_prefix(own) else { return false };
    let parts: Vec<_> = rest.iter().collect();
    matches!(&parts[..], [fd] | [_, _, fd] if *fd == "fd") && (parts.len() == 1 || parts[0] == "task")
}

/// Whether a path stands for standard input where a file is read.
pub fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Whether a path is a name of standard output.
pub fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-" || number(path) == Some(STDOUT)
}

/// The descriptor of this number, for writing: what is written comes behind what was written to it before.
pub fn writer(number: RawFd) -> io::Result<File> {
    if number == STDOUT && stdout::was_closed() {
        return Err(stdout::closed().source);
    }
    let file = copy(number).ok_or_else(|| io::Error::other("no file is open with this number"))?;
    let flags = rustix::fs::fcntl_getfl(&file)?;
    if flags & OFlags::RWMODE == OFlags::RDONLY || flags.contains(OFlags::PATH) {
        return Err(io::Error::other("it is not open for writing"));
    }
    Ok(file)
}

/// A descriptor that is the same as one that the process was started with.
#[allow(unsafe_code, reason = "a number that was typed is made a descriptor")]
pub fn copy(number: RawFd) -> Option<File> {
    // SAFETY: it lives to the end of this function. The standard streams are open all the time; of another number the
    // kernel is asked whether it is open, and only those from before `main` lack the flag, which nothing here closes.
    let descriptor = (number >= 0).then(|| unsafe { BorrowedFd::borrow_raw(number) })?;
    let flags = fcntl_getfd(descriptor).ok()?;
    let inherited = number < FIRST || !flags.contains(FdFlags::CLOEXEC);
    fcntl_dupfd_cloexec(descriptor, FIRST).ok().filter(|_| inherited).map(File::from)
}

/// Has no child get a descriptor that the process was started with, but for the standard streams. From then on [`copy`]
/// takes it for one of wpool's own.
#[allow(unsafe_code, reason = "a number that was typed is made a descriptor")]
pub fn keep_from_children(number: RawFd) {
    if number < FIRST {
        return;
    }
    // SAFETY: as in `copy`.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    // A descriptor that is not open needs no flag.
    let _ = fcntl_setfd(descriptor, FdFlags::CLOEXEC);
}
