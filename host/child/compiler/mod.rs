//! The compiler process, the only one that reads a program. It checks, reports, compiles, and ends.

mod code;
mod constructors;
mod data;
mod flat;
mod freeze;
mod imports;
mod inspect;
mod lines;
mod make;
mod needs;
mod outer;
mod paths;
mod proposals;
mod resettable;
mod restorer;
mod sections;
mod skeleton;
mod startup;
mod types;

use std::borrow::Cow;
use std::hint::black_box;

use wasmtime::Engine;

use crate::child::confine::{self, Confinement, Needs};
use crate::child::pipes::Pipes;
use crate::model::error::{Refusal, RefusalCode};
use crate::model::limits::{CompileLimits, MAX_MEMORY, in_words};
use crate::model::program::MAX_PROGRAM;
use crate::protocol::roles::Role;
use crate::protocol::setup::{ChildError, CompileSetup, Goal};
use crate::protocol::snapshot::Snapshot;
use crate::protocol::wire::{Decoder, Kind, MAX_TEXT};

/// Runs the compiler: a program in, and a report and an image out, or lines of its source code. Returns the exit code.
pub(crate) fn compile(mut pipes: Pipes) -> i32 {
    let mut decoder = Decoder::new(MAX_PROGRAM as usize);
    match answer(&mut pipes, &mut decoder) {
        Ok(frames) => {
            frames.iter().for_each(|(kind, payload)| pipes.send_bytes(*kind, payload));
            0
        }
        Err(why) => pipes.refuse(why),
    }
}

/// The report as JSON and the image, or lines of source code.
fn answer(pipes: &mut Pipes, decoder: &mut Decoder) -> Result<Vec<(Kind, Vec<u8>)>, ChildError> {
    let setup: CompileSetup = pipes.setup(decoder)?;
    limit(&setup.limits).map_err(|error| ChildError::Other(format!("cannot limit itself: {error}")))?;
    fence(&setup, pipes.host)?;
    let program = pipes.next(decoder).map_err(|error| ChildError::Other(error.to_string()))?;
    let program = program.filter(|frame| frame.kind == Kind::Program);
    let program = program.ok_or_else(|| ChildError::Other("it was given no program".into()))?;
    let state = match setup.goal {
        Goal::Snapshot => Some(state(pipes, decoder)?),
        Goal::Look | Goal::Run | Goal::Init | Goal::Lines => None,
    };
    let wasm = binary(&program.payload).map_err(ChildError::Program)?;
    if setup.goal == Goal::Lines {
        return Ok(vec![(Kind::Lines, lines(pipes, decoder, &wasm)?)]);
    }
    let (compiled, image) = make::image_for(setup.goal, &wasm, state, setup.settings).map_err(ChildError::Program)?;
    let report = serde_json::to_vec(&compiled).map_err(|error| ChildError::Other(error.to_string()))?;
    if report.len() > MAX_TEXT {
        let what = format!("its imports, exports and functions take more than {} to list", in_words(MAX_TEXT as u64));
        return Err(ChildError::Program(Refusal::new(RefusalCode::ReportLimit, what)));
    }
    Ok(vec![(Kind::Report, report), (Kind::Image, image)])
}

/// Lines of source code for the places in the frame that follows the program, as JSON.
fn lines(pipes: &mut Pipes, decoder: &mut Decoder, wasm: &[u8]) -> Result<Vec<u8>, ChildError> {
    let frame = pipes.next(decoder).map_err(|error| ChildError::Other(error.to_string()))?;
    let frame = frame.filter(|frame| frame.kind == Kind::Spots);
    let frame = frame.ok_or_else(|| ChildError::Other("it was asked for no lines".into()))?;
    let asked = serde_json::from_slice(&frame.payload).map_err(|error| ChildError::Other(error.to_string()))?;
    serde_json::to_vec(&lines::find(wasm, &asked)).map_err(|error| ChildError::Other(error.to_string()))
}

/// Most seconds of CPU time: the kernel counts nanoseconds in 64 bits.
const MOST_SECONDS: u64 = u64::MAX / 1_000_000_000 - 1;

/// Stack of a thread that compiles: as much as the first thread has by default, because a program decides how deep the
/// engine recurses.
const STACK: usize = 8 << 20;

/// Limits the CPU time, of all threads together, and the memory of this process. The kernel ends it when a program needs
/// more, and the host reports that.
fn limit(limits: &CompileLimits) -> std::io::Result<()> {
    confine::limit_time(limits.time.as_secs().clamp(1, MOST_SECONDS))?;
    confine::limit_data(limits.memory)
}

/// Raises the fence, before a byte of the program is read.
fn fence(setup: &CompileSetup, host: i32) -> Result<(), ChildError> {
    let other = |error: std::io::Error| ChildError::Other(error.to_string());
    let mut fence = Confinement::new(
        setup.sandbox,
        Needs { role: Role::Compiler, host, dirs: &[], empty_dir: None, scratch: None, data: None },
    );
    fence.around_one_thread().map_err(other)?;
    start_threads(setup.threads).map_err(other)?;
    fence.around_all_threads();
    fence.finish().map(drop)
}

/// Starts the threads that compile beside this one. They inherit its fence, and inside the whole fence no thread can be
/// started.
fn start_threads(count: usize) -> std::io::Result<()> {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(count.max(1)).use_current_thread();
    let threads = threads.stack_size(STACK).thread_name(|_| "wpool-compile".into());
    threads.build_global().map_err(std::io::Error::other)?;
    // The start of a thread takes more system calls than the whole fence allows, and so does the first time that the
    // allocator of a thread gives memory back: glibc's then reads a setting of the system, once for all threads.
    rayon::broadcast(|_| drop(black_box((0..SOME).map(|_| Vec::<u8>::with_capacity(LARGE)).collect::<Vec<_>>())));
    Ok(())
}

/// As many blocks of such a size that the allocator gives their memory back. Larger blocks are mapped one by one.
const SOME: usize = 64;
const LARGE: usize = 100 << 10;

/// The state, which follows the program.
fn state(pipes: &mut Pipes, decoder: &mut Decoder) -> Result<Snapshot, ChildError> {
    let other = |why: String| ChildError::Other(format!("cannot read the state: {why}"));
    let frame = pipes.next(decoder).map_err(|error| other(error.to_string()))?;
    let frame = frame.filter(|frame| frame.kind == Kind::Snapshot).ok_or_else(|| other("it did not come".into()))?;
    Snapshot::read(&frame.payload, MAX_MEMORY).map_err(other)
}

/// The program in binary form, from binary or text.
fn binary(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Refusal> {
    let refuse = |what: String| Err(Refusal::new(RefusalCode::BadModule, what));
    if bytes.is_empty() {
        return refuse("the file is empty".into());
    }
    if Engine::detect_precompiled(bytes).is_some() {
        let what =
            "precompiled code is refused, because nobody can check what it does; give the .wasm it was made from";
        return Err(Refusal::new(RefusalCode::Precompiled, what));
    }
    if bytes.starts_with(b"\0asm") {
        return Ok(bytes.into());
    }
    let looks_like_text = std::str::from_utf8(bytes).is_ok_and(|text| text.trim_start().starts_with(['(', ';']));
    if !looks_like_text {
        let magic: Vec<_> = bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        return refuse(format!("not WebAssembly (it begins with {}, a module with 00 61 73 6d)", magic.join(" ")));
    }
    wat::parse_bytes(bytes).or_else(|error| refuse(format!("not WebAssembly text: {error}")))
}
