//! Whether an instance can be put back to its state before a task, and the program rewritten so that all this state is
//! within reach.
//!
//! By the core specification, a task can change these parts of an instance: its memories, its mutable globals, its
//! tables, and the set of its dropped segments. The host can put memories and globals back if it can reach them, so
//! they are exported under names of wpool's own. It cannot put tables and segments back, so a program with an
//! instruction that changes one is not eligible. Instructions are known by their proposal. An instruction of a proposal
//! that is not listed here makes a program ineligible, whatever it does. [`crate::isolation`] is the whole argument.

use wasm_encoder::ExportKind;
use wasmparser::{FunctionBody, GlobalType, MemoryType, Operator, Parser, Payload, TypeRef, ValType};

use super::data::{Take, Taken, start_of};
use super::sections::{Added, with_exports};
use super::startup::{self, Startup};
use crate::child::engine::watch::MAX_WATCHED;
use crate::child::names::STATE;
use crate::model::limits::in_words;

/// Most mutable globals. Most programs have one to five; a CPython that is linked from libraries has a global for each
/// address that they share, some five hundred. Copying one takes a nanosecond in a component and ten in a core module.
const MAX_GLOBALS: usize = 4 << 10;
/// Most bytes of initial data. Large data is mapped into each new instance, and workers share it.
const MAX_DATA: usize = 128 << 20;

/// Proposals whose instructions change no state but memories, mutable globals, tables and segments.
const KNOWN: [&str; 11] = [
    "mvp",
    "sign_extension",
    "saturating_float_to_int",
    "bulk_memory",
    "reference_types",
    "tail_call",
    "threads",
    "simd",
    "relaxed_simd",
    "wide_arithmetic",
    "function_references",
];

/// A core module rewritten so that its state can be put back, or the reason why it cannot be. An invalid module may
/// give either.
pub(super) fn prepare(wasm: &[u8], take: Take) -> Result<Prepared, String> {
    let unread = |error: wasmparser::BinaryReaderError| error.to_string();
    let state = ModuleState::read(wasm, Stands::Alone)?;
    ModuleState::check_size(&[&state])?;
    let copying_fuel = Startup::of(wasm).and_then(|startup| startup::copying_fuel([startup]));
    let data = Taken::out_of(wasm, &state.memory_types(), take).map_err(unread)?;
    let start = start_of(&[(&data, state.parts())])?;
    let wasm = with_exports(wasm, &state.exports(), data.rest.as_ref()).map_err(unread)?;
    Ok(Prepared { wasm, start, copying_fuel })
}

/// A program that was rewritten so that its instances can be put back.
pub(super) struct Prepared {
    pub wasm: Vec<u8>,
    /// The initial contents of its memories, encoded.
    pub start: Vec<u8>,
    /// As in [`crate::report::Report::copying_fuel`]. `None` when it is not known.
    pub copying_fuel: Option<u64>,
}

impl Prepared {
    /// The same for an image that counts fuel, or that does not.
    pub fn counted(self, fuel: bool) -> Result<Prepared, String> {
        match self.copying_fuel {
            None if fuel => Err("work is counted, and that of making an instance is not always the same".to_owned()),
            copying_fuel => Ok(Prepared { copying_fuel: copying_fuel.filter(|_| fuel), ..self }),
        }
    }
}

/// The place of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    Alone,
    /// In a component, beside others that provide its imports.
    InComponent,
}

/// The parts of a module's instance that a task can change. The module itself defines all of them.
#[derive(Clone, Debug, Default)]
pub(super) struct ModuleState {
    pub memories: Vec<Part<MemoryType>>,
    /// Mutable globals only.
    pub globals: Vec<Part<GlobalType>>,
    /// Bytes of initial data.
    data: usize,
}

/// A memory or a global.
#[derive(Clone, Debug)]
pub(super) struct Part<T> {
    pub index: u32,
    pub ty: T,
}

/// Numbers of imported memories and globals, which come before the module's own.
#[derive(Default)]
struct Imported {
    memories: u32,
    globals: u32,
}

impl ModuleState {
    pub fn read(wasm: &[u8], stands: Stands) -> Result<ModuleState, String> {
        let unread = |error: wasmparser::BinaryReaderError| error.to_string();
        let (mut state, mut imported) = (ModuleState::default(), Imported::default());
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.map_err(unread)? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        imported.note(&import.map_err(unread)?.ty, stands)?;
                    }
                }
                Payload::MemorySection(memories) => {
                    for (index, memory) in (imported.memories..).zip(memories) {
                        state.memory(index, memory.map_err(unread)?)?;
                    }
                }
                Payload::GlobalSection(globals) => {
                    for (index, global) in (imported.globals..).zip(globals) {
                        state.global(index, global.map_err(unread)?.ty)?;
                    }
                }
                Payload::TagSection(_) => return Err("it has exceptions".to_owned()),
                Payload::ExportSection(exports) => {
                    for export in exports {
                        if export.map_err(unread)?.name.starts_with(STATE) {
                            return Err(format!("it exports names that begin with {STATE}"));
                        }
                    }
                }
                Payload::DataSection(segments) => {
                    state.data = segments.into_iter().flatten().map(|segment| segment.data.len()).sum();
                }
                Payload::CodeSectionEntry(body) => check(&body)?,
                _ => {}
            }
        }
        Ok(state)
    }

    fn memory(&mut self, index: u32, ty: MemoryType) -> Result<(), String> {
        if ty.shared || ty.page_size_log2.is_some() {
            return Err("it has a memory that is shared or has pages of its own size".to_owned());
        }
        self.memories.push(Part { index, ty });
        Ok(())
    }

    fn global(&mut self, index: u32, ty: GlobalType) -> Result<(), String> {
        if !ty.mutable {
            return Ok(());
        }
        if matches!(ty.content_type, ValType::Ref(_)) || ty.shared {
            return Err("it has a mutable global that holds a reference".to_owned());
        }
        self.globals.push(Part { index, ty });
        Ok(())
    }

    /// Whether all of this is worth putting back.
    pub fn check_size(states: &[&ModuleState]) -> Result<(), String> {
        let sum = |of: fn(&ModuleState) -> usize| states.iter().map(|state| of(state)).sum::<usize>();
        if sum(|state| state.memories.len()) > MAX_WATCHED {
            return Err(format!("it has more than {MAX_WATCHED} memories"));
        }
        if sum(|state| state.globals.len()) > MAX_GLOBALS {
            return Err(format!("it has more than {MAX_GLOBALS} mutable globals"));
        }
        if sum(|state| state.data) > MAX_DATA {
            return Err(format!("it begins with more than {} in memory", in_words(MAX_DATA as u64)));
        }
        Ok(())
    }

    /// The module's memories, with their numbers.
    pub fn memory_types(&self) -> Vec<(u32, MemoryType)> {
        self.memories.iter().map(|memory| (memory.index, memory.ty)).collect()
    }

    /// Parts of 64 bits that hold the globals.
    pub fn parts(&self) -> usize {
        self.globals.iter().map(|global| if global.ty.content_type == ValType::V128 { 2 } else { 1 }).sum()
    }

    /// The exports that the module gets for its state.
    pub fn exports(&self) -> Vec<Added> {
        let added = |kind, name, index| Added { name, kind, index };
        let memories = self.memories.iter();
        let memories = memories.map(|memory| added(ExportKind::Memory, memory.name(), memory.index));
        let globals = self.globals.iter().map(|global| added(ExportKind::Global, global.name(), global.index));
        memories.chain(globals).collect()
    }
}

impl Part<MemoryType> {
    /// The name under which the module exports it.
    pub fn name(&self) -> String {
        format!("{STATE}memory_{}", self.index)
    }
}

impl Part<GlobalType> {
    /// The name under which the module exports it.
    pub fn name(&self) -> String {
        format!("{STATE}global_{}", self.index)
    }
}

impl Imported {
    fn note(&mut self, ty: &TypeRef, stands: Stands) -> Result<(), String> {
        match ty {
            TypeRef::Func(_) | TypeRef::FuncExact(_) => {}
            _ if stands == Stands::Alone => return Err("it imports something else than functions".to_owned()),
            TypeRef::Tag(_) => return Err("it has exceptions".to_owned()),
            TypeRef::Table(_) => {}
            TypeRef::Memory(_) => self.memories += 1,
            TypeRef::Global(_) => self.globals += 1,
        }
        Ok(())
    }
}

/// Rejects code with changes that cannot be put back.
fn check(body: &FunctionBody<'_>) -> Result<(), String> {
    let unread = |error: wasmparser::BinaryReaderError| error.to_string();
    let mut operators = body.get_operators_reader().map_err(unread)?;
    while !operators.eof() {
        let operator = operators.read().map_err(unread)?;
        match operator {
            Operator::TableSet { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. } => return Err("it changes a table".to_owned()),
            Operator::DataDrop { .. } | Operator::ElemDrop { .. } => return Err("it drops a segment".to_owned()),
            _ if !KNOWN.contains(&proposal(&operator)) => {
                return Err(format!("it has an instruction of the proposal {}", proposal(&operator)));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The proposal that introduced an instruction.
fn proposal(operator: &Operator<'_>) -> &'static str {
    macro_rules! of {
        ($( @$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*) )*) => {
            match operator {
                $( Operator::$op { .. } => stringify!($proposal), )*
                _ => "unknown",
            }
        };
    }
    wasmparser::for_each_operator!(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> Result<Vec<String>, String> {
        let wasm = wat::parse_str(text).unwrap();
        let prepared = prepare(&wasm, Take::Data)?.wasm;
        wasmparser::validate(&prepared).unwrap();
        let exports = Parser::new(0).parse_all(&prepared).filter_map(|payload| match payload.unwrap() {
            Payload::ExportSection(exports) => Some(exports),
            _ => None,
        });
        Ok(exports.flatten().map(|export| export.unwrap().name.to_owned()).collect())
    }

    #[test]
    fn all_that_a_task_can_change_is_exported() {
        let text = r#"(module
            (memory (export "memory") 1) (memory 1)
            (global i32 (i32.const 1)) (global $m (mut i64) (i64.const 1)) (global (mut v128) (v128.const i64x2 1 2))
            (table 2 funcref) (elem (i32.const 0) func $f)
            (func $f (export "f") (result i32)
                (global.set $m (i64.const 2)) (i32.store (i32.const 0) (i32.const 1))
                (drop (memory.grow (i32.const 1))) (call_indirect (result i32) (i32.const 0))))"#;
        let expected = ["memory", "f", "__wpool_state_memory_0", "__wpool_state_memory_1"];
        let globals = ["__wpool_state_global_1", "__wpool_state_global_2"];
        assert_eq!(verdict(text).unwrap(), expected.into_iter().chain(globals).collect::<Vec<_>>());
    }

    #[test]
    fn what_changes_tables_or_segments_or_keeps_references_cannot_be_put_back() {
        let with = |code: &str| {
            verdict(&format!(
                r#"(module (memory 1) (table $t 2 funcref) (elem $e func $f) (data $d "x") (elem declare func $f)
                    (func $f (export "f") {code}))"#
            ))
        };
        assert!(with("").is_ok());
        assert!(with("(memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))").is_ok());
        for code in [
            "(table.set $t (i32.const 0) (ref.func $f))",
            "(drop (table.grow $t (ref.func $f) (i32.const 1)))",
            "(table.fill $t (i32.const 0) (ref.func $f) (i32.const 1))",
            "(table.copy (i32.const 0) (i32.const 1) (i32.const 1))",
            "(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1))",
        ] {
            assert_eq!(with(code), Err("it changes a table".to_owned()), "{code}");
        }
        assert_eq!(with("(data.drop $d)"), Err("it drops a segment".to_owned()));
        assert_eq!(with("(elem.drop $e)"), Err("it drops a segment".to_owned()));
        for (text, why) in [
            ("(global (mut funcref) (ref.null func))", "reference"),
            (r#"(import "a" "b" (memory 1))"#, "imports"),
            (r#"(import "a" "b" (global (mut i32)))"#, "imports"),
            ("(memory 1 1 shared)", "shared"),
            ("(tag)", "exceptions"),
            (r#"(memory (export "__wpool_state_x") 1)"#, "__wpool_state_"),
            (&"(global (mut i32) (i32.const 1))".repeat(MAX_GLOBALS + 1), "mutable globals"),
            ("(func try_table end)", "proposal exceptions"),
            ("(func (drop (struct.new 0))) (type (struct))", "proposal gc"),
        ] {
            let got = verdict(&format!(r#"(module {text} (func (export "f")))"#));
            assert!(got.as_ref().is_err_and(|error| error.contains(why)), "{text}: {got:?}");
        }
    }

    #[test]
    fn what_a_worker_copies_is_bounded() {
        let half = ModuleState { data: MAX_DATA / 2, ..ModuleState::default() };
        let more = ModuleState { data: MAX_DATA / 2 + 1, ..ModuleState::default() };
        assert!(ModuleState::check_size(&[&half, &half]).is_ok());
        let refused = ModuleState::check_size(&[&half, &more]);
        assert_eq!(refused, Err("it begins with more than 128 MiB in memory".to_owned()));
    }

    #[test]
    fn bytes_that_are_no_module_are_no_panic() {
        let wasm =
            wat::parse_str(r#"(module (memory 1) (global (mut i32) (i32.const 1)) (func (export "f")))"#).unwrap();
        for end in 0..wasm.len() {
            let _ = prepare(&wasm[..end], Take::Data);
        }
    }
}
