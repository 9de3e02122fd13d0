//! Records of an unordered run, brought into the order of their rows in bounded memory: stretches of the file are sorted
//! by themselves and kept in a temporary file, and read beside each other.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::cli::records::cursor::Cursor;

/// Bytes of records that are sorted at a time. One record may exceed it alone.
const SORTED: usize = 16 << 20;

/// Cursors over the records of an unordered file, each of them in the order of ids.
pub fn sorted(mut records: Cursor, path: &Path, size: usize) -> Result<Vec<Cursor>> {
    let cannot = || format!("cannot keep the records of {} in a temporary file", path.display());
    let mut out = BufWriter::new(tempfile::tempfile().with_context(cannot)?);
    let (mut ends, mut end) = (Vec::new(), 0);
    let (mut lines, mut bytes, mut line) = (Vec::new(), 0, Vec::new());
    loop {
        let head = records.head()?;
        let is_whole = head.is_some() && records.take(&mut line)?;
        if let Some(head) = head.filter(|_| is_whole) {
            bytes += line.len();
            lines.push((head.id, std::mem::take(&mut line)));
        }
        if bytes >= SORTED || !is_whole {
            // Stable: the first of two records of a row stays the first.
            lines.sort_by_key(|(id, _)| *id);
            lines.iter().try_for_each(|(_, line)| out.write_all(line)).with_context(cannot)?;
            ends.push((end, end + bytes as u64));
            end += bytes as u64;
            lines.clear();
            bytes = 0;
        }
        if !is_whole {
            break;
        }
    }
    let file: File = out.into_inner().map_err(|error| error.into_error()).with_context(cannot)?;
    let file = Arc::new(file);
    let cursor = |(from, to)| Cursor::new(file.clone(), path.to_owned(), from..to, size);
    let mut cursors: Vec<_> = ends.into_iter().map(cursor).collect();
    // A last line that is cut off was left out.
    cursors.iter_mut().for_each(|cursor| cursor.torn = records.torn);
    Ok(cursors)
}
