//! Programs without their code.
//!
//! A report needs types, imports, exports and sizes. The engine gives them for a compiled program only, and compiling
//! the code of a large one takes a minute. So the code is left out: of all functions the exported ones stay, each with
//! a body that does nothing but trap.

use wasm_encoder::{
    CodeSection, ComponentSectionId, ExportKind, ExportSection, Function, FunctionSection, RawSection, SectionId,
};
use wasmparser::{ConstExpr, ExternalKind, Operator, Parser, Payload, TableInit, TypeRef};

use super::outer::is_component;

type Read<T> = wasmparser::Result<T>;

/// The skeleton of a valid program, for reports alone.
pub(super) fn of(wasm: &[u8]) -> Read<Vec<u8>> {
    if is_component(wasm) { component(wasm) } else { module(wasm) }
}

/// A component with the skeletons of its modules, however deep they stand.
fn component(wasm: &[u8]) -> Read<Vec<u8>> {
    let mut component = wasm_encoder::Component::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        let inner = match &payload {
            Payload::ModuleSection { unchecked_range, .. } => Some((ComponentSectionId::CoreModule, unchecked_range)),
            Payload::ComponentSection { unchecked_range, .. } => Some((ComponentSectionId::Component, unchecked_range)),
            _ => None,
        };
        match inner {
            Some((id, range)) => {
                if depth == 0 {
                    let data = of(wasm.get(range.clone()).unwrap_or_default())?;
                    component.section(&RawSection { id: id.into(), data: &data });
                }
                depth += 1;
            }
            None if depth > 0 => depth -= usize::from(matches!(payload, Payload::End(_))),
            None => {
                let section = payload.as_section().filter(|_| !matches!(payload, Payload::CustomSection(_)));
                if let Some((id, range)) = section {
                    component.section(&RawSection { id, data: &wasm[range] });
                }
            }
        }
    }
    Ok(component.finish())
}

/// The functions of a module that its skeleton keeps.
#[derive(Default)]
struct Kept {
    imported: u32,
    /// The types of the module's own functions.
    types: Vec<u32>,
    /// The kept ones among them, in order.
    own: Vec<u32>,
}

impl Kept {
    fn read(wasm: &[u8]) -> Read<Kept> {
        let (mut kept, mut all) = (Kept::default(), false);
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let is_function = matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_));
                        kept.imported += u32::from(is_function);
                    }
                }
                Payload::FunctionSection(functions) => kept.types = functions.into_iter().collect::<Read<_>>()?,
                Payload::TableSection(tables) => {
                    for table in tables {
                        if let TableInit::Expr(init) = table?.init {
                            all |= names_function(&init)?;
                        }
                    }
                }
                Payload::GlobalSection(globals) => {
                    for global in globals {
                        all |= names_function(&global?.init_expr)?;
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        if matches!(export.kind, ExternalKind::Func | ExternalKind::FuncExact) {
                            kept.own.extend(export.index.checked_sub(kept.imported));
                        }
                    }
                }
                _ => {}
            }
        }
        if all {
            kept.own = (0..kept.types.len() as u32).collect();
        }
        kept.own.sort_unstable();
        kept.own.dedup();
        Ok(kept)
    }

    /// The number of a function in the skeleton.
    fn number(&self, index: u32) -> u32 {
        let own = index.checked_sub(self.imported).and_then(|own| self.own.binary_search(&own).ok());
        own.map_or(index, |place| self.imported + place as u32)
    }

    fn types(&self) -> FunctionSection {
        let mut section = FunctionSection::new();
        for ty in self.own.iter().filter_map(|own| self.types.get(*own as usize)) {
            section.function(*ty);
        }
        section
    }

    fn bodies(&self) -> CodeSection {
        let mut section = CodeSection::new();
        let mut body = Function::new([]);
        body.instructions().unreachable().end();
        for _ in &self.own {
            section.function(&body);
        }
        section
    }
}

/// Whether a constant refers to a function by its number.
fn names_function(constant: &ConstExpr<'_>) -> Read<bool> {
    let mut operators = constant.get_operators_reader();
    while !operators.eof() {
        if matches!(operators.read()?, Operator::RefFunc { .. }) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn module(wasm: &[u8]) -> Read<Vec<u8>> {
    let kept = Kept::read(wasm)?;
    let mut module = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        match &payload {
            Payload::FunctionSection(_) => drop(module.section(&kept.types())),
            Payload::ExportSection(exports) => {
                let mut section = ExportSection::new();
                for export in exports.clone() {
                    let export = export?;
                    let is_function = matches!(export.kind, ExternalKind::Func | ExternalKind::FuncExact);
                    let index = if is_function { kept.number(export.index) } else { export.index };
                    section.export(export.name, kind(export.kind), index);
                }
                module.section(&section);
            }
            Payload::CodeSectionStart { .. } => drop(module.section(&kept.bodies())),
            other => {
                if let Some((id, range)) = other.as_section().filter(|(id, _)| DECLARED.contains(id)) {
                    module.section(&RawSection { id, data: &wasm[range] });
                }
            }
        }
    }
    Ok(module.finish())
}

/// Sections that stay as they are: those that declare, and refer to no code.
const DECLARED: [u8; 6] = [
    SectionId::Type as u8,
    SectionId::Import as u8,
    SectionId::Table as u8,
    SectionId::Memory as u8,
    SectionId::Tag as u8,
    SectionId::Global as u8,
];

fn kind(kind: ExternalKind) -> ExportKind {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => ExportKind::Func,
        ExternalKind::Table => ExportKind::Table,
        ExternalKind::Memory => ExportKind::Memory,
        ExternalKind::Global => ExportKind::Global,
        ExternalKind::Tag => ExportKind::Tag,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skeleton(text: &str) -> String {
        let skeleton = of(&wat::parse_str(text).unwrap()).unwrap();
        wasmparser::validate(&skeleton).unwrap();
        String::from_utf8_lossy(&skeleton).into_owned()
    }

    #[test]
    fn of_the_code_nothing_stays_and_of_the_functions_only_those_that_are_exported() {
        let text = r#"(module
            (import "a" "b" (func $b (param i32)))
            (memory (export "memory") 2) (table 3 funcref) (elem (i32.const 0) $one $two) (data "a long text")
            (global (export "g") i32 (i32.const 5)) (tag (export "t") (param i64))
            (func $one (call $two (i64.const 0x0123456789)) (drop))
            (func $two (export "two") (param i64) (result i32) (i32.const 0x7654321) (call $b (i32.const 1)))
            (func $three) (start $three) (export "b" (func $b)))"#;
        let wasm = of(&wat::parse_str(text).unwrap()).unwrap();
        wasmparser::validate(&wasm).unwrap();
        let kept = Kept::read(&wasm).unwrap();
        assert_eq!((kept.imported, kept.types.len(), &*kept.own), (1, 1, &[0][..]));
        assert!(!skeleton(text).contains("a long text"));
        let with_reference = text.replace("(start $three)", "(global funcref (ref.func $three))");
        assert_eq!(Kept::read(&of(&wat::parse_str(with_reference).unwrap()).unwrap()).unwrap().types.len(), 3);
    }

    #[test]
    fn modules_of_components_lose_their_code_at_every_depth() {
        let inner = r#"(core module $m (func (export "f") (result i32) (i32.const 77)) (data "deep text"))
            (core instance $i (instantiate $m)) (func $f (result u32) (canon lift (core func $i "f")))"#;
        let text = format!(
            r#"(component
                (component $c {inner} (component {inner}) (export "f" (func $f)))
                (instance $o (instantiate $c)) (export "outer" (func $o "f"))
                {inner} (export "own" (func $f)) (@custom "note" "a remark"))"#
        );
        let skeleton = skeleton(&text);
        assert!(!skeleton.contains("deep text") && !skeleton.contains("a remark"));
    }

    #[test]
    fn bytes_that_are_no_program_are_no_panic() {
        let wasm = wat::parse_str(r#"(module (memory 1) (func (export "f")) (global funcref (ref.func 0)))"#).unwrap();
        for end in 0..wasm.len() {
            let _ = of(&wasm[..end]);
        }
    }
}
