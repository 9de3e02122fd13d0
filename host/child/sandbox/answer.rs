//! Answers, ready for the wire.

use std::borrow::Cow;
use std::time::Duration;

use crate::model::outcome::{ErrorDetail, Layer, Status};
use crate::protocol::setup::{AnswerDetail, Notice};
use crate::protocol::wire::MAX_TEXT;

/// What became of a task, ready for the wire.
#[derive(Debug)]
pub(crate) struct Answered<'a> {
    pub status: Status,
    pub layer: Layer,
    pub output: Cow<'a, [u8]>,
    /// From the task's beginning until its instance was ready; zero when it never was.
    pub start: Duration,
    /// Nothing of most.
    pub beside: Option<Box<Beside>>,
}

/// What there is of an answer beside its output.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// [`AnswerDetail`] as JSON, or nothing.
    pub detail: Vec<u8>,
    /// Of a guest that trapped, when it is to be kept.
    pub core_dump: Option<Vec<u8>>,
    /// What people should know.
    pub notice: Option<Notice>,
}

impl<'a> Answered<'a> {
    /// A task that has answered, and about which nothing else is known.
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
    let detail = encode(&AnswerDetail { error: Some(error), ..AnswerDetail::default() });
    let beside = Some(Box::new(Beside { detail, ..Beside::default() }));
    Answered { status: Status::InvalidInput, layer: Layer::Host, beside, ..Answered::ok(Cow::default()) }
}

/// A detail for the wire, cut down when it would not fit.
pub(super) fn encode(detail: &AnswerDetail) -> Vec<u8> {
    let text = serde_json::to_vec(detail).unwrap_or_default();
    if text.len() <= MAX_TEXT {
        return text;
    }
    let code = detail.error.as_ref().map_or("", |error| error.code.as_str());
    let short = ErrorDetail::new(code, "the details are too long to be reported");
    serde_json::to_vec(&AnswerDetail { error: Some(short), ..AnswerDetail::default() }).unwrap_or_default()
}
