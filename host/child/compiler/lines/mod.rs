//! Lines of source code for places in a program's code, from its debug information (DWARF).
//!
//! The debug information is of the program as it came. Its functions are the same in the program that was compiled, in the
//! same order, but the file around them may be another, so places are found by module, function and distance.

use std::borrow::Cow;
use std::collections::HashMap;

use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian};
use addr2line::{Context, Frame, Location};

use super::code::{Code, modules};
use super::outer::is_component;
use super::paths;
use crate::child::demangle::demangled;
use crate::model::spot::{Line, MOST_LINES, MOST_OF_A_TEXT, Spot};
use crate::protocol::lines::Asked;

/// Debug information of a module. It is read where it is asked for.
type Reader<'a> = EndianSlice<'a, LittleEndian>;

/// The lines of each place, innermost first. None where the program does not say.
pub(super) fn find(wasm: &[u8], asked: &Asked) -> Vec<Vec<Line>> {
    let modules = modules(wasm);
    let mut contexts = HashMap::new();
    let mut lines = |spot: &Spot| {
        let (place, module) = module_of(&modules, &asked.code, spot)?;
        let at = address(module, asked.code[place], spot, is_component(wasm))?;
        let context: &Option<_> = contexts.entry(place).or_insert_with(|| context(module));
        Some(lines_at(context.as_ref()?, at))
    };
    asked.spots.iter().map(|spot| lines(spot).unwrap_or_default()).collect()
}

/// The module with an instruction: the last that begins before it. Modules that were added stand behind the others.
fn module_of<'m, 'a>(modules: &'m [Code<'a>], code: &[u32], spot: &Spot) -> Option<(usize, &'m Code<'a>)> {
    let place = code.partition_point(|begin| *begin <= spot.at).checked_sub(1)?;
    Some((place, modules.get(place)?))
}

/// The address of an instruction, as debug information counts it. `code` is where the code of its module begins in the file
/// that was compiled.
fn address(module: &Code<'_>, code: u32, spot: &Spot, is_component: bool) -> Option<u64> {
    let body = module.body(spot.function)?;
    let begin = body.start.checked_sub(module.at)?;
    let within = spot.at.checked_sub(spot.body)? as usize;
    // Between the parts of a component, the engine has functions of its own.
    let is_own = !is_component || spot.body.checked_sub(code)? as usize == begin;
    (is_own && within < body.len()).then_some((begin + within) as u64)
}

fn context<'a>(module: &Code<'a>) -> Option<Context<Reader<'a>>> {
    let section = |name: &str| EndianSlice::new(module.debug.get(name).copied().unwrap_or_default(), LittleEndian);
    let dwarf = Dwarf::load(|id| Ok::<_, addr2line::gimli::Error>(section(id.name()))).ok()?;
    Context::from_dwarf(dwarf).ok()
}

/// The lines of an address: of the functions that were inlined, and of their caller.
fn lines_at(context: &Context<Reader<'_>>, at: u64) -> Vec<Line> {
    let Ok(mut frames) = context.find_frames(at).skip_all_loads() else { return Vec::new() };
    let unit = context.find_dwarf_and_unit(at).skip_all_loads();
    let built_in = unit.and_then(|unit| unit.comp_dir).map(|folder| folder.to_string_lossy());
    let mut lines = Vec::new();
    while let Ok(Some(frame)) = frames.next() {
        // The innermost ones and the last are kept.
        lines.truncate(MOST_LINES - 1);
        lines.push(line(&frame, built_in.as_deref()));
    }
    if lines.iter().all(|line| line.place.is_empty()) { Vec::new() } else { lines }
}

fn line(frame: &Frame<'_, Reader<'_>>, built_in: Option<&str>) -> Line {
    let name = frame.function.as_ref().and_then(|function| function.raw_name().ok());
    let file = |location: &Location<'_>| Some(paths::place(location.file?, location.line, built_in));
    Line {
        function: name.map(function).unwrap_or_default(),
        place: frame.location.as_ref().and_then(file).unwrap_or_default(),
    }
}

fn function(name: Cow<'_, str>) -> String {
    let mut name = name.into_owned();
    name.truncate(name.floor_char_boundary(MOST_OF_A_TEXT));
    demangled(name, MOST_OF_A_TEXT)
}

#[cfg(test)]
mod tests;
