//! Where a row stands.

use wpool::Input;

use crate::cli::descriptor::is_stdin;
use crate::cli::plan::{RowFile, Source};

/// Bits of a tag for the line; the rest is the number of the file.
pub const LINE_BITS: u32 = 48;

/// Says where a row stands.
#[derive(Clone, Debug)]
pub struct Locator(Vec<String>);

impl Locator {
    pub fn new(source: &Source) -> Self {
        let show = |file: &RowFile| if is_stdin(file) { "<stdin>".into() } else { file.display().to_string() };
        Locator(match source {
            Source::Lines(files) => files.iter().map(show).collect(),
            Source::Files(_) | Source::Once => Vec::new(),
        })
    }

    /// The files of rows that are lines, in words.
    pub fn files(&self) -> String {
        let files = self.0.iter().map(|file| if file == "<stdin>" { "standard input" } else { file });
        files.collect::<Vec<_>>().join(", ")
    }

    /// `FILE:LINE` of a row that is a line, `FILE` of one that is a file.
    pub fn locate(&self, row: &Input) -> Option<String> {
        if let Some(name) = &row.name {
            return Some(name.to_string());
        }
        let file = self.0.get((row.tag >> LINE_BITS) as usize)?;
        Some(format!("{file}:{}", row.tag & ((1 << LINE_BITS) - 1)))
    }
}
