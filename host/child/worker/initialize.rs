//! The life of a process that runs `init` once, sends the resulting state, and ends.

use std::fs::File;
use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::clock::Overdue;
use super::loaded::{Fenced, fenced};
use crate::child::pipes::{self, Pipes};
use crate::child::sandbox::Sandbox;
use crate::model::error::{Refusal, RefusalCode};
use crate::model::limits::MAX_INPUT;
use crate::model::outcome::{ErrorDetail, Status};
use crate::model::report::Convention;
use crate::model::settings::Setting;
use crate::protocol::page::SharedPage;
use crate::protocol::roles::Role;
use crate::protocol::setup::{AnswerDetail, ChildError, WorkerSetup, timeout_detail};
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
    let running = Arc::new(AtomicBool::new(true));
    let to_host = pipes.to_host.try_clone().map_err(other)?;
    // Checks in the code of a guest are better, but an image for tasks without a deadline has none.
    let is_checked = setup.image.settings.epochs;
    let overdue =
        |sandbox: &Sandbox| (!is_checked).then(|| overdue(sandbox, &setup, running.clone(), to_host)).flatten();
    let (fenced, _) = fenced(pipes, &mut decoder, Role::Initializer, &setup, Arc::new(page), overdue)?;
    let Fenced { sandbox, clock, .. } = fenced;
    clock.begin(true, false);
    let answer = sandbox.freeze();
    clock.end();
    if !running.swap(false, Ordering::AcqRel) {
        // The clock has the word, and ends this process.
        loop {
            std::thread::park();
        }
    }
    let detail: AnswerDetail = serde_json::from_slice(answer.detail()).unwrap_or_default();
    match (answer.status, detail.error) {
        (Status::Ok, _) => Ok((detail.stderr, answer.output.into_owned())),
        (status, error) => {
            let is_script = setup.report.convention == Convention::Script;
            Err(ChildError::Program(refusal(status, error.unwrap_or_default(), is_script)))
        }
    }
}

/// Ends this process as soon as `init` is late, with the refusal of the run.
fn overdue(sandbox: &Sandbox, setup: &WorkerSetup, running: Arc<AtomicBool>, to_host: File) -> Option<Overdue> {
    let length = setup.task.limits.deadline?;
    let at = sandbox.time().after(length);
    let (printed, is_script) = (sandbox.printed(), setup.report.convention == Convention::Script);
    Some(Box::new(move |time| {
        if time.now() < at || !running.swap(false, Ordering::AcqRel) {
            return;
        }
        let error = ErrorDetail { stderr: printed.text(), ..timeout_detail(length) };
        let why = ChildError::Program(refusal(Status::Timeout, error, is_script));
        exit(pipes::refuse(&to_host, why));
    }))
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
