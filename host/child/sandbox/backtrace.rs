//! The frames of a guest that was stopped: names of functions, and places in the program.

use wasmtime::{FrameInfo, WasmBacktrace, WasmCoreDump};

use super::texts;
use crate::child::demangle::demangled;
use crate::child::engine::max_frames;
use crate::model::spot::{Spot, bounded};

/// Most bytes of a function's name that are kept. Mangled names of C++ and Rust have some hundred.
const MOST_OF_A_FUNCTION: usize = 1 << 10;

/// Names of the functions on a guest's stack, from the core dump if the error has one.
pub(super) fn names(error: &wasmtime::Error, all: bool) -> Vec<String> {
    let name = |frame: &FrameInfo| {
        let symbol = frame.symbols().first().and_then(|symbol| symbol.name());
        let name = symbol.or(frame.func_name()).map(|name| texts::ends(name.to_owned(), MOST_OF_A_FUNCTION));
        let name = name.map(|name| demangled(name, MOST_OF_A_FUNCTION));
        name.unwrap_or_else(|| format!("<function {}>", frame.func_index()))
    };
    frames(error, all).iter().map(name).collect()
}

/// The places of the same frames in the program.
pub(super) fn spots(error: &wasmtime::Error, all: bool) -> Vec<Spot> {
    let place = |offset: Option<usize>| offset.and_then(|offset| u32::try_from(offset).ok()).unwrap_or(u32::MAX);
    let spot = |frame: &FrameInfo| {
        let body = frame.module_offset().zip(frame.func_offset()).map(|(at, within)| at.saturating_sub(within));
        Spot { function: frame.func_index(), body: place(body), at: place(frame.module_offset()) }
    };
    let frames = frames(error, all);
    bounded(frames.iter().map(spot).collect(), frames.len())
}

fn frames(error: &wasmtime::Error, all: bool) -> &[FrameInfo] {
    let trace = error.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames);
    let frames = trace.or_else(|| error.downcast_ref::<WasmCoreDump>().map(WasmCoreDump::frames)).unwrap_or_default();
    &frames[..frames.len().min(max_frames(all))]
}
