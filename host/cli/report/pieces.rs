//! Records to be written, in pieces of a bounded number of rows.

use std::sync::Arc;

use wpool::{Outcome, TaskResult};

use crate::cli::journal::MAX_ROWS;
use crate::cli::records::out_dir::OutDir;
use crate::cli::records::writer::{Piece, Writer};

/// Records to be written.
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

    /// Hands everything over, and says whether all of it is wanted.
    pub async fn write(self, output: &Writer, failed: Option<&Writer>) -> bool {
        let mut wanted = true;
        self.full.iter().chain([&self.last]).for_each(|piece| output.pace().announce(&piece.lines));
        for piece in self.full.into_iter().chain([self.last]) {
            wanted &= output.write(piece).await;
        }
        if let Some(writer) = failed {
            writer.pace().announce(&self.failed.lines);
            wanted &= writer.write(self.failed).await;
        }
        wanted
    }
}

/// Has an output written as a file, if outputs are, and gives the path for the record.
pub fn push_file(dir: Option<&Arc<OutDir>>, result: &TaskResult, piece: &mut Piece) -> Option<String> {
    let (Some(dir), Outcome::Ok(output)) = (dir, &result.outcome) else { return None };
    // The row would have been rejected if it made no name.
    let name = dir.name(&result.input, result.id.0).ok()?;
    let shown = dir.show(&name);
    piece.push_file(dir, name, output);
    Some(shown)
}
