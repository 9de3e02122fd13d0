//! The format of rows, by the options or by the names of the files.

use std::path::Path;

use anyhow::Result;

use crate::cli::args::{InputFormat, RowFormat};
use crate::cli::errors::usage;
use crate::cli::plan::layout::{Layout, Table, TableFormat};
use crate::cli::plan::row_file::RowFile;

/// Has files be cut in the format that was typed, or that their names tell.
pub fn lay_out(files: &mut [RowFile], format: &InputFormat, lines: bool) -> Result<()> {
    let layout = match format.typed(lines).map_or_else(|| named(files), Ok)? {
        RowFormat::Csv => Layout::Table(Table::new(TableFormat::Csv, format)),
        RowFormat::Tsv => Layout::Table(Table::new(TableFormat::Tsv, format)),
        RowFormat::JsonArray => Layout::Array,
        RowFormat::Json | RowFormat::Lines => Layout::Lines,
    };
    if layout.table().is_none() && !format.header.is_empty() {
        return usage("--header is for tables: give --csv or --tsv".into());
    }
    check_header(&format.header)?;
    files.iter_mut().for_each(|file| file.layout = layout.clone());
    Ok(())
}

fn check_header(names: &[String]) -> Result<()> {
    for (at, name) in names.iter().enumerate() {
        if name.is_empty() || names[..at].contains(name) {
            return usage(format!("--header: the names of columns have to differ, and none may be empty: {name:?}"));
        }
    }
    Ok(())
}

/// The format that the names of all files tell.
fn named(files: &[RowFile]) -> Result<RowFormat> {
    let mut formats = files.iter().map(|file| (file, of_name(file)));
    let Some((first, format)) = formats.next() else { return Ok(RowFormat::Json) };
    match formats.find(|(_, other)| *other != format) {
        None => Ok(format),
        Some((other, _)) => usage(format!(
            "{} and {} have different formats by their names; name one for all, as --csv or --input-format json",
            first.display(),
            other.display()
        )),
    }
}

fn of_name(path: &Path) -> RowFormat {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(&name);
    match name.rsplit_once('.') {
        Some((_, "csv")) => RowFormat::Csv,
        Some((_, "tsv")) => RowFormat::Tsv,
        _ => RowFormat::Json,
    }
}
