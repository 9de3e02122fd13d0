//! Rows that are files.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;

use wpool::limits::MAX_INPUT;
use wpool::{Input, Rejected};

use crate::cli::plan::{QUOTED, RowFile};
use crate::cli::rows::sink::{BLOCK, Sink};

/// Files in a batch, so that the first ones run while the others are read.
const BATCH_FILES: usize = 32;

/// Reads files in their order, until nobody wants more.
pub(super) fn read(paths: &[RowFile], sink: &mut Sink) {
    let mut batch = Vec::new();
    let mut bytes = 0;
    for (path, position) in paths.iter().zip(0..) {
        let row = if sink.reads(position, path) { row(path) } else { Input::new("").named(path.name().0) };
        bytes += row.bytes.len();
        batch.push(row.into());
        if bytes >= BLOCK || batch.len() == BATCH_FILES {
            if !sink.send(std::mem::take(&mut batch)) {
                return;
            }
            bytes = 0;
        }
    }
    sink.send(batch);
}

/// The row that a file is. One that cannot be read keeps its place, with the reason.
fn row(path: &RowFile) -> Input {
    let (name, is_quoted) = path.name();
    if is_quoted {
        let reason = Rejected::because("file-name", "its name is not UTF-8");
        return Input::rejected(reason).named(name).tagged(QUOTED);
    }
    let row = match content(path) {
        Ok(bytes) if bytes.len() > MAX_INPUT => Input::rejected(Rejected::TooLong),
        Ok(bytes) => Input::new(bytes),
        Err(error) => Input::rejected(Rejected::because("file-read", format!("cannot read it: {error}"))),
    };
    row.named(name)
}

/// At most one byte more than a row may have.
fn content(path: &RowFile) -> io::Result<Vec<u8>> {
    // Opening a pipe in its place could never return.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(&**path)?;
    path.check(&file)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::with_capacity((metadata.len() as usize).min(MAX_INPUT) + 1);
    file.take(MAX_INPUT as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
