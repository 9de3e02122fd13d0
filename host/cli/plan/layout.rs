//! How files are cut into rows.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::cli::args::{InputFormat, RecordFormat};

/// How a file is cut into rows.
#[derive(Clone, Debug, Default)]
pub enum Layout {
    #[default]
    Lines,
    Table(Table),
    /// The elements of a JSON array.
    Array,
}

/// A table, whose records are rows.
#[derive(Clone, Debug)]
pub struct Table {
    format: TableFormat,
    /// The names of columns, where no header stands in the file.
    pub names: Option<Arc<[String]>>,
    /// The header of the first table that was read, which is that of all.
    pub header: Arc<OnceLock<Header>>,
    /// Rows keep the text of their records.
    pub keeps: bool,
}

/// A format of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    Csv,
    Tsv,
}

impl TableFormat {
    /// The format that was typed for records, if it is one of tables.
    pub fn of(typed: RecordFormat) -> Option<TableFormat> {
        match typed {
            RecordFormat::Jsonl => None,
            RecordFormat::Csv => Some(TableFormat::Csv),
            RecordFormat::Tsv => Some(TableFormat::Tsv),
        }
    }

    /// The byte between two fields.
    pub fn separator(self) -> u8 {
        match self {
            TableFormat::Csv => b',',
            TableFormat::Tsv => b'\t',
        }
    }
}

/// The names of the columns of a table.
#[derive(Clone, Debug)]
pub struct Header {
    pub names: Vec<String>,
    /// The line, without its newline.
    pub text: Bytes,
}

impl Table {
    pub fn new(format: TableFormat, typed: &InputFormat) -> Table {
        let names = (!typed.header.is_empty()).then(|| typed.header.clone().into());
        Table { format, names, header: Arc::default(), keeps: false }
    }

    /// The byte between two fields.
    pub fn separator(&self) -> u8 {
        self.format.separator()
    }

    /// The name of its format.
    pub fn name(&self) -> &'static str {
        match self.format {
            TableFormat::Csv => "csv",
            TableFormat::Tsv => "tsv",
        }
    }
}

impl Layout {
    /// The name of the format of rows that are not lines of any text.
    pub fn name(&self) -> &'static str {
        match self {
            Layout::Lines => "json",
            Layout::Table(table) => table.name(),
            Layout::Array => "json-array",
        }
    }

    /// Has the records of a table keep their text.
    pub fn keep(&mut self, keeps: bool) {
        if let Layout::Table(table) = self {
            table.keeps = keeps;
        }
    }

    /// The table that it is.
    pub fn table(&self) -> Option<&Table> {
        match self {
            Layout::Table(table) => Some(table),
            Layout::Lines | Layout::Array => None,
        }
    }
}
