//! The first failure of each kind, and how to look at it.

use wpool::outcome::ErrorDetail;
use wpool::{Outcome, Status, TaskResult};

use crate::cli::descriptor::is_stdin;
use crate::cli::frames;
use crate::cli::groups::{Groups, Kind, has_failed};
use crate::cli::lines::without_tabs;
use crate::cli::plan::{Locator, Plan, Source};
use crate::cli::records::record::reason;
use crate::cli::shell;
use crate::cli::texts::short;

/// Kinds that are named: a guest can make many.
const KINDS: usize = 5;
/// Lines of a traceback, the innermost. The record has all of it.
const LINES: usize = 12;
/// Frames of a backtrace, the innermost whose source is the program's own. The record has all of it.
const FRAMES: usize = 4;
/// Characters of a reason. The record has all of it.
const REASON: usize = 160;

/// The first failures of each kind.
#[derive(Debug, Default)]
pub struct Firsts(Groups<First>);

/// A failure, as far as it is shown.
#[derive(Debug)]
pub struct First {
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
        if !has_failed(failure.status) {
            return;
        }
        let error = &failure.error;
        let frame = frames::place(&error.backtrace, error.traceback.as_deref());
        self.0.add(Kind::of(failure.status, &error.code, &error.message, frame), || First {
            code: error.code.clone(),
            id: result.id.0,
            place: locator.locate(&result.input),
            reason: cut(reason(error).lines().next().unwrap_or_default()),
            frames: innermost(error),
        });
    }

    /// The kinds that are named, each with the first of its failures, and whether there are more.
    pub fn kinds(&self) -> (Vec<(Status, &First)>, bool) {
        let groups = self.0.by_code();
        let more = groups.len() > KINDS || self.0.others() > 0;
        let named = groups.into_iter().take(KINDS);
        (named.filter_map(|group| Some((group.kind.status, group.examples.first()?))).collect(), more)
    }
}

/// The last lines of a traceback, without the words around its frames, or the first frames of a backtrace.
fn innermost(error: &ErrorDetail) -> Vec<String> {
    let Some(traceback) = &error.traceback else {
        return error
            .backtrace
            .iter()
            .filter(|frame| frames::is_own(frame))
            .take(FRAMES)
            .map(|frame| cut(frame))
            .collect();
    };
    let lines = traceback.lines();
    let is_frame = |line: &&str| !line.starts_with("Traceback (") && *line != error.message;
    let mut lines: Vec<_> = lines.filter(is_frame).map(|line| cut(&without_tabs(line))).collect();
    let first = lines.len().saturating_sub(LINES);
    lines.drain(..first);
    lines
}

fn cut(line: &str) -> String {
    short(line, REASON)
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

/// The name of a kept run, and the arguments that have to be given again.
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
