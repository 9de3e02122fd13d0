//! Options about the format of rows.

use clap::ValueEnum;

use crate::cli::args::choices::choices;

/// The format of the files that rows come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RowFormat {
    /// Lines of JSON
    Json,
    /// Lines of any text (--lines)
    Lines,
    /// Records of CSV, as objects of strings (--csv)
    Csv,
    /// Records of TSV, as objects of strings (--tsv)
    Tsv,
    /// The elements of one array (--json-array)
    JsonArray,
}

/// The format of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RecordFormat {
    /// Lines of JSON
    Jsonl,
    /// A table with a header, by RFC 4180
    Csv,
    /// The same with tabs
    Tsv,
}

/// The name of a member of rows, behind a dot.
pub fn member(text: &str) -> Result<String, String> {
    match text.strip_prefix('.') {
        Some(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err("expected a dot and the name of a member, such as .id".to_owned()),
    }
}

#[derive(Debug, Default, clap::Args)]
pub struct InputFormat {
    /// Take each record of CSV as a row, an object of strings by the names in the header [default: for *.csv]
    #[arg(long, group = "format", help_heading = "Input")]
    pub csv: bool,
    /// The same for fields that tabs separate [default: for *.tsv]
    #[arg(long, group = "format", help_heading = "Input")]
    pub tsv: bool,
    /// Take each element of one JSON array as a row
    #[arg(long, group = "format", help_heading = "Input")]
    pub json_array: bool,
    #[arg(long, value_name = "FORMAT", group = "format", hide_possible_values = true,
        help = choices::<RowFormat>("Format of the rows, whatever files are called [default: by their names, else json]"),
        help_heading = "Input")]
    pub input_format: Option<RowFormat>,
    /// Names of the columns of tables that have no header
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', help_heading = "Input")]
    pub header: Vec<String>,
}

impl InputFormat {
    /// The format that was typed, be it as `--lines`.
    pub fn typed(&self, lines: bool) -> Option<RowFormat> {
        let flags = [
            (lines, RowFormat::Lines),
            (self.csv, RowFormat::Csv),
            (self.tsv, RowFormat::Tsv),
            (self.json_array, RowFormat::JsonArray),
        ];
        self.input_format.or_else(|| flags.into_iter().find_map(|(is_typed, format)| is_typed.then_some(format)))
    }
}
