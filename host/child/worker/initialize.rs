//! The life of a process that runs `init` once, sends the resulting state, and ends.

use std::sync::Arc;

use super::loaded::{Fenced, fenced};
use crate::child::pipes::Pipes;
use crate::model::error::{Refusal, RefusalCode};
use crate::model::limits::MAX_INPUT;
use crate::model::outcome::{ErrorDetail, Status};
use crate::model::report::Convention;
use crate::model::settings::Setting;
use crate::protocol::page::SharedPage;
use crate::protocol::roles::Role;
use crate::protocol::setup::{AnswerDetail, ChildError, WorkerSetup};
use crate::protocol::wire::{Decoder, Kind, MAX_TEXT};

/// Runs `init`. Returns the exit code.
pub(in crate::child) fn initialize(mut pipes: Pipes) -> i32 {
    match run(&mut pipes) {
        Ok((printed, state)) => {
            pipes.send(Kind::Report, &printed);
            pipes.send_bytes(Kind::Snapshot, &state);
            0
        }
        Err(why) => pipes.refuse(why),
    }
}

/// The text that `init` printed, and the resulting state.
fn run(pipes: &mut Pipes) -> Result<(Option<String>, Vec<u8>), ChildError> {
    let mut decoder = Decoder::new(MAX_TEXT.max(MAX_INPUT));
    let setup: WorkerSetup = pipes.setup(&mut decoder)?;
    let other = |error: std::io::Error| ChildError::Other(error.to_string());
    // Nobody reads this page while `init` runs.
    let (page, _) = SharedPage::create().map_err(other)?;
    let (fenced, _) = fenced(pipes, &mut decoder, Role::Initializer, &setup, Arc::new(page))?;
    let Fenced { sandbox, clock, .. } = fenced;
    clock.begin(true, false);
    let answer = sandbox.freeze();
    clock.end();
    let detail: AnswerDetail = serde_json::from_slice(answer.detail()).unwrap_or_default();
    match (answer.status, detail.error) {
        (Status::Ok, _) => Ok((detail.stderr, answer.output.into_owned())),
        (status, error) => {
            let is_script = setup.report.convention == Convention::Script;
            Err(ChildError::Program(refusal(status, error.unwrap_or_default(), is_script)))
        }
    }
}

/// The refusal of a run, with an explanation that helps to find the cause.
fn refusal(status: Status, error: ErrorDetail, is_script: bool) -> Refusal {
    if error.code == RefusalCode::Snapshot.as_str() {
        let why = error.message;
        return Refusal::no_snapshot(&why);
    }
    let mut message = match status {
        // A traceback ends with the message.
        Status::Failed if is_script && error.traceback.is_some() => "the script fails at its start:".to_owned(),
        Status::Failed if is_script => format!("the script fails at its start: {}", error.message),
        Status::Failed => format!("its `init` failed: {}", error.message),
        Status::Timeout => format!("its `init` {}; allow more time", error.message),
        Status::OutOfMemory => format!("its `init` {}; allow more", error.message),
        status => format!("its `init` ended in a {}: {}", status.as_str(), error.message),
    };
    for line in error.traceback.iter().flat_map(|traceback| traceback.lines()) {
        message += &format!("\n{line}");
    }
    for function in &error.backtrace {
        message += &format!("\n  in {function}");
    }
    if let Some(printed) = error.stderr {
        message += &format!("\nit printed: {}", printed.trim_end());
    }
    let settings = match status {
        Status::Timeout => &[Setting::InitTimeout][..],
        Status::OutOfMemory => &[Setting::Memory][..],
        _ => &[],
    };
    Refusal::new(RefusalCode::Init, message).about(settings)
}
