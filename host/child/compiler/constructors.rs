//! Constructors that run only once.
//!
//! A command's `_start` runs the constructors of its globals, and so does every export of a module that was linked
//! without an entry. After `init` they would build again, over the state that `init` has made. So `__wasm_call_ctors`,
//! if there is one, is changed to do nothing after its first run. Its flag is part of the state that is kept. The
//! function is also exported for the worker, which calls it before `init`.

use std::collections::HashSet;

use wasm_encoder::{BlockType, CodeSection, ConstExpr, Encode, ExportKind, GlobalType, Instruction, RawSection};
use wasmparser::{ExternalKind, FunctionBody, KnownCustom, Name, Parser, Payload, TypeRef};

use super::outer::is_component;
use super::sections::{Added, Section, exporting, items};
use crate::child::names::CONSTRUCTORS;
use crate::model::error::{Refusal, RefusalCode};

/// The linker's name for the constructors.
const LINKER_NAME: &str = "__wasm_call_ctors";

/// The parts of a module that the change needs.
#[derive(Default)]
struct Layout {
    types: Vec<bool>,
    imported_functions: u32,
    functions: Vec<u32>,
    imported_globals: u32,
    globals: u32,
    exports: HashSet<String>,
    constructors: Option<u32>,
    /// Whether functions have names.
    named: bool,
}

/// The module with constructors that run once. A component stays as it is, because its modules are initialized when it
/// is instantiated.
pub(super) fn run_once(wasm: &[u8]) -> Result<Vec<u8>, Refusal> {
    if is_component(wasm) {
        return Ok(wasm.to_vec());
    }
    let bad = |error: wasmparser::BinaryReaderError| Refusal::new(RefusalCode::BadModule, error.to_string());
    let layout = Layout::read(wasm).map_err(bad)?;
    match layout.constructors.filter(|&index| layout.is_procedure(index)) {
        Some(index) => layout.rewrite(wasm, index).map_err(bad),
        None if layout.exports.contains("_start") && !layout.named => {
            let what = "exports `wpool_init` and `_start`, and has no names of functions: which constructors `_start` would \
                        run again after `wpool_init` cannot be seen; build it without stripping, or export \
                        `__wasm_call_ctors`";
            Err(Refusal::new(RefusalCode::Init, what))
        }
        None => Ok(wasm.to_vec()),
    }
}

impl Layout {
    fn read(wasm: &[u8]) -> wasmparser::Result<Layout> {
        let mut layout = Layout::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(types) => {
                    for ty in types.into_iter_err_on_gc_types() {
                        let ty = ty?;
                        layout.types.push(ty.params().is_empty() && ty.results().is_empty());
                    }
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let ty = import?.ty;
                        layout.imported_functions += u32::from(matches!(ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
                        layout.imported_globals += u32::from(matches!(ty, TypeRef::Global(_)));
                    }
                }
                Payload::FunctionSection(functions) => {
                    layout.functions = functions.into_iter().collect::<Result<_, _>>()?
                }
                Payload::GlobalSection(globals) => layout.globals = globals.count(),
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        layout.exports.insert(export.name.to_owned());
                        if export.name == LINKER_NAME && export.kind == ExternalKind::Func {
                            layout.constructors = Some(export.index);
                        }
                    }
                }
                Payload::CustomSection(custom) => layout.read_names(custom.as_known()),
                _ => {}
            }
        }
        Ok(layout)
    }

    /// Reads names of functions. Names are not a part of the program, so unreadable ones count as missing.
    fn read_names(&mut self, custom: KnownCustom<'_>) {
        let KnownCustom::Name(names) = custom else { return };
        for name in names.into_iter().flatten() {
            let Name::Function(functions) = name else { continue };
            for function in functions.into_iter().flatten() {
                self.named = true;
                if function.name == LINKER_NAME {
                    self.constructors.get_or_insert(function.index);
                }
            }
        }
    }

    /// Whether a function is the module's own, without parameters and results.
    fn is_procedure(&self, index: u32) -> bool {
        let own = index.checked_sub(self.imported_functions);
        let ty = own.and_then(|own| self.functions.get(own as usize));
        ty.and_then(|&ty| self.types.get(ty as usize)).copied().unwrap_or(false)
    }

    /// Writes the module with a flag, and with the constructors behind it.
    fn rewrite(&self, wasm: &[u8], constructors: u32) -> wasmparser::Result<Vec<u8>> {
        let flag = self.imported_globals + self.globals;
        let (mut module, mut code) = (wasm_encoder::Module::new(), CodeSection::new());
        let mut function = self.imported_functions;
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload?;
            match &payload {
                Payload::GlobalSection(globals) => {
                    module.section(&with_flag(globals.count(), items(wasm, globals.range())));
                }
                Payload::ExportSection(exports) => {
                    if self.globals == 0 {
                        module.section(&with_flag(0, &[]));
                    }
                    let added = Added { name: CONSTRUCTORS.to_owned(), kind: ExportKind::Func, index: constructors };
                    module.section(&exporting(exports.count(), items(wasm, exports.range()), &[added]));
                }
                Payload::CodeSectionEntry(body) => {
                    if function == constructors {
                        code.raw(&guarded(wasm, body, flag)?);
                    } else {
                        code.raw(&wasm[body.range()]);
                    }
                    function += 1;
                    if code.len() as usize == self.functions.len() {
                        module.section(&code);
                    }
                }
                Payload::CodeSectionStart { .. } => {}
                other => {
                    if let Some((id, range)) = other.as_section() {
                        module.section(&RawSection { id, data: &wasm[range] });
                    }
                }
            }
        }
        Ok(module.finish())
    }
}

/// A section of globals with another one, the flag: whether the constructors have run.
fn with_flag(count: u32, items: &[u8]) -> Section {
    let mut data = Vec::new();
    (count + 1).encode(&mut data);
    data.extend_from_slice(items);
    GlobalType { val_type: wasm_encoder::ValType::I32, mutable: true, shared: false }.encode(&mut data);
    ConstExpr::i32_const(0).encode(&mut data);
    Section { id: wasm_encoder::SectionId::Global, data }
}

/// A function's body behind `if flag return; flag = 1`.
fn guarded(wasm: &[u8], body: &FunctionBody<'_>, flag: u32) -> wasmparser::Result<Vec<u8>> {
    let code = body.get_operators_reader()?.original_position();
    let range = body.range();
    let mut guarded = wasm[range.start..code].to_vec();
    for instruction in [
        Instruction::GlobalGet(flag),
        Instruction::If(BlockType::Empty),
        Instruction::Return,
        Instruction::End,
        Instruction::I32Const(1),
        Instruction::GlobalSet(flag),
    ] {
        instruction.encode(&mut guarded);
    }
    guarded.extend_from_slice(&wasm[code..range.end]);
    Ok(guarded)
}
