//! Fuel that making an instance takes, in memories of wpool's own and in those of the engine.
//!
//! The engine runs a function of its own when it makes an instance of a module. That function copies data into the
//! memories, a unit of fuel for each byte, and calls the start function. Where the engine maps a memory from a file
//! instead, it skips the copying, and skips the whole function if nothing else is in it. Instances that are put back
//! have memories of wpool's own, into which data is copied. The difference is a constant of the program, and it does not
//! count as work, so that tasks have the same fuel as in fresh instances. `tests/it/reset_fuel.rs` compares the two for
//! all small guests.
//!
//! The rules here are those of the engine's version 48 (`ModuleTranslation::try_static_init` and
//! `FuncEnvironment::translate_module_startup`). A module to which they cannot be applied with certainty has fresh
//! instances when fuel is counted.

use wasmparser::{
    ConstExpr, Data, DataKind, ElementItems, ElementKind, MemoryType, Operator, Parser, Payload, TableInit,
};

/// The engine maps a memory whose data is spread over less than this, and otherwise a memory of which half is data.
const SPREAD: u64 = 16 << 20;
/// Most elements of a table that the engine prepares while it compiles.
const PREPARED: u64 = 1 << 20;
const PAGE: u64 = 64 << 10;

/// The work of making an instance of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Startup {
    /// Fuel that only copying takes.
    copying: u64,
    /// A fresh instance runs code, which may trap.
    runs: bool,
}

/// The sum for modules whose instances are made in this order. `None` if copying would come after code of the program,
/// so that the fuel of this code could not be limited exactly.
pub(super) fn copying_fuel(startups: impl IntoIterator<Item = Startup>) -> Option<u64> {
    let (mut sum, mut has_run) = (0_u64, false);
    for Startup { copying, runs } in startups {
        if has_run && copying > 0 {
            return None;
        }
        sum += copying;
        has_run |= runs;
    }
    Some(sum)
}

/// The parts of a module that its startup depends on.
#[derive(Default)]
struct Parts<'a> {
    imported_memories: usize,
    imported_tables: usize,
    memories: Vec<MemoryType>,
    /// The least sizes of tables without an initial value of their own, of references to functions.
    tables: Vec<u64>,
    has_start: bool,
    /// Something else is left to the startup function.
    has_more: bool,
    segments: Vec<Segment<'a>>,
}

/// An active data segment.
struct Segment<'a> {
    memory: usize,
    /// `None` if it is not a single constant.
    at: Option<u64>,
    bytes: &'a [u8],
}

impl Startup {
    /// `None` if the module is not valid, or if it is not certain what its instances take.
    pub fn of(wasm: &[u8]) -> Option<Startup> {
        let mut parts = Parts::default();
        for payload in Parser::new(0).parse_all(wasm) {
            parts.note(payload.ok()?)?;
        }
        if parts.segments.is_empty() || !parts.is_mapped() {
            // Nothing is mapped: the function is the same.
            return Some(Startup { copying: 0, runs: parts.has_start || parts.has_more || !parts.segments.is_empty() });
        }
        if parts.has_more {
            // The engine adds the fuel of constant expressions at the next place where it counts, which may be skipped.
            return None;
        }
        let copying: u64 = parts.segments.iter().map(|segment| 1 + segment.bytes.len() as u64).sum();
        let runs = parts.has_start || parts.is_half_mapped()?;
        // The function's own unit.
        let call = u64::from(!runs);
        Some(Startup { copying: copying + call, runs })
    }
}

impl<'a> Parts<'a> {
    fn note(&mut self, payload: Payload<'a>) -> Option<()> {
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    match import.ok()?.ty {
                        wasmparser::TypeRef::Memory(_) => self.imported_memories += 1,
                        wasmparser::TypeRef::Table(_) => self.imported_tables += 1,
                        _ => {}
                    }
                }
            }
            Payload::MemorySection(memories) => {
                self.memories = memories.into_iter().collect::<Result<_, _>>().ok()?;
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    let table = table.ok()?;
                    let is_plain = matches!(table.init, TableInit::RefNull) && table.ty.element_type.is_func_ref();
                    self.has_more |= !matches!(table.init, TableInit::RefNull);
                    self.tables.push(if is_plain { table.ty.initial } else { 0 });
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    self.has_more |= !is_constant(&global.ok()?.init_expr);
                }
            }
            Payload::StartSection { .. } => self.has_start = true,
            Payload::ElementSection(elements) => {
                for element in elements {
                    self.has_more |= !self.is_prepared(&element.ok()?);
                }
            }
            Payload::DataSection(segments) => {
                for segment in segments {
                    self.segments.extend(Segment::of(&segment.ok()?));
                }
            }
            _ => {}
        }
        Some(())
    }

    /// Whether the engine needs no code for an element segment.
    fn is_prepared(&self, element: &wasmparser::Element<'_>) -> bool {
        let (table, at) = match &element.kind {
            ElementKind::Declared => return true,
            ElementKind::Passive => return false,
            ElementKind::Active { table_index, offset_expr } => (table_index.unwrap_or(0), constant(offset_expr)),
        };
        let ElementItems::Functions(functions) = &element.items else { return false };
        let own = (table as usize).checked_sub(self.imported_tables).and_then(|table| self.tables.get(table));
        let end = at.and_then(|at| at.checked_add(u64::from(functions.count())));
        own.zip(end).is_some_and(|(size, end)| end <= *size && end <= PREPARED)
    }

    /// Whether the engine maps some of the memories but not all, because they begin with zeros: it then calls the
    /// startup function, although that has nothing to do. `None` if this is not certain.
    fn is_half_mapped(&self) -> Option<bool> {
        let memories = self.imported_memories..self.imported_memories + self.memories.len();
        let mapped: Vec<_> = memories.map(|memory| self.is_of_data(memory)).collect::<Option<_>>()?;
        Some(mapped.contains(&true) && mapped.contains(&false))
    }

    /// Whether a memory begins with other bytes than zeros. `None` if it would have to be made to know.
    fn is_of_data(&self, memory: usize) -> Option<bool> {
        let mut later = Vec::new();
        for segment in self.segments.iter().filter(|segment| segment.memory == memory).rev() {
            let at = segment.at?;
            if let Some(first) = segment.bytes.iter().position(|byte| *byte != 0) {
                let place = at + first as u64;
                return later.iter().all(|zeros: &std::ops::Range<u64>| !zeros.contains(&place)).then_some(true);
            }
            later.push(at..at + segment.bytes.len() as u64);
        }
        Some(false)
    }

    /// Whether the engine maps the initial contents of the memories.
    fn is_mapped(&self) -> bool {
        let mut extents = vec![(u64::MAX, 0, 0); self.memories.len()];
        for segment in &self.segments {
            let own = segment.memory.checked_sub(self.imported_memories);
            let Some((own, at)) = own.zip(segment.at) else { return false };
            let Some((memory, extent)) = self.memories.get(own).zip(extents.get_mut(own)) else { return false };
            let Some(end) = at.checked_add(segment.bytes.len() as u64) else { return false };
            if memory.initial.checked_mul(PAGE).is_some_and(|size| end > size) {
                return false;
            }
            if end > at {
                *extent = (extent.0.min(at), extent.1.max(end), extent.2 + (end - at));
            }
        }
        let fits = |&(begin, end, data): &(u64, u64, u64)| data == 0 || end - begin < SPREAD.max(2 * data);
        extents.iter().all(fits)
    }
}

impl<'a> Segment<'a> {
    fn of(data: &Data<'a>) -> Option<Segment<'a>> {
        match &data.kind {
            DataKind::Active { memory_index, offset_expr } => {
                Some(Segment { memory: *memory_index as usize, at: constant(offset_expr), bytes: data.data })
            }
            DataKind::Passive => None,
        }
    }
}

/// The operator of an expression that consists of only this one.
fn single<'a>(expression: &ConstExpr<'a>) -> Option<Operator<'a>> {
    let mut operators = expression.get_operators_reader();
    let first = operators.read().ok()?;
    operators.is_end_then_eof().then_some(first)
}

fn is_constant(expression: &ConstExpr<'_>) -> bool {
    use Operator::{F32Const, F64Const, I32Const, I64Const, V128Const};
    matches!(
        single(expression),
        Some(I32Const { .. } | I64Const { .. } | F32Const { .. } | F64Const { .. } | V128Const { .. })
    )
}

/// An address or an index that is a single constant.
pub(super) fn constant(expression: &ConstExpr<'_>) -> Option<u64> {
    match single(expression)? {
        Operator::I32Const { value } => Some(u64::from(value as u32)),
        Operator::I64Const { value } => Some(value as u64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn startup(text: &str) -> Option<Startup> {
        Startup::of(&wat::parse_str(format!("(module {text})")).unwrap())
    }

    #[test]
    fn only_copying_that_a_mapped_memory_saves_is_left_out() {
        let none = Startup { copying: 0, runs: false };
        let some = |copying, runs| Some(Startup { copying, runs });
        for (text, expected) in [
            ("(memory 1)", Some(none)),
            (r#"(memory 1) (data "passive")"#, Some(none)),
            (r#"(memory 1) (data (i32.const 0) "abc")"#, some(5, false)),
            (r#"(memory 1) (data (i32.const 0) "abc") (data (i32.const 9) "")"#, some(6, false)),
            (r#"(memory 1) (data (i32.const 0) "abc") (func $f) (start $f)"#, some(4, true)),
            ("(memory 1) (func $f) (start $f)", some(0, true)),
            // The function is called for a memory that is not mapped.
            (r#"(memory 1) (memory 1) (data (i32.const 0) "abc")"#, some(4, true)),
            (r#"(memory 1) (memory 1) (data (i32.const 0) "abc") (data (memory 1) (i32.const 0) "a")"#, some(7, false)),
            (
                r#"(memory 1) (memory 1) (data (i32.const 0) "abc") (data (memory 1) (i32.const 0) "\00")"#,
                some(6, true),
            ),
            (r#"(memory 1) (data (i32.const 0) "\00\00")"#, some(4, false)),
            (r#"(memory 1) (data (i32.const 0) "\00a") (data (i32.const 0) "\00")"#, some(6, false)),
            (r#"(memory 1) (data (i32.const 0) "\00a") (data (i32.const 1) "\00")"#, None),
            // These are copied in any case.
            (r#"(import "a" "m" (memory 1)) (data (i32.const 0) "abc")"#, some(0, true)),
            (r#"(memory 1) (data (i32.const 65534) "abc")"#, some(0, true)),
            (r#"(import "a" "g" (global i32)) (memory 1) (data (global.get 0) "abc")"#, some(0, true)),
            (r#"(memory 512) (data (i32.const 0) "a") (data (i32.const 0x1800000) "a")"#, some(0, true)),
            (r#"(memory 512) (data (i32.const 0) "a") (data (i32.const 0x800000) "a")"#, some(5, false)),
            // Prepared by the compiler, or left to the startup function.
            (
                r#"(memory 1) (data (i32.const 0) "a") (table 2 funcref) (elem (i32.const 1) $f) (func $f)"#,
                some(3, false),
            ),
            (r#"(memory 1) (data (i32.const 0) "a") (table 1 funcref) (elem (i32.const 1) $f) (func $f)"#, None),
            (r#"(memory 1) (data (i32.const 0) "a") (table 2 funcref) (elem funcref (ref.func $f)) (func $f)"#, None),
            (r#"(memory 1) (data (i32.const 0) "a") (global i32 (i32.add (i32.const 1) (i32.const 2)))"#, None),
        ] {
            assert_eq!(startup(text), expected, "{text}");
        }
    }

    #[test]
    fn copying_after_code_has_no_sum() {
        let (copies, runs) = (Startup { copying: 7, runs: false }, Startup { copying: 0, runs: true });
        assert_eq!(copying_fuel([copies, copies, runs, runs]), Some(14));
        assert_eq!(copying_fuel([copies, runs, copies]), None);
        assert_eq!(copying_fuel([Startup { copying: 7, runs: true }]), Some(7));
    }
}
