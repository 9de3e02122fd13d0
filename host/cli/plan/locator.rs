//! Where a row stands.

use wpool::Input;

use crate::cli::descriptor::is_stdin;
use crate::cli::plan::{Layout, RowFile, Source};

/// Bits of a tag for the line; the rest is the number of the file.
pub const LINE_BITS: u32 = 48;

/// Says where a row stands.
#[derive(Clone, Debug)]
pub struct Locator(Vec<Named>);

/// A file of rows.
#[derive(Clone, Debug)]
struct Named {
    name: String,
    is_lines: bool,
    /// Its rows are elements of an array.
    is_array: bool,
}

impl Locator {
    pub fn new(source: &Source) -> Self {
        let show = |file: &RowFile| {
            let name = if is_stdin(file) { "<stdin>".into() } else { file.display().to_string() };
            let (is_lines, is_array) = (matches!(file.layout, Layout::Lines), matches!(file.layout, Layout::Array));
            Named { name, is_lines, is_array }
        };
        Locator(match source {
            Source::Lines(files) => files.iter().map(show).collect(),
            Source::Files(_) | Source::Once => Vec::new(),
        })
    }

    /// The files of rows that are lines, in words.
    pub fn files(&self) -> String {
        let files = self.0.iter().map(|Named { name, .. }| if name == "<stdin>" { "standard input" } else { name });
        files.collect::<Vec<_>>().join(", ")
    }

    /// Whether rows are lines, and not what a table or an array holds.
    pub fn are_lines(&self) -> bool {
        self.0.iter().all(|file| file.is_lines)
    }

    /// The file of a row, and its number there.
    pub fn place(&self, row: &Input) -> Option<(&str, u64)> {
        let Named { name, .. } = self.0.get((row.tag >> LINE_BITS) as usize)?;
        Some((name.as_str(), row.tag & ((1 << LINE_BITS) - 1)))
    }

    /// Whether a row is an element of an array.
    pub fn is_of_array(&self, row: &Input) -> bool {
        self.0.get((row.tag >> LINE_BITS) as usize).is_some_and(|file| file.is_array)
    }

    /// `FILE:LINE` of a row that is a line or a record, `FILE[INDEX]` of an element, `FILE` of a row that is a file.
    pub fn locate(&self, row: &Input) -> Option<String> {
        if let Some(name) = &row.name {
            return Some(name.to_string());
        }
        let (name, number) = self.place(row)?;
        Some(if self.is_of_array(row) { format!("{name}[{number}]") } else { format!("{name}:{number}") })
    }
}
