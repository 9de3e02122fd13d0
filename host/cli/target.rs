//! Where an output goes: to a place in a folder that was opened before the first task, or to a device, a pipe or an open
//! descriptor as it is.
//!
//! A guest that may write to a directory, or another user, can put a link at any name there. So a link is never followed,
//! but for those of `/dev` and `/proc` that lead to a device or a pipe; a file is replaced by a new one, or cut off when
//! it is the user's own and has no other name; and what belongs to somebody else is left alone.

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use wpool::place::{Found, Kind, PUBLIC, Place};

use crate::cli::descriptor;
use crate::cli::errors::{CannotWrite, Usage};
use crate::cli::guard::{self, Guard};
use crate::cli::journal::{beside, is_free};

/// Folders whose links lead to devices and open descriptors; only root puts something there.
const SYSTEM: [&str; 2] = ["/dev", "/proc"];

/// The mode of what another user's program reads, whatever the umask.
const READABLE: u32 = 0o644;

/// Where an output goes.
#[derive(Clone, Debug)]
pub struct Target {
    path: PathBuf,
    way: Way,
    overwrite: bool,
}

/// How a target is reached.
#[derive(Clone, Debug)]
enum Way {
    /// A device or a pipe, which is opened by its path.
    Path,
    /// A file, or where one is to be.
    Place(Place),
    /// A descriptor that was open before the run.
    Descriptor(Arc<File>),
}

/// Refuses an output where something stands that is not to be written to. `replace` says whether the user's own file may be
/// replaced, and `overwrite` whether that was asked for by name.
pub fn check(path: &Path, replace: bool, overwrite: bool) -> Result<(), Usage> {
    if descriptor::number(path).is_some() {
        return Ok(());
    }
    let Ok(found) = std::fs::symlink_metadata(path) else { return Ok(()) };
    let (shown, own) = (path.display(), is_own(&found));
    let refuse = |what: String| Err(Usage(format!("{shown} {what}")));
    match stream(path, &found) {
        Some(stream) if stream.file_type().is_fifo() && !is_own(&stream) && !overwrite => {
            refuse("is a pipe of another user; --overwrite writes to it".into())
        }
        Some(_) => Ok(()),
        None if found.is_symlink() => {
            let to = std::fs::read_link(path).unwrap_or_default();
            let to = to.display();
            refuse(format!(
                "is a link to {to}, and no link is followed to write a file: name that file, or remove the link"
            ))
        }
        None if found.is_dir() => refuse("is a directory".into()),
        None if !own => refuse("belongs to another user; remove it, or name another file".into()),
        None if !replace && beside(path).is_dir() => {
            refuse("exists; resume its run with --resume, or replace it with --overwrite".into())
        }
        None if !replace => refuse("exists; replace it with --overwrite".into()),
        None => Ok(()),
    }
}

/// The file that a path leads to, which is written to as it is.
fn stream(path: &Path, found: &Metadata) -> Option<Metadata> {
    let stream = if found.is_symlink() {
        let folder = std::fs::canonicalize(std::path::absolute(path).ok()?.parent()?).ok()?;
        let is_system = SYSTEM.iter().any(|system| folder.starts_with(system));
        std::fs::metadata(path).ok().filter(|_| is_system)?
    } else {
        found.clone()
    };
    (!stream.is_file() && !stream.is_dir() && !stream.is_symlink()).then_some(stream)
}

fn is_own(found: &Metadata) -> bool {
    found.uid() == rustix::process::geteuid().as_raw()
}

impl Target {
    /// Where a path leads. Its folder is opened. `overwrite` allows to replace what stands there.
    pub fn of(path: &Path, overwrite: bool) -> Result<Target, CannotWrite> {
        let cannot = CannotWrite::at(path);
        let found = std::fs::symlink_metadata(path).ok();
        let way = if let Some(number) = descriptor::number(path) {
            Way::Descriptor(Arc::new(descriptor::writer(number).map_err(cannot)?))
        } else if found.and_then(|found| stream(path, &found)).is_some() {
            Way::Path
        } else {
            Way::Place(Place::of(path).map_err(cannot)?)
        };
        Ok(Target { path: path.to_owned(), way, overwrite })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether what stands there may be replaced.
    pub fn replaces(&self) -> bool {
        self.overwrite
    }

    /// The place of a file, whether one stands there or not.
    pub fn place(&self) -> Option<&Place> {
        match &self.way {
            Way::Place(place) => Some(place),
            Way::Path | Way::Descriptor(_) => None,
        }
    }

    /// The guard of lines that go there: a stream may be the log of a CI, and a program behind a pipe gets the values of
    /// JSON as they are. Text that goes elsewhere than to the standard streams stays as it is.
    pub fn guard(&self, lines: Guard) -> Guard {
        let is_standard = || descriptor::number(&self.path).is_some_and(|number| (1..=2).contains(&number));
        match self.way {
            Way::Place(_) => Guard::Off,
            _ if guard::is_on() && (lines == Guard::Json || is_standard()) => lines,
            _ => Guard::Off,
        }
    }

    /// The file, to be written from its beginning.
    pub fn open(&self) -> Result<File, CannotWrite> {
        let opened = match &self.way {
            Way::Path => open_stream(&self.path),
            Way::Place(place) => open_file(place, self.overwrite),
            Way::Descriptor(file) => file.try_clone(),
        };
        opened.map_err(CannotWrite::at(&self.path))
    }

    /// Makes a file of the bytes stand there, whole or not at all.
    pub fn write(&self, bytes: &[u8]) -> Result<(), CannotWrite> {
        let written = match &self.way {
            Way::Path => open_stream(&self.path).and_then(|mut stream| stream.write_all(bytes)),
            Way::Place(place) => place.replace(bytes, PUBLIC, self.overwrite),
            Way::Descriptor(file) => (&**file).write_all(bytes),
        };
        written.map_err(CannotWrite::at(&self.path))
    }

    /// Makes a file of the bytes stand there that everybody may read, whole or not at all.
    pub fn publish(&self, bytes: &[u8]) -> Result<(), CannotWrite> {
        let published = |place: &Place| {
            let mut draft = place.draft(PUBLIC)?;
            rustix::fs::fchmod(&draft.file, Mode::from_raw_mode(READABLE))?;
            draft.file.write_all(bytes)?;
            draft.put(self.overwrite).map(drop)
        };
        let place = self.place().ok_or_else(|| io::Error::other("it is not a regular file"));
        place.and_then(published).map_err(CannotWrite::at(&self.path))
    }

    /// Whether opening it may wait for a reader.
    pub fn waits(&self) -> bool {
        matches!(self.way, Way::Path)
    }

    /// Finds out whether [`Target::write`] could make its file.
    pub fn try_out(&self) -> Result<(), CannotWrite> {
        let made = self.place().map_or(Ok(()), |place| place.draft(PUBLIC).map(drop));
        made.map_err(CannotWrite::at(&self.path))
    }

    /// Removes the user's own file there, which tells of an earlier run. In a folder that lets nothing be removed it stays.
    pub fn clear(&self) {
        let Some(place) = self.place() else { return };
        if place.look().is_ok_and(|found| found.is_some_and(|found| found.kind == Kind::File && found.own)) {
            let _ = place.remove();
        }
    }
}

fn open_stream(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOCTTY.bits().cast_signed();
    let file = File::options().write(true).custom_flags(flags).open(path)?;
    match Found::of_file(&file)?.kind {
        Kind::Pipe | Kind::Device => Ok(file),
        // It was one when it was named.
        _ => Err(io::Error::other("it is not a device or a pipe any more")),
    }
}

/// Opens a file for writing, cut off or new. Where one stands, it must be allowed to go.
pub fn open_file(place: &Place, overwrite: bool) -> io::Result<File> {
    let file = match place.look()? {
        None => place.create(PUBLIC)?,
        Some(_) if !overwrite => return Err(io::ErrorKind::AlreadyExists.into()),
        Some(found) if may_be_cut_off(found) => {
            // Refuses another user's file and a hard link that were put there meanwhile.
            let file = place.edit()?;
            check_free(&file)?;
            file.set_len(0)?;
            return Ok(file);
        }
        Some(found) => {
            if found.kind == Kind::File && found.own {
                check_free(&place.read()?)?;
            }
            place.draft(PUBLIC)?.put(true)?
        }
    };
    check_free(&file)?;
    Ok(file)
}

/// Whether nothing else than the named file changes when its content goes.
fn may_be_cut_off(found: Found) -> bool {
    found.kind == Kind::File && found.own && found.names == 1
}

/// Refuses a file that another run writes, by whatever name. Where files cannot be locked, none is refused.
pub fn check_free(file: &File) -> io::Result<()> {
    if is_free(file).unwrap_or(true) { Ok(()) } else { Err(io::Error::other("another run writes to it")) }
}
