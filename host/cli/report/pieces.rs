//! What is to be written, in pieces of a bounded number of rows.

use crate::cli::journal::MAX_ROWS;
use crate::cli::records::writer::Piece;

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
