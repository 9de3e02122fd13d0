//! What GitHub shows of a run: annotations, which are lines of the log of a job, and a part of the job's summary.
//!
//! A step has at most ten annotations: at most nine of rows or of the run, and one that counts the rest.

use std::ffi::OsString;
use std::fmt;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use wpool::inert;
use wpool::place::Place;

use crate::cli::frames;
use crate::cli::groups::{Group, Groups, has_failed};
use crate::cli::guard;
use crate::cli::journal::Note;
use crate::cli::reports::account::Account;
use crate::cli::reports::ending::ending;
use crate::cli::reports::{markdown, places};
use crate::cli::terminal::{command, warn};
use crate::cli::texts::head;
use crate::cli::units::plural;

/// Annotations of rows and of the run.
const MOST: usize = 9;
/// Bytes of a message and of a title. GitHub cuts messages at 4096 characters.
const MESSAGE: usize = 1_000;
const TITLE: usize = 200;
/// The variable that names the file of the summary, and the one that names the folder of the repository.
const SUMMARY: &str = "GITHUB_STEP_SUMMARY";
const WORKSPACE: &str = "GITHUB_WORKSPACE";

/// Prints annotations, and adds to the summary of the job.
pub fn tell(account: &Account) {
    let groups = account.groups();
    let workspace = std::env::var_os(WORKSPACE).map(PathBuf::from);
    let annotations = annotations(account, &groups, workspace.as_deref());
    command(&annotations.iter().map(ToString::to_string).collect::<Vec<_>>());
    let Some(path) = std::env::var_os(SUMMARY).filter(|path| !path.is_empty()) else { return };
    if let Err(error) = summarize(account, &groups, &path) {
        warn(format_args!("cannot add to the job summary {}: {error:#}", path.display()));
    }
}

/// Adds to the summary, whole or shortened: one byte too many, and GitHub shows nothing of it.
fn summarize(account: &Account, groups: &Groups<Note>, path: &OsString) -> Result<()> {
    let place = Place::of(Path::new(path))?;
    let mut file = place.edit()?;
    let length = file.seek(SeekFrom::End(0))?;
    let room = (markdown::LIMIT as u64).saturating_sub(length) as usize;
    let text = markdown::text(account, groups, room.saturating_sub(1))?;
    if text.is_empty() {
        warn(format_args!("the job summary is full, so it says nothing of this run"));
        return Ok(());
    }
    // What stands there may not have ended its line.
    file.write_all(format!("\n{text}").as_bytes())?;
    Ok(())
}

/// A command of GitHub's runner.
#[derive(Debug, Default, PartialEq, Eq)]
struct Annotation {
    place: Option<(String, Option<u64>)>,
    title: String,
    message: String,
}

impl fmt::Display for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("::error ")?;
        if let Some((file, line)) = &self.place {
            write!(f, "file={},", property(file))?;
            line.iter().try_for_each(|line| write!(f, "line={line},"))?;
        }
        writeln!(f, "title={}::{}", property(head(&self.title, TITLE)), data(head(&self.message, MESSAGE)))
    }
}

/// The annotations of a run, at most ten.
fn annotations(account: &Account, groups: &Groups<Note>, workspace: Option<&Path>) -> Vec<Annotation> {
    let mut all = Vec::new();
    if let Some(ending) = ending(account).filter(|ending| ending.is_error) {
        let title = format!("wpool: {}", account.program());
        all.push(Annotation { title, message: ending.words, place: None });
    }
    let groups: Vec<_> = groups.by_code().into_iter().filter(|group| has_failed(group.kind.status)).collect();
    let most = groups.iter().map(|group| group.examples.len()).max().unwrap_or_default();
    // First one row of each group, then the second of each.
    let rows = (0..most).flat_map(|at| groups.iter().filter_map(move |group| Some((*group, group.examples.get(at)?))));
    let taken = MOST - all.len();
    let before = all.len();
    all.extend(rows.take(taken).map(|(group, note)| of_row(account, group, note, workspace)));
    let shown = (all.len() - before) as u64;
    let failed: u64 = account.present().filter(|(status, _)| has_failed(*status)).map(|(_, count)| count).sum();
    if failed > shown {
        let rows = plural(failed - shown, "more row");
        let title = format!("wpool: {}", account.program());
        let message = format!("{rows} not ok: see the job summary and the reports of the run");
        all.push(Annotation { title, message, place: None });
    }
    all
}

fn of_row(account: &Account, group: &Group<Note>, note: &Note, workspace: Option<&Path>) -> Annotation {
    let like = if group.count > 1 { format!(" ({} like this)", plural(group.count, "row")) } else { String::new() };
    let fault = note.fault.as_ref();
    let message = fault.map(|fault| fault.message.as_str()).unwrap_or_default();
    let mut message = format!("{}: {}", places::name(note), head(message, MESSAGE / 2));
    if let Some(replay) = account.replay(note.id) {
        message += &format!("\n{replay}");
    }
    let of_script = fault.and_then(|fault| places::of_frame(frames::of_script(fault.traceback.as_deref()?)?));
    let of_script = of_script.map(|(file, line)| (from(account, workspace, file), Some(line)));
    // A file elsewhere is not the script's own.
    let of_script = of_script.filter(|(file, _)| !file.starts_with('/'));
    let of_row = || places::file(note).map(|file| (from(account, workspace, file), places::line(note)));
    let place = of_script.or_else(of_row);
    Annotation { title: format!("wpool: {}{like}", group.kind.status), message, place }
}

/// A file, from the folder of the repository if it is in there: GitHub shows no other.
fn from(account: &Account, workspace: Option<&Path>, file: &str) -> String {
    let whole: PathBuf = Path::new(&*account.facts.cwd).join(file).components().collect();
    let inner = workspace.and_then(|workspace| whole.strip_prefix(workspace).ok());
    inner.map_or_else(|| file.to_owned(), |inner| inner.display().to_string())
}

/// Text of a command, as the runner reads it back.
fn data(text: &str) -> String {
    let lines: Vec<_> = text.trim_end().lines().map(inert::text).collect();
    guard::inert_text(&lines.join("\n")).replace('%', "%25").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(&inert::text(text)).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_is_one_line_whatever_it_holds() {
        let place = Some(("a,b:c%\n::d".to_owned(), Some(3)));
        let message = "100 %\r\n::error::forged\n##[group]\u{1b}".to_owned();
        let annotation = Annotation { place, title: "x::y".to_owned(), message };
        assert_eq!(
            annotation.to_string(),
            "::error file=a%2Cb%3Ac%25\\n%3A%3Ad,line=3,title=x%3A%3Ay::100 %25%0A: :error::forged%0A# \
             #[group]\\u{1b}\n"
        );
    }
}
