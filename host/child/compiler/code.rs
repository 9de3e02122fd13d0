//! Where the code of each core module stands in a program, be it one module or many in a component.

use std::collections::HashMap;
use std::ops::Range;

use wasmparser::{Encoding, Parser, Payload, TypeRef};

/// The section without which no instruction has a line.
const TABLE: &str = ".debug_line";

/// The start of the names of sections that only debuggers read.
const DEBUG: &str = ".debug_";

/// A core module in a program.
#[derive(Debug, Default)]
pub(super) struct Code<'a> {
    /// Where its code begins, and without any code the module itself. Debug information counts from there.
    pub at: usize,
    /// The number of functions that it imports, which are counted first.
    imported: usize,
    /// The bodies of its functions.
    bodies: Vec<Range<usize>>,
    /// The parts that debuggers read of it, by the names of the sections.
    pub debug: HashMap<&'a str, &'a [u8]>,
}

impl Code<'_> {
    /// The body of a function.
    pub fn body(&self, function: u32) -> Option<&Range<usize>> {
        self.bodies.get((function as usize).checked_sub(self.imported)?)
    }
}

/// The modules of a program, in the order in which they begin. Of a program that is not valid, those before the fault.
pub(super) fn modules(wasm: &[u8]) -> Vec<Code<'_>> {
    let (mut modules, mut within) = (Vec::<Code<'_>>::new(), Vec::new());
    for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        match &payload {
            Payload::Version { encoding: Encoding::Module, range, .. } => {
                within.push(Some(modules.len()));
                modules.push(Code { at: range.start, ..Code::default() });
            }
            Payload::Version { encoding: Encoding::Component, .. } => within.push(None),
            Payload::End(_) => drop(within.pop()),
            payload => {
                if let Some(module) = within.last().copied().flatten().and_then(|place| modules.get_mut(place)) {
                    note(module, payload);
                }
            }
        }
    }
    modules
}

fn note<'a>(module: &mut Code<'a>, payload: &Payload<'a>) {
    match payload {
        Payload::ImportSection(imports) => {
            let is_function = |ty: &TypeRef| matches!(ty, TypeRef::Func(_) | TypeRef::FuncExact(_));
            let imports = imports.clone().into_imports().flatten();
            module.imported += imports.filter(|import| is_function(&import.ty)).count();
        }
        Payload::CodeSectionStart { range, .. } => module.at = range.start,
        Payload::CodeSectionEntry(body) => module.bodies.push(body.range()),
        Payload::CustomSection(custom) if custom.name().starts_with(DEBUG) => {
            module.debug.insert(custom.name(), custom.data());
        }
        _ => {}
    }
}

/// Where the code of each module begins, if one of them has a table of lines.
pub(super) fn places(wasm: &[u8]) -> Option<Vec<u32>> {
    let modules = modules(wasm);
    let has_table = modules.iter().any(|module| module.debug.contains_key(TABLE));
    has_table.then(|| modules.iter().map(|module| module.at as u32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &str = r#"(import "a" "f" (func)) (import "a" "m" (memory 1)) (func) (func (drop (i32.const 7)))
        (@custom ".debug_line" "table") (@custom "other" "text")"#;

    #[test]
    fn modules_are_found_at_every_depth_with_their_functions_and_tables() {
        let text = format!("(component (core module (func)) (component (core module {MODULE})) (core module))");
        let wasm = wat::parse_str(text).unwrap();
        let modules = modules(&wasm);
        assert_eq!(modules.iter().map(|module| module.bodies.len()).collect::<Vec<_>>(), [1, 2, 0]);
        let [_, inner, empty] = &modules[..] else { panic!("three modules") };
        assert_eq!(wasm[inner.at], 2, "the number of bodies, from where debug information counts");
        assert_eq!(&wasm[inner.body(2).unwrap().clone()], [0, 0x41, 7, 0x1a, 0x0b]);
        assert_eq!((inner.body(0), inner.body(3)), (None, None));
        assert_eq!(inner.debug, HashMap::from([(".debug_line", &b"table"[..])]));
        assert!(modules.is_sorted_by_key(|module| module.at) && empty.debug.is_empty());
        assert_eq!(places(&wasm).unwrap(), modules.iter().map(|module| module.at as u32).collect::<Vec<_>>());
    }

    #[test]
    fn a_program_without_a_table_of_lines_has_no_places() {
        assert_eq!(places(&wat::parse_str("(module (func))").unwrap()), None);
        assert_eq!(places(b"no program"), None);
    }
}
