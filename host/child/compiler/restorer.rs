//! The core module that puts a component's globals back, and the parts of a component around it.
//!
//! It imports the mutable globals and the memories of all other core instances. The component exports its functions. One
//! copies the globals; it is called when the instance has been made, so the copies are the values before any task. It
//! is not a start function, because its work would count as that of making the instance.

use wasm_encoder::{
    Alias, BlockType, CanonicalFunctionSection, CodeSection, Component, ComponentAliasSection, ComponentExportKind,
    ComponentExportSection, ComponentInstanceSection, ComponentTypeSection, ConstExpr, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection, InstanceSection,
    InstructionSink, MemoryType, Module, ModuleArg, ModuleSection, PrimitiveValType, TypeSection, ValType,
};
use wasmparser::Validator;

use super::resettable::ModuleState;
use crate::child::names::{GROUP, INTERFACE, LOAD, PART, RESIZE, RESTORE, SAVE};

/// Numbers of the items that a component has so far.
#[derive(Debug, Default)]
pub(super) struct Counts {
    modules: u32,
    core_instances: u32,
    core_functions: u32,
    types: u32,
    functions: u32,
    instances: u32,
}

impl Counts {
    /// The counts of the component that a validator is in.
    pub fn of(validator: &Validator) -> Option<Counts> {
        let types = validator.types(0)?;
        Some(Counts {
            modules: types.module_count(),
            core_instances: types.core_instance_count(),
            core_functions: types.function_count(),
            types: types.component_type_count(),
            functions: types.component_function_count(),
            instances: types.component_instance_count(),
        })
    }
}

/// Puts the module behind everything that a component has. `live` are its core instances that have a state.
pub(super) fn append(component: &mut Component, counts: &Counts, live: &[(u32, &ModuleState)]) {
    component.section(&ModuleSection(&Restorer::of(live).module(live)));
    let mut instances = InstanceSection::new();
    let names: Vec<_> = live.iter().map(|(instance, _)| (instance.to_string(), *instance)).collect();
    instances.instantiate(counts.modules, names.iter().map(|(name, at)| (name.as_str(), ModuleArg::Instance(*at))));
    component.section(&instances);

    let mut aliases = ComponentAliasSection::new();
    for name in [SAVE, RESTORE, RESIZE, PART, LOAD] {
        aliases.alias(Alias::CoreInstanceExport { instance: counts.core_instances, kind: ExportKind::Func, name });
    }
    component.section(&aliases);

    let mut types = ComponentTypeSection::new();
    types.function().params::<[(&str, PrimitiveValType); 0], _>([]).result(None);
    types.function().params::<[(&str, PrimitiveValType); 0], _>([]).result(Some(PrimitiveValType::U64.into()));
    types.function().params([("number", PrimitiveValType::U32)]).result(Some(PrimitiveValType::U64.into()));
    let group = (0..GROUP).map(|at| (format!("part-{at}"), PrimitiveValType::U64));
    let params = std::iter::once(("group".to_owned(), PrimitiveValType::U32)).chain(group).collect::<Vec<_>>();
    types.function().params(params.iter().map(|(name, ty)| (name.as_str(), *ty))).result(None);
    component.section(&types);

    let mut lifted = CanonicalFunctionSection::new();
    for (at, ty) in (0..).zip([0, 0, 1, 2, 3]) {
        lifted.lift(counts.core_functions + at, counts.types + ty, []);
    }
    component.section(&lifted);

    let mut interface = ComponentInstanceSection::new();
    let named = |(name, at)| (name, ComponentExportKind::Func, counts.functions + at);
    interface.export_items([(SAVE, 0), (RESTORE, 1), (RESIZE, 2), (PART, 3), (LOAD, 4)].map(named));
    component.section(&interface);
    let mut exports = ComponentExportSection::new();
    exports.export(INTERFACE, ComponentExportKind::Instance, counts.instances, None);
    component.section(&exports);
}

/// The imports, in their order.
struct Restorer {
    memories: Vec<MemoryType>,
    globals: Vec<ValType>,
}

impl Restorer {
    fn of(live: &[(u32, &ModuleState)]) -> Restorer {
        let memories = live.iter().flat_map(|(_, state)| &state.memories).map(|memory| memory_type(&memory.ty));
        let globals = live.iter().flat_map(|(_, state)| &state.globals).map(|global| value_type(&global.ty));
        Restorer { memories: memories.collect(), globals: globals.collect() }
    }

    fn module(&self, live: &[(u32, &ModuleState)]) -> Module {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        types.ty().function([], [ValType::I64]);
        types.ty().function([ValType::I32], [ValType::I64]);
        let mut group = vec![ValType::I64; 1 + GROUP];
        group[0] = ValType::I32;
        types.ty().function(group, []);

        let mut imports = ImportSection::new();
        for (instance, state) in live {
            for memory in &state.memories {
                imports.import(&instance.to_string(), &memory.name(), memory_type(&memory.ty));
            }
            for global in &state.globals {
                let ty = EntityType::Global(mutable(value_type(&global.ty)));
                imports.import(&instance.to_string(), &global.name(), ty);
            }
        }
        let mut copies = GlobalSection::new();
        for &ty in &self.globals {
            copies.global(mutable(ty), &zero(ty));
        }
        let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
        for (ty, body) in
            [(0, self.save()), (0, self.restore()), (1, self.resize()), (2, self.part()), (3, self.load())]
        {
            functions.function(ty);
            code.function(&body);
        }
        let mut exports = ExportSection::new();
        for (name, index) in [SAVE, RESTORE, RESIZE, PART, LOAD].into_iter().zip(0..) {
            exports.export(name, ExportKind::Func, index);
        }
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&functions).section(&copies).section(&exports);
        module.section(&code);
        module
    }

    /// Imported globals are numbered first. Their copies follow in the same order.
    fn copies(&self) -> impl Iterator<Item = (u32, u32, ValType)> {
        let count = self.globals.len() as u32;
        (0..).zip(&self.globals).map(move |(at, &ty)| (at, count + at, ty))
    }

    fn save(&self) -> Function {
        body(|code| {
            for (global, copy, _) in self.copies() {
                code.global_get(global).global_set(copy);
            }
        })
    }

    fn restore(&self) -> Function {
        body(|code| {
            for (global, copy, _) in self.copies() {
                code.global_get(copy).global_set(global);
            }
        })
    }

    /// Grows all memories by zero pages, so that the engine asks how large they are. Returns the sum of their pages.
    fn resize(&self) -> Function {
        body(|code| {
            code.i64_const(0);
            for (at, memory) in (0..).zip(&self.memories) {
                if memory.memory64 {
                    code.i64_const(0).memory_grow(at).drop().memory_size(at).i64_add();
                } else {
                    code.i32_const(0).memory_grow(at).drop().memory_size(at).i64_extend_i32_u().i64_add();
                }
            }
        })
    }

    /// The lanes of 64 bits of all globals: global, its type, and the number of the lane.
    fn parts(&self) -> Vec<(u32, ValType, u8)> {
        let lanes = |ty| if ty == ValType::V128 { 0..2 } else { 0..1 };
        self.copies().flat_map(|(global, _, ty)| lanes(ty).map(move |lane| (global, ty, lane))).collect()
    }

    /// Part 0 has the number of memories in its lower half and the number of further parts in its upper half. The
    /// further parts are the globals as bits, 64 in each.
    fn part(&self) -> Function {
        let parts = self.parts();
        let counts = Part::Counts((parts.len() as i64) << 32 | self.memories.len() as i64);
        let parts = parts.into_iter().map(|(global, ty, lane)| Part::Of { global, ty, lane });
        let parts: Vec<_> = [counts].into_iter().chain(parts).collect();
        body(|code| pick(code, &parts, 0))
    }

    /// Sets the parts of a group. Its number is the first parameter.
    fn load(&self) -> Function {
        let parts = self.parts();
        let groups: Vec<_> = parts.chunks(GROUP).collect();
        body(|code| set_one_of(code, &groups, 0))
    }
}

/// Sets the group with the number in the first parameter. `groups` begin with number `first`.
fn set_one_of(code: &mut InstructionSink<'_>, groups: &[&[(u32, ValType, u8)]], first: usize) {
    let (low, high) = groups.split_at(groups.len() / 2);
    if low.is_empty() {
        high.first().iter().for_each(|group| set(code, group));
        return;
    }
    let middle = first + low.len();
    code.local_get(0).i32_const(middle as i32).i32_lt_u().if_(BlockType::Empty);
    set_one_of(code, low, first);
    code.else_();
    set_one_of(code, high, middle);
    code.end();
}

/// Sets globals, by their lanes, to the parameters from the second on.
fn set(code: &mut InstructionSink<'_>, group: &[(u32, ValType, u8)]) {
    for (local, &(global, ty, lane)) in (1..).zip(group) {
        if ty == ValType::V128 {
            code.global_get(global);
        }
        code.local_get(local);
        match ty {
            ValType::I32 => code.i32_wrap_i64(),
            ValType::F32 => code.i32_wrap_i64().f32_reinterpret_i32(),
            ValType::F64 => code.f64_reinterpret_i64(),
            ValType::V128 => code.i64x2_replace_lane(lane),
            ValType::I64 | ValType::Ref(_) => code,
        };
        code.global_set(global);
    }
}

/// A part of the state, as a number of 64 bits.
#[derive(Clone, Copy)]
enum Part {
    Counts(i64),
    Of { global: u32, ty: ValType, lane: u8 },
}

impl Part {
    fn push(self, code: &mut InstructionSink<'_>) {
        let (global, ty, lane) = match self {
            Part::Counts(counts) => {
                code.i64_const(counts);
                return;
            }
            Part::Of { global, ty, lane } => (global, ty, lane),
        };
        code.global_get(global);
        match ty {
            ValType::I32 => code.i64_extend_i32_u(),
            ValType::F32 => code.i32_reinterpret_f32().i64_extend_i32_u(),
            ValType::F64 => code.i64_reinterpret_f64(),
            ValType::V128 => code.i64x2_extract_lane(lane),
            ValType::I64 | ValType::Ref(_) => code,
        };
    }
}

/// Pushes the part with the number in the parameter. `parts` begin with number `first` and are not empty. The search
/// halves them, so it stays quick with thousands of globals.
fn pick(code: &mut InstructionSink<'_>, parts: &[Part], first: usize) {
    let (low, high) = parts.split_at(parts.len() / 2);
    if low.is_empty() {
        return high[0].push(code);
    }
    let middle = first + low.len();
    code.local_get(0).i32_const(middle as i32).i32_lt_u().if_(BlockType::Result(ValType::I64));
    pick(code, low, first);
    code.else_();
    pick(code, high, middle);
    code.end();
}

fn body(write: impl FnOnce(&mut InstructionSink<'_>)) -> Function {
    let mut function = Function::new([]);
    let mut code = function.instructions();
    write(&mut code);
    code.end();
    function
}

fn mutable(val_type: ValType) -> GlobalType {
    GlobalType { val_type, mutable: true, shared: false }
}

fn zero(ty: ValType) -> ConstExpr {
    match ty {
        ValType::I64 => ConstExpr::i64_const(0),
        ValType::F32 => ConstExpr::f32_const(0.0_f32.into()),
        ValType::F64 => ConstExpr::f64_const(0.0_f64.into()),
        ValType::V128 => ConstExpr::v128_const(0),
        ValType::I32 | ValType::Ref(_) => ConstExpr::i32_const(0),
    }
}

/// The type of a global. A module with mutable globals of references is not eligible.
fn value_type(ty: &wasmparser::GlobalType) -> ValType {
    match ty.content_type {
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::I32 | wasmparser::ValType::Ref(_) => ValType::I32,
    }
}

/// The type of a memory. A module with shared memories or other page sizes is not eligible.
fn memory_type(ty: &wasmparser::MemoryType) -> MemoryType {
    MemoryType { minimum: ty.initial, maximum: ty.maximum, memory64: ty.memory64, shared: false, page_size_log2: None }
}
