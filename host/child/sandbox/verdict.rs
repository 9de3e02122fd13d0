//! The report on a task, from the way in which it ended.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use wasmtime::{Store, ThrownException, Trap};
use wasmtime_wasi::I32Exit;

use super::answer::{Answered, Beside, encode};
use super::backtrace;
use super::call::{Returned, Spent};
use super::context::TaskContext;
use super::guard::{Guard, Stopped};
use super::kind::GuestStore;
use super::stdio::Stdio;
use super::texts;
use crate::model::limits::{Limits, in_words};
use crate::model::outcome::{ErrorDetail, Layer, Status};
use crate::model::report::Convention;
use crate::model::spot::Spot;
use crate::protocol::footprint::Footprint;
use crate::protocol::setup::{AnswerDetail, timeout_detail};

/// The verdict on a task that ended, before its output is known.
enum Verdict<'a> {
    Output(Cow<'a, [u8]>),
    /// A command's stdout is the output.
    Stdout,
    /// A command's stdout up to here, if there is any, is kept.
    NotOk(Status, Layer, ErrorDetail),
}

/// The data of a finished task beside its result.
pub(super) struct Remains<'a, S: 'static> {
    pub store: &'a Store<S>,
    /// Set when the program imports WASI.
    pub stdio: Option<&'a Stdio>,
    /// The fuel that the task used, if fuel is counted.
    pub fuel: Option<u64>,
    pub core_dump: Option<Vec<u8>>,
    /// The things that the task has touched, if they are asked for.
    pub footprint: Option<Footprint>,
}

/// A task's end, before its encoding for the wire.
pub(super) struct Judged<'a> {
    status: Status,
    layer: Layer,
    output: Cow<'a, [u8]>,
    /// When the instance had been made; `None` when it existed before.
    pub ready: Option<Instant>,
    /// The peak of memory in use, in bytes.
    peak: u64,
    fuel: Option<u64>,
    /// `None` for most tasks. Boxed, because each task's end is moved several times.
    more: Option<Box<More>>,
}

/// Details of a task that is not ok, or whose details are reported in any case.
#[derive(Default)]
struct More {
    error: Option<ErrorDetail>,
    /// The places of the frames of the error's backtrace, if they are wanted.
    spots: Vec<Spot>,
    /// Only for a task that is ok. Otherwise the error has the text.
    stderr: Option<String>,
    /// The output has its ends alone.
    truncated: bool,
    core_dump: Option<Vec<u8>>,
    footprint: Option<Footprint>,
}

impl<'a> Judged<'a> {
    /// The end of a task that is ok and has no details.
    pub fn ok(output: Cow<'a, [u8]>, guard: &Guard) -> Self {
        let (ready, peak) = (guard.ready, guard.peak);
        Judged { status: Status::Ok, layer: Layer::Guest, output, ready, peak, fuel: None, more: None }
    }

    /// Copies the output out of the instance.
    pub fn into_owned(self) -> Judged<'static> {
        Judged { output: self.output.into_owned().into(), ..self }
    }

    pub fn is_timeout(&self) -> bool {
        self.status == Status::Timeout
    }

    /// Whether two tasks ended in the same way. Ignores stderr, which may have times and addresses.
    pub fn is_as(&self, other: &Judged<'_>) -> bool {
        fn error<'a>(judged: &'a Judged<'_>) -> Option<(&'a str, &'a str)> {
            let error = judged.more.as_ref()?.error.as_ref()?;
            Some((&error.code, &error.message))
        }
        self.status == other.status && self.output == other.output && error(self) == error(other)
    }

    /// Converts to an answer. When `spent` was measured, the answer has the other details that a default record lacks,
    /// too: peak memory, and the stderr of a task that is ok.
    pub fn answer(self, spent: Option<Spent>) -> Answered<'a> {
        let Judged { status, layer, output, peak, fuel, more, .. } = self;
        let answered = Answered { status, layer, ..Answered::ok(output) };
        if more.is_none() && spent.is_none() {
            return answered;
        }
        let More { error, spots, stderr, truncated, core_dump, footprint } = more.map(|more| *more).unwrap_or_default();
        let mut detail = Vec::new();
        if error.is_some() || spent.is_some() {
            let micros = |time: Duration| time.as_micros() as u64;
            detail = encode(AnswerDetail {
                error,
                spots,
                stderr,
                footprint: footprint.filter(|_| spent.is_some()),
                truncated,
                peak_memory: spent.as_ref().map(|_| peak),
                fuel: fuel.filter(|_| spent.is_some()),
                start_us: spent.as_ref().map(|spent| micros(spent.start)),
                cpu_us: spent.as_ref().map(|spent| micros(spent.cpu)),
            });
        }
        Answered { beside: Some(Box::new(Beside { detail, core_dump, notice: None })), ..answered }
    }
}

/// Judges a task by its end. The stderr of a task that is ok is kept if `is_told`.
pub(super) fn judge<'a, S: GuestStore>(
    result: wasmtime::Result<Returned>,
    remains: Remains<'a, S>,
    context: &TaskContext,
    is_told: bool,
) -> Judged<'a> {
    let Remains { store, stdio, fuel, core_dump, footprint } = remains;
    let guard = store.data().seen_guard();
    let (limits, success_codes) = (&context.settings.limits, &context.settings.success_codes);
    let (stdout, exceeded) = stdio.map(Stdio::take_output).unwrap_or_default();
    let stderr = || stdio.and_then(Stdio::stderr);
    let mut spots = Vec::new();
    let verdict = match result {
        // The guest has written too much, however it reacted to the failed write.
        _ if exceeded => too_much_output(limits),
        Ok(Returned::Lent { memory, place }) => Verdict::Output(memory.data(store)[place].into()),
        Ok(Returned::Output(output)) => Verdict::Output(output.into()),
        Ok(Returned::Refused(message)) => {
            Verdict::NotOk(Status::Failed, Layer::Guest, ErrorDetail::new("err", message))
        }
        Ok(Returned::Failed(error)) => failed(*error, guard),
        Ok(Returned::Exited(code)) => exited(code, success_codes),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(exit) => exited(exit.0, success_codes),
            None => {
                if context.spots {
                    spots = backtrace::spots(&error, context.settings.post_mortem);
                }
                stopped(&error, guard, context)
            }
        },
    };
    let (status, layer, output, mut error) = match verdict {
        Verdict::Output(output) => (Status::Ok, Layer::Guest, output, None),
        Verdict::Stdout => (Status::Ok, Layer::Guest, stdout.into(), None),
        Verdict::NotOk(status, layer, error) => (status, layer, stdout.into(), Some(error)),
    };
    // Whatever the guest's language made of it. Another limit that stopped the guest stays the reason.
    let gave_up = guard.denied && matches!(status, Status::Failed | Status::Trap);
    let (status, layer) = if gave_up { (Status::OutOfMemory, Layer::Limiter) } else { (status, layer) };
    error = error.map(|error| if gave_up { memory_limit(error, limits) } else { error });
    let failed = matches!(status, Status::Failed | Status::Trap);
    let filled = failed && context.scratch.as_ref().is_some_and(|scratch| scratch.is_full());
    let (status, layer) = if filled { (Status::OutputLimit, Layer::Limiter) } else { (status, layer) };
    error = error.map(|error| if filled { scratch_limit(error, context) } else { error });
    let told = match &mut error {
        Some(error) => {
            let cut = |text: &mut String| *text = texts::ends(std::mem::take(text), texts::MOST);
            cut(&mut error.message);
            error.traceback.iter_mut().for_each(cut);
            error.stderr = stderr();
            None
        }
        None => is_told.then(stderr).flatten(),
    };
    spots.truncate(error.as_ref().map_or(0, |error| error.backtrace.len()));
    let is_plain = error.is_none() && told.is_none() && core_dump.is_none() && footprint.is_none();
    let more = More { error, spots, stderr: told, truncated: exceeded, core_dump, footprint };
    let more = (!is_plain).then(|| Box::new(more));
    Judged { status, layer, output, ready: guard.ready, peak: guard.peak, fuel, more }
}

fn stopped(error: &wasmtime::Error, guard: &Guard, context: &TaskContext) -> Verdict<'static> {
    let limits = &context.settings.limits;
    // The frames of a script's runtime are not the script's.
    let is_shown = context.convention != Convention::Script || context.settings.post_mortem;
    let backtrace = || if is_shown { backtrace::names(error, context.settings.post_mortem) } else { Vec::new() };
    match error.downcast_ref::<Stopped>() {
        Some(Stopped::Epoch) => return timeout(guard, Layer::Epoch),
        Some(Stopped::Timer) => return timeout(guard, Layer::Timer),
        Some(Stopped::Cpu) => return cpu_time(guard),
        Some(Stopped::Output) => return too_much_output(limits),
        Some(Stopped::Abi(message)) => {
            return Verdict::NotOk(Status::Trap, Layer::Guest, ErrorDetail::new("abi", message.clone()));
        }
        Some(Stopped::Init { code, message }) => {
            return Verdict::NotOk(Status::Failed, Layer::Guest, ErrorDetail::new(code.as_str(), message.clone()));
        }
        Some(Stopped::Script(error)) => return failed((**error).clone(), guard),
        Some(Stopped::Denied(message)) => {
            let backtrace = backtrace();
            let error = ErrorDetail { backtrace, ..ErrorDetail::new("denied-import", message.clone()) };
            return Verdict::NotOk(Status::Trap, Layer::Sandbox, error);
        }
        None => {}
    }
    let root = error.root_cause().to_string();
    // The engine has no type for this error: more than `TaskContext::hostcall_memory` at once.
    if root.contains("fuel allocated for hostcalls") {
        let message = format!("gave more data at once than its limit of {} bytes of output allows", limits.output);
        return Verdict::NotOk(Status::OutputLimit, Layer::Limiter, ErrorDetail::new("output-limit", message));
    }
    let trap = error.downcast_ref::<Trap>();
    if trap == Some(&Trap::OutOfFuel) {
        let message = format!("used up its fuel of {}; allow more", limits.fuel.unwrap_or_default());
        let error = ErrorDetail { backtrace: backtrace(), ..ErrorDetail::new("fuel", message) };
        return Verdict::NotOk(Status::Fuel, Layer::Fuel, error);
    }
    let (code, message) = match trap {
        None | Some(Trap::UncaughtException) if is_exception(error) => {
            ("exception", "threw an exception that it did not catch".to_owned())
        }
        Some(trap) => (trap_code(*trap), trap.to_string().trim_start_matches("wasm trap: ").to_owned()),
        None => ("abi", root),
    };
    let error = ErrorDetail { backtrace: backtrace(), ..ErrorDetail::new(code, message) };
    Verdict::NotOk(Status::Trap, Layer::Guest, error)
}

/// Whether an exception has left the program.
fn is_exception(error: &wasmtime::Error) -> bool {
    error.is::<ThrownException>() || error.downcast_ref::<Trap>() == Some(&Trap::UncaughtException)
}

/// A script's failure. A script that was denied memory has no other cause that helps.
fn failed(error: ErrorDetail, guard: &Guard) -> Verdict<'static> {
    if guard.denied {
        Verdict::NotOk(Status::OutOfMemory, Layer::Limiter, error)
    } else {
        Verdict::NotOk(Status::Failed, Layer::Guest, error)
    }
}

fn timeout(guard: &Guard, layer: Layer) -> Verdict<'static> {
    let length = guard.times.deadline.map(|deadline| deadline.length);
    Verdict::NotOk(Status::Timeout, layer, timeout_detail(length.unwrap_or_default()))
}

fn cpu_time(guard: &Guard) -> Verdict<'static> {
    let length = guard.times.cpu.map(|limit| limit.length).unwrap_or_default();
    let error = ErrorDetail::new("cpu-time", format!("used more than {length:?} of processor time"));
    Verdict::NotOk(Status::Timeout, Layer::Epoch, error)
}

fn too_much_output(limits: &Limits) -> Verdict<'static> {
    let message = format!("more than {} bytes of output", limits.output);
    Verdict::NotOk(Status::OutputLimit, Layer::Limiter, ErrorDetail::new("output-limit", message))
}

/// The error of a guest that was denied memory. Its own message, exit code and backtrace stay.
fn memory_limit(own: ErrorDetail, limits: &Limits) -> ErrorDetail {
    let message = format!("was denied memory over {} and then gave up: {}", in_words(limits.memory), own.message);
    ErrorDetail { code: "memory-limit".to_owned(), message, ..own }
}

/// The error of a guest that left no room in its scratch directory.
fn scratch_limit(own: ErrorDetail, context: &TaskContext) -> ErrorDetail {
    let size = context.settings.grants.scratch.as_ref().map_or(0, |scratch| scratch.size);
    let message = format!("filled its scratch directory of {} and then gave up: {}", in_words(size), own.message);
    ErrorDetail { code: "scratch-limit".to_owned(), message, ..own }
}

fn exited(code: i32, success_codes: &[i32]) -> Verdict<'static> {
    if success_codes.contains(&code) {
        Verdict::Stdout
    } else {
        Verdict::NotOk(Status::Failed, Layer::Guest, exit_detail(code))
    }
}

fn exit_detail(code: i32) -> ErrorDetail {
    ErrorDetail { exit_code: Some(code), ..ErrorDetail::new("exit", format!("exited with code {code}")) }
}

fn trap_code(trap: Trap) -> &'static str {
    match trap {
        Trap::StackOverflow => "stack-overflow",
        Trap::MemoryOutOfBounds => "memory-out-of-bounds",
        Trap::HeapMisaligned => "misaligned-atomic",
        Trap::TableOutOfBounds => "table-out-of-bounds",
        Trap::IndirectCallToNull => "indirect-call-to-null",
        Trap::BadSignature => "bad-signature",
        Trap::IntegerOverflow => "integer-overflow",
        Trap::IntegerDivisionByZero => "division-by-zero",
        Trap::BadConversionToInteger => "bad-conversion",
        Trap::UnreachableCodeReached => "unreachable",
        Trap::AtomicWaitNonSharedMemory => "atomic-wait",
        Trap::NullReference => "null-reference",
        Trap::ArrayOutOfBounds => "array-out-of-bounds",
        Trap::AllocationTooLarge => "allocation-too-large",
        Trap::CastFailure => "cast-failure",
        Trap::AsyncDeadlock => "deadlock",
        _ => "trap",
    }
}
