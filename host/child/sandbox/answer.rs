//! Answers, ready for the wire.

use std::borrow::Cow;
use std::time::Duration;

use super::texts;
use crate::model::outcome::{ErrorDetail, Layer, Status};
use crate::protocol::setup::{AnswerDetail, Notice};
use crate::protocol::wire::MAX_TEXT;

/// The answer to a task, ready for the wire.
#[derive(Debug)]
pub(crate) struct Answered<'a> {
    pub status: Status,
    pub layer: Layer,
    pub output: Cow<'a, [u8]>,
    /// From the task's beginning until its instance was ready. Zero when it never was.
    pub start: Duration,
    /// `None` for most tasks.
    pub beside: Option<Box<Beside>>,
}

/// The parts of an answer beside its output.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// [`AnswerDetail`] as JSON, or nothing.
    pub detail: Vec<u8>,
    /// Only of a guest that trapped, when its core dump is kept.
    pub core_dump: Option<Vec<u8>>,
    /// A notice for people.
    pub notice: Option<Notice>,
}

impl<'a> Answered<'a> {
    /// The answer of a task that is ok and has no details.
    pub fn ok(output: Cow<'a, [u8]>) -> Self {
        Answered { status: Status::Ok, layer: Layer::Guest, output, start: Duration::ZERO, beside: None }
    }
}

impl Answered<'_> {
    /// [`Beside::detail`].
    pub fn detail(&self) -> &[u8] {
        self.beside.as_ref().map_or(&[], |beside| &beside.detail)
    }
}

pub(super) fn refused(error: ErrorDetail) -> Answered<'static> {
    let detail = encode(AnswerDetail { error: Some(error), ..AnswerDetail::default() });
    let beside = Some(Box::new(Beside { detail, ..Beside::default() }));
    Answered { status: Status::InvalidInput, layer: Layer::Host, beside, ..Answered::ok(Cow::default()) }
}

/// Encodes a detail for the wire, and shortens it if necessary.
pub(super) fn encode(mut detail: AnswerDetail) -> Vec<u8> {
    let text = serde_json::to_vec(&detail).unwrap_or_default();
    if text.len() <= MAX_TEXT {
        return text;
    }
    // A byte takes up to six in JSON.
    let most = MAX_TEXT / 6 / 4;
    let cut = |text: &mut String| *text = texts::ends(std::mem::take(text), most);
    detail.stderr.iter_mut().for_each(cut);
    if let Some(error) = &mut detail.error {
        error.stderr.iter_mut().chain(&mut error.traceback).for_each(cut);
        let mut left = most;
        error.backtrace.retain(|name| {
            left = left.saturating_sub(name.len());
            left > 0
        });
    }
    serde_json::to_vec(&detail).unwrap_or_default()
}
