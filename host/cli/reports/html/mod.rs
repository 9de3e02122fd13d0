//! A page about a run, for browsers: one file of at most [`MOST`] bytes, whatever the run.
//!
//! The page needs nothing from elsewhere, and its policy lets it load nothing. It is made here as it is read: its script
//! only filters the list of tasks and opens what is printed. Text of programs and rows is never markup: see [`text`].

mod charts;
mod failures;
mod granted;
mod measure;
mod spent;
mod text;
mod verdict;

use std::collections::BTreeSet;
use std::io::Write;

use anyhow::Result;

use crate::cli::reports::account::Account;
use crate::cli::reports::axis::Axis;
use crate::cli::texts::cut;
use failures::Failures;
use measure::Measured;
use text::{Inline, put};

/// Bytes of a page. Larger ones are slow to open, and are not shown by some that keep files of builds.
const MOST: usize = 2 << 20;
/// Bytes of the part that groups failures.
const GROUPS: usize = 400 << 10;
/// Bytes for the links to sections, and for what is said about texts that are left out.
const SPARE: usize = 4 << 10;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// SHA-256 of the style and of the script. The policy allows these and no others; a test compares them.
const STYLE_HASH: &str = "JNSfX4XxD64NQZTwM5EWbmx9hgYGWTKqanUtjNYt7yI=";
const SCRIPT_HASH: &str = "BPa3IcDBHRwhHqL7XojII8VLQeNjNdW6qbXGQ7RtWOE=";

/// Writes the page.
pub fn write(account: &Account, out: &mut dyn Write) -> Result<()> {
    let axis = Axis::of(account)?;
    let measured = axis.as_ref().map(|axis| Measured::of(account, axis)).transpose()?;
    let slowest = measured.iter().flat_map(Measured::slowest).filter_map(|slow| slow.id);
    let failures = Failures::of(account, &slowest.collect::<BTreeSet<_>>());

    let mut before = begin(account);
    before += &verdict::head(account);
    let numbers = verdict::numbers(account, axis.as_ref(), measured.as_ref());
    let mut after = failures.flaky();
    if let Some((axis, measured)) = axis.as_ref().zip(measured.as_ref()) {
        after += &charts::lanes(axis, measured);
        after += &charts::histogram(measured);
        after += &charts::series(axis, measured);
        after += &spent::spent(account, axis, measured);
        after += &verdict::slowest(axis, measured, |id| failures.place(id));
    }
    after += &granted::granted(account);
    after += &granted::again(account);
    put!(after, "</main>\n<script>{SCRIPT}</script>\n</html>\n");

    let groups = failures.groups(account, GROUPS);
    let taken = before.len() + numbers.len() + groups.len() + after.len();
    let list = failures.list(account, MOST.saturating_sub(taken + SPARE));
    let contents = contents(&[&numbers, &groups, &list, &after]);
    for part in [before, contents, numbers, groups, list, after] {
        out.write_all(part.as_bytes())?;
    }
    Ok(())
}

/// The page up to its first section.
fn begin(account: &Account) -> String {
    let mut page = String::from("<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n");
    put!(
        page,
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; base-uri 'none'; form-action 'none'; "
    );
    put!(page, "style-src 'sha256-{STYLE_HASH}'; script-src 'sha256-{SCRIPT_HASH}'\">\n");
    put!(page, "<meta name=viewport content=\"width=device-width, initial-scale=1\">\n");
    put!(page, "<meta name=color-scheme content=\"light dark\">\n<meta name=referrer content=no-referrer>\n");
    let program = cut(verdict::program(account), 200);
    put!(page, "<title>{}: {}</title>\n", Inline(program), Inline(verdict::sentence(account)));
    put!(page, "<style>{STYLE}</style>\n<main>\n");
    page
}

/// Links to the sections that a page has.
fn contents(parts: &[&str]) -> String {
    let mut page = String::from("<nav aria-label=Sections>");
    for (id, name) in [
        ("numbers", "Numbers"),
        ("failures", "What went wrong"),
        ("list", "Tasks not ok"),
        ("flaky", "Flaky"),
        ("workers", "Workers"),
        ("times", "Times"),
        ("throughput", "Throughput"),
        ("spent", "Time spent"),
        ("slowest", "Slowest"),
        ("granted", "Given"),
        ("again", "Again"),
    ] {
        if parts.iter().any(|part| part.contains(&format!("<section id={id}>"))) {
            put!(page, "<a href=\"#{id}\">{name}</a> ");
        }
    }
    page + "</nav>\n"
}
