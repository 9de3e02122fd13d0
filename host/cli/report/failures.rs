//! Rows that are kept to be run again, as they were.

use wpool::{Input, TaskResult};

use crate::cli::plan::{Locator, Plan, QUOTED, Table, push_path};
use crate::cli::say;

/// Says that a row that failed cannot be kept.
pub fn lost(locator: &Locator, result: &TaskResult) {
    let (id, place) = (result.id.0, locator.locate(&result.input).unwrap_or_default());
    say(format_args!("--failed cannot keep row {id} ({place}): it is too long, and its bytes are gone"));
}

/// Writes rows as they were, and the header of their table before the first.
#[derive(Debug, Default)]
pub struct Failures {
    /// The table whose header is to be written.
    table: Option<Table>,
}

impl Failures {
    pub fn of(plan: &Plan) -> Failures {
        Failures { table: plan.source.table().filter(|table| table.names.is_none()).cloned() }
    }

    /// Appends a row. False where its bytes were not kept.
    pub fn push(&mut self, row: &Input, lines: &mut Vec<u8>) -> bool {
        if row.name.is_none() && row.bytes.is_empty() && row.is_rejected() {
            return false;
        }
        let table = self.table.take();
        if let Some(header) = table.as_ref().and_then(|table| table.header.get()) {
            lines.extend_from_slice(&header.text);
            lines.push(b'\n');
        }
        match row.name.as_deref() {
            Some(name) if row.tag == QUOTED => lines.extend_from_slice(name.as_bytes()),
            Some(name) => push_path(name.as_bytes(), lines),
            // The only row of a run without input.
            None if row.bytes.is_empty() => return true,
            None => lines.extend_from_slice(row.origin().unwrap_or(&row.bytes)),
        }
        lines.push(b'\n');
        true
    }
}
