//! The compiler process, the only one that reads a program. It checks, reports, compiles, and ends.

mod constructors;
mod data;
mod flat;
mod freeze;
mod imports;
mod inspect;
mod needs;
mod outer;
mod resettable;
mod restorer;
mod sections;
mod startup;
mod types;

use std::borrow::Cow;
use std::hint::black_box;

use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use self::data::Take;
use self::outer::is_component;
use self::resettable::Prepared;
use crate::child::confine::{self, Confinement, Needs};
use crate::child::engine::engine;
use crate::child::pipes::Pipes;
use crate::model::error::{Refusal, RefusalCode};
use crate::model::limits::{CompileLimits, MAX_MEMORY, in_words};
use crate::model::program::MAX_PROGRAM;
use crate::model::report::Draft;
use crate::protocol::contents::{PAGE, Span};
use crate::protocol::roles::Role;
use crate::protocol::setup::{ChildError, CompileSetup, Compiled, Goal, ImageSettings};
use crate::protocol::snapshot::Snapshot;
use crate::protocol::wire::{Decoder, Kind, MAX_TEXT};

/// Runs the compiler: a program in, a report and an image out. Returns the exit code.
pub(crate) fn compile(mut pipes: Pipes) -> i32 {
    let mut decoder = Decoder::new(MAX_PROGRAM as usize);
    match answer(&mut pipes, &mut decoder) {
        Ok((report, image)) => {
            pipes.send_bytes(Kind::Report, &report);
            pipes.send_bytes(Kind::Image, &image);
            0
        }
        Err(why) => pipes.refuse(why),
    }
}

/// The report as JSON, and the image.
fn answer(pipes: &mut Pipes, decoder: &mut Decoder) -> Result<(Vec<u8>, Vec<u8>), ChildError> {
    let setup: CompileSetup = pipes.setup(decoder)?;
    limit(&setup.limits).map_err(|error| ChildError::Other(format!("cannot limit itself: {error}")))?;
    fence(&setup, pipes.host)?;
    let program = pipes.next(decoder).map_err(|error| ChildError::Other(error.to_string()))?;
    let program = program.filter(|frame| frame.kind == Kind::Program);
    let program = program.ok_or_else(|| ChildError::Other("it was given no program".into()))?;
    let state = match setup.goal {
        Goal::Snapshot => Some(state(pipes, decoder)?),
        Goal::Run | Goal::Init => None,
    };
    let (compiled, image) = goal(setup.goal, &program.payload, state, setup.settings).map_err(ChildError::Program)?;
    let report = serde_json::to_vec(&compiled).map_err(|error| ChildError::Other(error.to_string()))?;
    if report.len() > MAX_TEXT {
        let what = format!("its imports, exports and functions take more than {} to list", in_words(MAX_TEXT as u64));
        return Err(ChildError::Program(Refusal::new(RefusalCode::ReportLimit, what)));
    }
    Ok((report, image))
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
    let mut fence =
        Confinement::new(setup.sandbox, Needs { role: Role::Compiler, host, dirs: &[], scratch: None, data: None });
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

/// The report on a program, and the image for a goal.
fn goal(
    goal: Goal,
    bytes: &[u8],
    state: Option<Snapshot>,
    settings: ImageSettings,
) -> Result<(Compiled, Vec<u8>), Refusal> {
    let wasm = binary(bytes)?;
    needs::check(&wasm)?;
    if !freeze::may_have_init(&wasm) {
        return image(&wasm, settings);
    }
    let wasm = constructors::run_once(&wasm)?;
    if let Some(state) = state {
        return image(&freeze::frozen(&wasm, state)?, settings);
    }
    if goal == Goal::Run {
        return image(&wasm, settings);
    }
    if let Ok(prepared) = prepare(&wasm, settings)
        && let Ok((compiled, image)) = image_of_prepared(&prepared, settings)
        && (compiled.draft.init.is_some() || settings.reset)
    {
        // A state can be laid over each of its instances.
        return Ok((compiled, image));
    }
    let instrumented = freeze::instrumented(&wasm);
    if let Ok(instrumented) = &instrumented {
        let (compiled, image) = image(instrumented, settings.init())?;
        if compiled.draft.init.is_some() {
            return Ok((compiled, image));
        }
    }
    // Either another export has the name, or no state of the program can be kept.
    let (compiled, image) = image(&wasm, settings)?;
    if compiled.draft.init.is_some() { instrumented.map(|_| (compiled, image)) } else { Ok((compiled, image)) }
}

/// The program rewritten so that its instances can be put back, or the reason why it cannot be.
fn prepare(wasm: &[u8], settings: ImageSettings) -> Result<Prepared, String> {
    // Where fuel is counted, the engine copies the data, because its work counts.
    let take = if settings.fuel { Take::Nothing } else { Take::Data };
    let prepared = if is_component(wasm) { flat::prepare(wasm, take) } else { resettable::prepare(wasm, take) };
    prepared?.counted(settings.fuel)
}

/// The report on a program, and its image.
fn image(wasm: &[u8], settings: ImageSettings) -> Result<(Compiled, Vec<u8>), Refusal> {
    let prepared = prepare(wasm, settings);
    let mut resettable = prepared.as_ref().map(drop).map_err(Clone::clone);
    if settings.reset
        && let Ok(prepared) = &prepared
    {
        match image_of_prepared(prepared, settings) {
            Ok(made) => return Ok(made),
            // The program itself decides whether it is refused, by its own reason.
            Err(refusal) => resettable = Err(refusal.message),
        }
    }
    let (draft, image) = serialized(wasm, ImageSettings { reset: false, ..settings }, resettable.map(|()| None))?;
    Ok((Compiled { draft, start: None }, image))
}

/// The image of a program whose instances can be put back: its code, and what its memories begin with, from the next
/// page on.
fn image_of_prepared(prepared: &Prepared, settings: ImageSettings) -> Result<(Compiled, Vec<u8>), Refusal> {
    let (draft, mut image) =
        serialized(&prepared.wasm, ImageSettings { reset: true, ..settings }, Ok(prepared.copying_fuel))?;
    image.resize(image.len().next_multiple_of(PAGE), 0);
    let start = Span { at: image.len() as u64, length: prepared.start.len() as u64 };
    image.extend_from_slice(&prepared.start);
    Ok((Compiled { draft, start: Some(start) }, image))
}

/// The report on a program, and its code.
fn serialized(
    wasm: &[u8],
    settings: ImageSettings,
    resettable: Result<Option<u64>, String>,
) -> Result<(Draft, Vec<u8>), Refusal> {
    let engine = engine(settings, None).map_err(|error| bad_module(&error))?;
    if is_component(wasm) {
        let component = Component::from_binary(&engine, wasm).map_err(|error| bad_module(&error))?;
        let report = inspect::component(&engine, &component, resettable)?;
        imports::check_component(&engine, &component)?;
        Ok((report, component.serialize().map_err(|error| bad_module(&error))?))
    } else {
        // Validation is quick, and rejects early what compiling would reject much later.
        Module::validate(&engine, wasm).map_err(|error| bad_module(&error))?;
        let module = Module::from_binary(&engine, wasm).map_err(|error| bad_module(&error))?;
        let report = inspect::module(&module, resettable)?;
        imports::check_module(&engine, &module)?;
        Ok((report, module.serialize().map_err(|error| bad_module(&error))?))
    }
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

fn bad_module(error: &wasmtime::Error) -> Refusal {
    Refusal::new(RefusalCode::BadModule, format!("{error:#}"))
}
