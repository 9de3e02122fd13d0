//! From a program to the report on it: which calling convention fits, and what an instance takes.

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex};
use wasmtime::{Engine, ExternType, FuncType, Module, ResourcesRequired};

use super::types;
use crate::error::Refusal;
use crate::limits::MAX_TABLE_ELEMENTS;
use crate::report::{Convention, Kind, Report, Resources};
use crate::worker::link;

/// The interface that may hold a task's `run`, in whatever version.
const TASK_INTERFACE: &str = "wpool:task/task";
/// The interface of commands.
const COMMAND_INTERFACE: &str = "wasi:cli/run";
/// Names under which a raw module may export its allocator, in order of preference.
const ALLOCATORS: [&str; 3] = ["alloc", "malloc", "cabi_realloc"];

const TASK_LOOKED_FOR: &str = "`run: func(input: list<u8>) -> result<list<u8>, string>` (task)";
const RAW_LOOKED_FOR: &str = "`run: func(i32, i32) -> (i64)` with `memory` and `alloc: func(i32) -> (i32)` (raw)";

/// A convention that fits, before the rest of the report.
struct Fit {
    convention: Convention,
    why: String,
    entry: Vec<String>,
    allocator: Option<String>,
}

/// The report on a component.
pub(super) fn component(engine: &Engine, component: &Component) -> Result<Report, Refusal> {
    let ty = component.component_type();
    let exports: Vec<_> = ty.exports(engine).map(|(name, item)| format!("{name}: {}", types::item(&item.ty))).collect();
    let denied = |name| if link::is_denied(name) { ", denied" } else { "" };
    let imports: Vec<_> =
        ty.imports(engine).map(|(name, item)| format!("{name}: {}{}", types::item(&item.ty), denied(name))).collect();
    if component.get_export(None, "init").is_some_and(|(item, _)| is_init(item)) {
        let what = "exports `init`, which this version of wpool does not call; leaving it out would change the results";
        return Err(Refusal::new("init", what));
    }
    let fit = component_fit(engine, component)
        .ok_or_else(|| no_convention(&[TASK_LOOKED_FOR, "the interface `wasi:cli/run` (command)"], &exports))?;
    let required = component.resources_required();
    let required = required
        .ok_or_else(|| Refusal::new("unknown-import", "it imports a core module, which nothing could provide"))?;
    Ok(Report {
        kind: Kind::Component,
        convention: fit.convention,
        why: fit.why,
        entry: fit.entry,
        allocator: None,
        initialize: false,
        wasi: !imports.is_empty(),
        resources: resources(&required)?,
        exports,
        imports,
    })
}

fn component_fit(engine: &Engine, component: &Component) -> Option<Fit> {
    let ty = component.component_type();
    let fit = |convention, why: String, entry| Some(Fit { convention, why, entry, allocator: None });
    if is_task(component, None) {
        return fit(Convention::Task, "exports `run` with the type of a task".into(), vec!["run".to_owned()]);
    }
    let instance_of = |interface: &str| {
        let mut exports = ty.exports(engine);
        let is_instance = |item: &ComponentItem| matches!(item, ComponentItem::ComponentInstance(_));
        exports
            .find(|(name, item)| unversioned(name) == interface && is_instance(&item.ty))
            .map(|(name, _)| name.to_owned())
    };
    if let Some(name) = instance_of(TASK_INTERFACE)
        && is_task(component, component.get_export_index(None, &name).as_ref())
    {
        return fit(Convention::Task, format!("exports the interface `{name}`"), vec![name, "run".to_owned()]);
    }
    let name = instance_of(COMMAND_INTERFACE)?;
    fit(Convention::Command, format!("exports the interface `{name}`"), vec![name, "run".to_owned()])
}

fn unversioned(name: &str) -> &str {
    name.split('@').next().unwrap_or(name)
}

/// Whether a component exports `run` with the type of a task, whatever its parameter is called.
fn is_task(component: &Component, instance: Option<&ComponentExportIndex>) -> bool {
    let run = component.get_export(instance, "run");
    run.is_some_and(|(item, _)| is_func_of_bytes(item, "result<list<u8>, string>"))
}

fn is_init(item: ComponentItem) -> bool {
    is_func_of_bytes(item, "result<_, string>")
}

fn is_func_of_bytes(item: ComponentItem, result: &str) -> bool {
    let ComponentItem::ComponentFunc(func) = item else { return false };
    let params: Vec<_> = func.params().map(|(_, ty)| types::value(&ty)).collect();
    let results: Vec<_> = func.results().map(|ty| types::value(&ty)).collect();
    params == ["list<u8>"] && results == [result]
}

/// The report on a core module.
pub(super) fn module(module: &Module) -> Result<Report, Refusal> {
    let exports: Vec<_> =
        module.exports().map(|export| format!("{}: {}", export.name(), types::core(&export.ty()))).collect();
    let import = |import: wasmtime::ImportType<'_>| {
        format!("{}.{}: {}", import.module(), import.name(), types::core(&import.ty()))
    };
    let imports: Vec<_> = module.imports().map(import).collect();
    let fit = module_fit(module)
        .ok_or_else(|| no_convention(&["`_start: func() -> ()` (command)", RAW_LOOKED_FOR], &exports))?;
    Ok(Report {
        kind: Kind::CoreModule,
        convention: fit.convention,
        why: fit.why,
        entry: fit.entry,
        allocator: fit.allocator,
        initialize: has_func(module, "_initialize", "func() -> ()"),
        wasi: !imports.is_empty(),
        resources: resources(&module.resources_required())?,
        exports,
        imports,
    })
}

fn module_fit(module: &Module) -> Option<Fit> {
    if has_func(module, "_start", "func() -> ()") {
        let why = "exports `_start`, as a WASI preview 1 command does".to_owned();
        return Some(Fit { convention: Convention::Command, why, entry: vec!["_start".to_owned()], allocator: None });
    }
    let run = has_func(module, "run", "func(i32, i32) -> (i64)");
    let memory = matches!(module.get_export("memory"), Some(ExternType::Memory(memory)) if !memory.is_64());
    let allocator = ALLOCATORS.into_iter().find(|name| {
        has_func(module, name, "func(i32) -> (i32)") || has_func(module, name, "func(i32, i32, i32, i32) -> (i32)")
    })?;
    (run && memory).then(|| Fit {
        convention: Convention::Raw,
        why: format!("exports `memory`, `{allocator}` and `run` with the type of a raw task"),
        entry: vec!["run".to_owned()],
        allocator: Some(allocator.to_owned()),
    })
}

fn has_func(module: &Module, name: &str, ty: &str) -> bool {
    let func: Option<FuncType> = module.get_export(name).and_then(|export| export.func().cloned());
    func.is_some_and(|func| types::core(&ExternType::Func(func)) == ty)
}

fn resources(required: &ResourcesRequired) -> Result<Resources, Refusal> {
    let initial_table = required.max_initial_table_size.unwrap_or(0);
    if initial_table > MAX_TABLE_ELEMENTS {
        let message = format!("a table of {initial_table} elements is over the limit of {MAX_TABLE_ELEMENTS}");
        return Err(Refusal::new("table-limit", message));
    }
    // Memory sizes are reported in pages of 64 KiB; custom page sizes are not enabled.
    let pages = required.max_initial_memory_size.unwrap_or(0);
    Ok(Resources {
        memories: required.num_memories,
        initial_memory: pages.saturating_mul(64 << 10),
        tables: required.num_tables,
        initial_table,
    })
}

fn no_convention(looked_for: &[&str], exports: &[String]) -> Refusal {
    let found = if exports.is_empty() { "no exports".to_owned() } else { format!("exports: {}", exports.join(", ")) };
    Refusal::new(
        "no-convention",
        format!("no calling convention fits; looked for {}; found {found}", looked_for.join(" or ")),
    )
}
