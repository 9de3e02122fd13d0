//! What is to be written, in pieces of a bounded number of rows.

use wpool::Input;

use crate::cli::journal::MAX_ROWS;
use crate::cli::plan::{QUOTED, push_path};
use crate::cli::records::writer::Piece;

/// Appends a row to those that failed. False where its bytes were not kept.
pub fn push_row(row: &Input, lines: &mut Vec<u8>) -> bool {
    match row.name.as_deref() {
        Some(name) if row.tag == QUOTED => lines.extend_from_slice(name.as_bytes()),
        Some(name) => push_path(name.as_bytes(), lines),
        // The only row of a run without input.
        None if row.bytes.is_empty() => return !row.is_rejected(),
        None => lines.extend_from_slice(&row.bytes),
    }
    lines.push(b'\n');
    true
}

/// What is to be written.
#[derive(Default)]
pub struct Pieces {
    pub full: Vec<Piece>,
    pub last: Piece,
    pub failed: Piece,
}

impl Pieces {
    /// The piece to add to: another one when the last has as many rows as a group of the journal.
    pub fn next(&mut self) -> &mut Piece {
        if self.last.rows() >= MAX_ROWS {
            self.full.push(std::mem::take(&mut self.last));
        }
        &mut self.last
    }
}
