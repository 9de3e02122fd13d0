//! The markdown report.

use std::io::Write;

use anyhow::Result;

use crate::cli::reports::account::Account;

/// Writes the report.
pub fn write(account: &Account, out: &mut dyn Write) -> Result<()> {
    for (status, count) in account.present() {
        writeln!(out, "{status} {count}")?;
    }
    for note in account.notes() {
        writeln!(out, "{} {:?}", note.id, note.fault)?;
    }
    writeln!(out, "{}", account.timings()?.count())?;
    Ok(())
}
