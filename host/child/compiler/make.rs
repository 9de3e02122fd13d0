//! The report on a program, and its image.

use wasmtime::Module;
use wasmtime::component::Component;

use super::data::Take;
use super::outer::is_component;
use super::resettable::Prepared;
use super::{code, constructors, flat, freeze, imports, inspect, needs, proposals, resettable, skeleton};
use crate::child::engine::engine;
use crate::model::error::{Refusal, RefusalCode};
use crate::model::report::Draft;
use crate::protocol::contents::{PAGE, Span};
use crate::protocol::setup::{Compiled, Goal, ImageSettings, Proposals};
use crate::protocol::snapshot::Snapshot;

/// How a program is read.
#[derive(Clone, Copy)]
struct Way {
    settings: ImageSettings,
    proposals: Proposals,
    /// For the report alone: the image stays empty.
    looks: bool,
}

/// The report on a program, and the image for a goal.
pub(super) fn image_for(
    goal: Goal,
    wasm: &[u8],
    state: Option<Snapshot>,
    settings: ImageSettings,
) -> Result<(Compiled, Vec<u8>), Refusal> {
    needs::check(wasm)?;
    let way = Way { settings, proposals: proposals::used(wasm)?, looks: goal == Goal::Look };
    if !freeze::may_have_init(wasm) {
        return image(wasm, way);
    }
    let wasm = constructors::run_once(wasm)?;
    if let Some(state) = state {
        return image(&freeze::frozen(&wasm, state)?, way);
    }
    // Perhaps another export has the name.
    if goal != Goal::Init || image(&wasm, Way { looks: true, ..way })?.0.draft.init.is_none() {
        return image(&wasm, way);
    }
    if let Ok(prepared) = prepare(&wasm, way)
        && let Ok(made) = image_of_prepared(&prepared, way)
    {
        // A state can be laid over each of its instances.
        return Ok(made);
    }
    if way.proposals != Proposals::default() {
        return Err(Refusal::no_snapshot(MORE_STATE));
    }
    image(&freeze::instrumented(&wasm)?, Way { settings: settings.init(), ..way })
}

/// Why no state of a program with these proposals can be put back or kept.
const MORE_STATE: &str = "it uses exceptions, references that the engine collects, or asynchronous functions, whose state \
                          is within the engine";

/// The program rewritten so that its instances can be put back, or the reason why it cannot be.
fn prepare(wasm: &[u8], way: Way) -> Result<Prepared, String> {
    if way.proposals != Proposals::default() {
        return Err(MORE_STATE.to_owned());
    }
    // Where fuel is counted, the engine copies the data, because its work counts.
    let take = if way.settings.fuel { Take::Nothing } else { Take::Data };
    let prepared = if is_component(wasm) { flat::prepare(wasm, take) } else { resettable::prepare(wasm, take) };
    prepared?.counted(way.settings.fuel)
}

/// The report on a program, and its image.
fn image(wasm: &[u8], way: Way) -> Result<(Compiled, Vec<u8>), Refusal> {
    let prepared = prepare(wasm, way);
    let mut resettable = prepared.as_ref().map(drop).map_err(Clone::clone);
    if way.settings.reset
        && let Ok(prepared) = &prepared
    {
        match image_of_prepared(prepared, way) {
            Ok(made) => return Ok(made),
            // The program itself decides whether it is refused, by its own reason.
            Err(refusal) => resettable = Err(refusal.message),
        }
    }
    let (draft, image) = serialized(wasm, with_reset(way, false), resettable.map(|()| None))?;
    Ok((Compiled { draft, proposals: way.proposals, start: None, code: code_of(wasm, way) }, image))
}

fn with_reset(way: Way, reset: bool) -> Way {
    Way { settings: ImageSettings { reset, ..way.settings }, ..way }
}

/// The image of a program whose instances can be put back: its code, and what its memories begin with, from the next
/// page on.
fn image_of_prepared(prepared: &Prepared, way: Way) -> Result<(Compiled, Vec<u8>), Refusal> {
    let (draft, mut image) = serialized(&prepared.wasm, with_reset(way, true), Ok(prepared.copying_fuel))?;
    let mut start = None;
    if !way.looks {
        image.resize(image.len().next_multiple_of(PAGE), 0);
        start = Some(Span { at: image.len() as u64, length: prepared.start.len() as u64 });
        image.extend_from_slice(&prepared.start);
    }
    Ok((Compiled { draft, proposals: way.proposals, start, code: code_of(&prepared.wasm, way) }, image))
}

/// As in [`Compiled`].
fn code_of(compiled: &[u8], way: Way) -> Option<Vec<u32>> {
    if way.looks { None } else { code::places(compiled) }
}

/// The report on a program, and its code.
fn serialized(wasm: &[u8], way: Way, resettable: Result<Option<u64>, String>) -> Result<(Draft, Vec<u8>), Refusal> {
    let engine = engine(way.settings, way.proposals, None).map_err(|error| not_compiled(&error))?;
    let skeleton = way.looks.then(|| skeleton::of(wasm)).transpose();
    let skeleton = skeleton.map_err(|error| Refusal::new(RefusalCode::BadModule, error.to_string()))?;
    let compiled = skeleton.as_deref().unwrap_or(wasm);
    if is_component(wasm) {
        let component = Component::from_binary(&engine, compiled).map_err(|error| not_compiled(&error))?;
        let mut draft = inspect::component(&engine, &component, resettable)?;
        // Its tasks wait for each other, so they need a stack of their own like tasks that wait for the host.
        draft.wasi |= way.proposals.tasks;
        imports::check_component(&engine, &component)?;
        let image = if way.looks { Ok(Vec::new()) } else { component.serialize() };
        Ok((draft, image.map_err(|error| not_compiled(&error))?))
    } else {
        let module = Module::from_binary(&engine, compiled).map_err(|error| not_compiled(&error))?;
        let draft = inspect::module(&module, resettable)?;
        imports::check_module(&engine, &module)?;
        let image = if way.looks { Ok(Vec::new()) } else { module.serialize() };
        Ok((draft, image.map_err(|error| not_compiled(&error))?))
    }
}

/// The refusal of a program that is valid, but not for the engine.
fn not_compiled(error: &wasmtime::Error) -> Refusal {
    Refusal::new(RefusalCode::BadModule, format!("the engine does not compile it: {error:#}"))
}
