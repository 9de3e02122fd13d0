//! From how a task ended to what is reported of it.

use std::time::Duration;

use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::context::TaskContext;
use super::guard::{Guard, Stopped};
use super::stdio::Stdio;
use super::{Answered, Finished, Returned, Spent, encode};
use crate::limits::{Limits, in_words};
use crate::outcome::{ErrorDetail, Layer, Status};
use crate::setup::{AnswerDetail, timeout_detail};

/// Frames in a backtrace: enough to see where, and a record stays readable.
const MAX_FRAMES: usize = 32;

/// What becomes of a task that ended, before its output is known.
enum Verdict {
    Output(Vec<u8>),
    /// A command's stdout is the output.
    Stdout,
    /// A command failed; its stdout, when there is any, is kept.
    StdoutOf(ErrorDetail),
    NotOk(Status, Layer, ErrorDetail),
}

/// A task's end, before it is made ready for the wire.
pub(super) struct Judged {
    status: Status,
    layer: Layer,
    output: Vec<u8>,
    error: Option<ErrorDetail>,
    /// Kept of a task that is ok only on request.
    stderr: Option<String>,
    pub guard: Guard,
    fuel: Option<u64>,
}

impl Answered {
    /// A task that has answered, and about which nothing else is known.
    pub fn ok(output: Vec<u8>) -> Answered {
        Answered { status: Status::Ok, layer: Layer::Guest, detail: Vec::new(), output, start: Duration::ZERO }
    }
}

impl Judged {
    pub fn is_timeout(&self) -> bool {
        self.status == Status::Timeout
    }

    /// Whether a task that ended so did the same. What it wrote to stderr is not compared: times and addresses stand
    /// there.
    pub fn is_as(&self, other: &Judged) -> bool {
        let error = |judged: &Judged| judged.error.as_ref().map(|error| (error.code.clone(), error.message.clone()));
        self.status == other.status && self.output == other.output && error(self) == error(other)
    }

    /// What was `spent`, when it was measured, comes with what else a default record does not hold: peak memory, and
    /// the stderr of a task that is ok.
    pub fn answer(self, spent: Option<Spent>) -> Answered {
        let Judged { status, layer, output, error, stderr, guard, fuel } = self;
        let detail = if error.is_none() && spent.is_none() {
            Vec::new()
        } else {
            let micros = |time: Duration| time.as_micros() as u64;
            encode(&AnswerDetail {
                stderr: stderr.filter(|_| error.is_none()),
                error,
                peak_memory: spent.as_ref().map(|_| guard.peak),
                fuel: fuel.filter(|_| spent.is_some()),
                start_us: spent.as_ref().map(|spent| micros(spent.start)),
                cpu_us: spent.as_ref().map(|spent| micros(spent.cpu)),
            })
        };
        Answered { status, layer, detail, output, start: Duration::ZERO }
    }
}

pub(super) fn judge(finished: Finished, context: &TaskContext, receipts: bool) -> Judged {
    let Finished { result, guard, fuel, stdio } = finished;
    let (limits, success_codes) = (&context.limits, &context.success_codes);
    let (stdout, exceeded) = stdio.as_ref().map(Stdio::take_output).unwrap_or_default();
    let stderr = || stdio.as_ref().and_then(Stdio::stderr);
    let verdict = match result {
        // Whatever a guest makes of a write that failed, it has written too much.
        _ if exceeded => too_much_output(limits),
        Ok(Returned::Output(output)) => Verdict::Output(output),
        Ok(Returned::Refused(message)) => {
            Verdict::NotOk(Status::Failed, Layer::Guest, ErrorDetail::new("err", message))
        }
        Ok(Returned::Command) => exited(0, success_codes),
        Ok(Returned::CommandFailed) => exited(1, success_codes),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(exit) => exited(exit.0, success_codes),
            None => stopped(&error, &guard, limits),
        },
    };
    let (status, layer, output, mut error) = match verdict {
        Verdict::Output(output) => (Status::Ok, Layer::Guest, output, None),
        Verdict::Stdout => (Status::Ok, Layer::Guest, stdout, None),
        Verdict::StdoutOf(error) => (Status::Failed, Layer::Guest, stdout, Some(error)),
        Verdict::NotOk(status, layer, error) => (status, layer, Vec::new(), Some(error)),
    };
    let mut told = None;
    match &mut error {
        Some(error) => error.stderr = stderr(),
        None if receipts => told = stderr(),
        None => {}
    }
    Judged { status, layer, output, error, stderr: told, guard, fuel }
}

fn stopped(error: &wasmtime::Error, guard: &Guard, limits: &Limits) -> Verdict {
    match error.downcast_ref::<Stopped>() {
        Some(Stopped::Epoch) => return timeout(guard, Layer::Epoch),
        Some(Stopped::Timer) => return timeout(guard, Layer::Timer),
        Some(Stopped::Output) => return too_much_output(limits),
        Some(Stopped::Abi(message)) => {
            return Verdict::NotOk(Status::Trap, Layer::Guest, ErrorDetail::new("abi", message.clone()));
        }
        Some(Stopped::Init { code, message }) => {
            return Verdict::NotOk(Status::Failed, Layer::Guest, ErrorDetail::new(code, message.clone()));
        }
        Some(Stopped::Denied(message)) => {
            let backtrace = error.downcast_ref::<WasmBacktrace>().map(backtrace).unwrap_or_default();
            let error = ErrorDetail { backtrace, ..ErrorDetail::new("denied-import", message.clone()) };
            return Verdict::NotOk(Status::Trap, Layer::Sandbox, error);
        }
        None => {}
    }
    let root = error.root_cause().to_string();
    // The engine has no type for this one: WASI preview 1 allows codes from 0 to 125.
    if root.contains("invalid exit status") {
        return Verdict::StdoutOf(exit_detail(None));
    }
    // Nor for this one: more than `TaskContext::hostcall_memory` at once.
    if root.contains("fuel allocated for hostcalls") {
        let message = format!("gave more data at once than its limit of {} bytes of output allows", limits.output);
        return Verdict::NotOk(Status::OutputLimit, Layer::Limiter, ErrorDetail::new("output-limit", message));
    }
    let trap = error.downcast_ref::<Trap>();
    if trap == Some(&Trap::OutOfFuel) {
        return out_of_fuel(error, limits);
    }
    let (code, message) = match trap {
        Some(trap) => (trap_code(*trap), trap.to_string().trim_start_matches("wasm trap: ").to_owned()),
        None => ("abi", root),
    };
    let backtrace = error.downcast_ref::<WasmBacktrace>().map(backtrace).unwrap_or_default();
    if guard.denied {
        let message = format!("was denied memory over {} and then gave up: {message}", in_words(limits.memory));
        let error = ErrorDetail { backtrace, ..ErrorDetail::new("memory-limit", message) };
        return Verdict::NotOk(Status::OutOfMemory, Layer::Limiter, error);
    }
    let error = ErrorDetail { backtrace, ..ErrorDetail::new(code, message) };
    Verdict::NotOk(Status::Trap, Layer::Guest, error)
}

fn timeout(guard: &Guard, layer: Layer) -> Verdict {
    let length = guard.deadline.map(|deadline| deadline.length);
    Verdict::NotOk(Status::Timeout, layer, timeout_detail(length.unwrap_or_default()))
}

fn out_of_fuel(error: &wasmtime::Error, limits: &Limits) -> Verdict {
    let message = format!("used up its fuel of {}; allow more with --fuel", limits.fuel.unwrap_or_default());
    let backtrace = error.downcast_ref::<WasmBacktrace>().map(backtrace).unwrap_or_default();
    Verdict::NotOk(Status::Fuel, Layer::Fuel, ErrorDetail { backtrace, ..ErrorDetail::new("fuel", message) })
}

fn too_much_output(limits: &Limits) -> Verdict {
    let message = format!("more than {} bytes of output", limits.output);
    Verdict::NotOk(Status::OutputLimit, Layer::Limiter, ErrorDetail::new("output-limit", message))
}

fn exited(code: i32, success_codes: &[i32]) -> Verdict {
    if success_codes.contains(&code) { Verdict::Stdout } else { Verdict::StdoutOf(exit_detail(Some(code))) }
}

fn exit_detail(code: Option<i32>) -> ErrorDetail {
    let message = match code {
        Some(code) => format!("exited with code {code}"),
        None => "exited with a code over 125".to_owned(),
    };
    ErrorDetail { exit_code: code, ..ErrorDetail::new("exit", message) }
}

fn backtrace(trace: &WasmBacktrace) -> Vec<String> {
    let name = |frame: &wasmtime::FrameInfo| {
        let symbol = frame.symbols().first().and_then(|symbol| symbol.name());
        symbol.or(frame.func_name()).map_or_else(|| format!("<function {}>", frame.func_index()), str::to_owned)
    };
    trace.frames().iter().take(MAX_FRAMES).map(name).collect()
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
        _ => "trap",
    }
}
