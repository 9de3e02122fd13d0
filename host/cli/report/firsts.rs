//! The first failure of each kind, and how to look at it.

use wpool::outcome::ErrorDetail;
use wpool::{Outcome, Status, TaskResult};

use crate::cli::descriptor::is_stdin;
use crate::cli::lines::without_tabs;
use crate::cli::plan::{Locator, Plan, Source};
use crate::cli::records::record::reason;
use crate::cli::shell;

/// Kinds that are named: a guest can make many.
const KINDS: usize = 5;
/// Lines of a traceback, the innermost. The record has all of it.
const LINES: usize = 12;
/// Frames of a backtrace, the innermost whose source is the program's own. The record has all of it.
const FRAMES: usize = 4;
/// Characters of a reason. The record has all of it.
const REASON: usize = 160;

/// The first failure of each status and code.
#[derive(Debug, Default)]
pub struct Firsts {
    kinds: Vec<First>,
    /// There were more kinds.
    pub more: bool,
}

/// The first failure of a kind.
#[derive(Debug)]
pub struct First {
    pub status: Status,
    code: String,
    id: u64,
    /// Where its row stands.
    place: Option<String>,
    reason: String,
    /// The innermost lines of a script's traceback, or frames with a line of source code.
    pub frames: Vec<String>,
}

impl Firsts {
    pub fn add(&mut self, result: &TaskResult, locator: &Locator) {
        let Outcome::NotOk(failure) = &result.outcome else { return };
        // They say something of the run, and nothing of their rows.
        let is_known = |first: &First| first.status == failure.status && first.code == failure.error.code;
        if matches!(failure.status, Status::Skipped | Status::Cancelled) || self.kinds.iter().any(is_known) {
            return;
        }
        if self.kinds.len() == KINDS {
            self.more = true;
            return;
        }
        let text = reason(&failure.error);
        let line = text.lines().next().unwrap_or_default();
        self.kinds.push(First {
            status: failure.status,
            code: failure.error.code.clone(),
            id: result.id.0,
            place: locator.locate(&result.input),
            reason: cut(line),
            frames: innermost(&failure.error),
        });
    }

    pub fn kinds(&self) -> &[First] {
        &self.kinds
    }
}

/// The last lines of a traceback, without the words around its frames, or the first frames of a backtrace.
fn innermost(error: &ErrorDetail) -> Vec<String> {
    let Some(traceback) = &error.traceback else {
        return error.backtrace.iter().filter(|frame| is_own(frame)).take(FRAMES).map(|frame| cut(frame)).collect();
    };
    let lines = traceback.lines();
    let is_frame = |line: &&str| !line.starts_with("Traceback (") && *line != error.message;
    let mut lines: Vec<_> = lines.filter(is_frame).map(|line| cut(&without_tabs(line))).collect();
    let first = lines.len().saturating_sub(LINES);
    lines.drain(..first);
    lines
}

/// Whether a frame of a backtrace has a line of source code that is not of a language's library.
fn is_own(frame: &str) -> bool {
    let place = frame.strip_suffix(')').and_then(|frame| frame.rsplit_once(" (")).map(|(_, place)| place);
    let is_line = |line: &str| !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit());
    place.and_then(|place| place.rsplit_once(':')).is_some_and(|(file, line)| {
        let is_librarys = file.starts_with("library/") || file.contains("/wasi-libc/");
        is_line(line) && !is_librarys
    })
}

fn cut(line: &str) -> String {
    let cut = if line.chars().nth(REASON).is_some() { "…" } else { "" };
    line.chars().take(REASON).collect::<String>() + cut
}

impl First {
    /// `rows.jsonl:2, task 1: err: expected an integer; wpool replay out.jsonl 1`.
    pub fn line(&self, replay: Option<&Replay>) -> String {
        let First { code, id, place, reason, .. } = self;
        let place = place.as_ref().map(|place| format!("{place}, ")).unwrap_or_default();
        let next = replay.map(|replay| format!("; wpool replay {} {id}{}", replay.file, replay.rows));
        format!("{place}task {id}: {code}: {reason}{}", next.unwrap_or_default())
    }
}

/// What a kept run is called, and what has to be named again.
#[derive(Debug)]
pub struct Replay {
    file: String,
    rows: &'static str,
}

impl Replay {
    /// `None` for a run that is not kept.
    pub fn of(plan: &Plan) -> Option<Replay> {
        let (output, _) = plan.output.as_ref().zip(plan.journal.as_ref())?;
        let of_stdin = matches!(&plan.source, Source::Lines(files) if files.iter().any(|file| is_stdin(file)));
        let rows = if of_stdin { " FILE-OF-ROWS" } else { "" };
        Some(Replay { file: shell::path(&output.path().to_string_lossy()), rows })
    }
}
