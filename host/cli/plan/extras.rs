//! The members that records have beside outputs, so that they can be joined with their rows.

use std::sync::Arc;

use anyhow::Result;

use crate::cli::args::{self, RecordFormat};
use crate::cli::errors::usage;
use crate::cli::plan::layout::Layout;
use crate::cli::plan::source::Source;

/// The members that a record has of its row.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// The name of the program, where there are many; empty where a row has none.
    pub program: Option<Arc<str>>,
    /// The row itself, and whether it is JSON.
    pub input: Option<bool>,
    /// A member of the row.
    pub key: Option<String>,
    /// Where the row stands in its file, with the name of the file.
    pub place: Option<Place>,
}

/// The unit that counts rows in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Line,
    Element,
}

impl Extras {
    pub fn is_empty(&self) -> bool {
        self.program.is_none() && self.input.is_none() && self.key.is_none()
    }
}

/// The members that the options ask for. Rows of several files have their places.
pub fn extras(typed: &args::Run, source: &Source) -> Result<Extras> {
    let output = &typed.output;
    if output.values && output.output_format != RecordFormat::Jsonl {
        return usage("--values prints lines of outputs, and --output-format tables of records: choose one".into());
    }
    let option = if output.with_input { "--with-input" } else { "--key" };
    if !output.with_input && output.key.is_none() {
        return Ok(Extras::default());
    }
    let Source::Lines(files) = source else {
        return usage(format!("{option} is for files of rows; records of rows that are files have the path as `file`"));
    };
    if output.key.is_some() && typed.source.are_text() {
        return usage("--key is for rows of JSON or of tables: lines of text have no members".into());
    }
    let of_several = files.first().filter(|_| files.len() > 1);
    let place = of_several.map(|file| match file.layout {
        Layout::Array => Place::Element,
        Layout::Lines | Layout::Table(_) => Place::Line,
    });
    let input = output.with_input.then_some(!typed.source.are_text());
    Ok(Extras { program: None, input, key: output.key.clone(), place })
}
