//! A check, before any worker starts, that wpool can provide all imports of a program; with remedies.

use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;
use wasmtime::{Engine, Module, UnknownImportError};

use crate::child::sandbox::link;
use crate::model::error::{Refusal, RefusalCode};

/// Rejects a module that cannot be linked.
pub(super) fn check_module(engine: &Engine, module: &Module) -> Result<(), Refusal> {
    link::check_module(engine, module).map_err(|error| match error.downcast_ref::<UnknownImportError>() {
        Some(unknown) => refusal(unknown.module(), unknown.name()),
        None => cannot_link(&error),
    })
}

/// Rejects a component that cannot be linked.
pub(super) fn check_component(engine: &Engine, component: &Component) -> Result<(), Refusal> {
    link::check_component(engine, component).map_err(|error| {
        let ty = component.component_type();
        let unknown = ty.imports(engine).find(|(name, _)| !name.starts_with("wasi:"));
        match unknown.map(|(name, import)| (name, import.ty)) {
            Some((interface, ComponentItem::ComponentInstance(instance))) => {
                let is_func = |item: &ComponentItem| matches!(item, ComponentItem::ComponentFunc(_));
                let function = instance.exports(engine).find(|(_, item)| is_func(&item.ty)).map(|(name, _)| name);
                refusal(interface, function.unwrap_or_default())
            }
            Some((name, _)) => refusal("", name),
            None => cannot_link(&error),
        }
    })
}

fn cannot_link(error: &wasmtime::Error) -> Refusal {
    Refusal::new(RefusalCode::UnknownImport, format!("it imports what wpool does not provide: {error:#}"))
}

/// A test of module (or interface) and name, and the remedy for imports that pass it. The first that passes counts.
type Origin = (fn(&str, &str) -> bool, &'static str);

const ORIGINS: [Origin; 13] = [
    (
        |module, name| module == "wbg" || module.contains("wbindgen") || name.contains("wbindgen"),
        "it is made for the JavaScript of wasm-bindgen; build it for wasm32-wasip1 or wasm32-wasip2, without wasm-bindgen",
    ),
    (
        |module, _| matches!(module, "gojs" | "go"),
        "it is made for Go's JavaScript; build it with GOOS=wasip1 GOARCH=wasm instead of GOOS=js",
    ),
    (
        |module, name| module == "env" && name == "memory",
        "its memory is to come from outside, as with threads or --import-memory; build it without",
    ),
    (
        |module, name| module == "env" && matches!(name, "abort" | "seed" | "trace"),
        "it looks like AssemblyScript; compile it with --use abort=, or with @assemblyscript/wasi-shim",
    ),
    (
        |module, name| (module == "env" && is_emscripten(name)) || module == "a" || module.starts_with("GOT."),
        "it is made for the JavaScript of Emscripten; build it with a WASI target, such as wasi-sdk's or Zig's \
         wasm32-wasi, or with emcc -sSTANDALONE_WASM",
    ),
    (
        |module, _| module == "env",
        "functions that are declared and never defined are imported from `env`; link what defines it",
    ),
    (
        |module, _| module == "wasi_snapshot_preview1",
        "WASI preview 1 has no such function; it is an extension of one runtime, so build it without, for wasm32-wasip1",
    ),
    (
        |module, _| matches!(module, "wasi_unstable"),
        "it is made for the draft of WASI before preview 1; rebuild it with a toolchain from 2020 or later",
    ),
    (|module, _| module == "wasi", "it is made for threads, which wpool does not give; build it for wasm32-wasip1"),
    (|module, _| module.starts_with("wasix"), "it is made for WASIX; build it for wasm32-wasip1"),
    (
        |module, _| module.starts_with("wasi:"),
        "it is the core of a component; make it one with `wasm-tools component new`",
    ),
    (|module, _| module.starts_with("wpool:"), "it is made for another version of wpool; update wpool"),
    (|module, _| module.contains(':'), "compose it with a component that exports this, for example with `wac plug`"),
];

fn is_emscripten(name: &str) -> bool {
    const BEGINNINGS: [&str; 9] = [
        "emscripten_",
        "_emscripten_",
        "invoke_",
        "__syscall_",
        "__cxa_",
        "_emval_",
        "_embind_",
        "_abort",
        "__asyncjs__",
    ];
    BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) || name.ends_with("_js")
}

fn refusal(module: &str, name: &str) -> Refusal {
    let advice = ORIGINS.iter().find(|(fits, _)| fits(module, name)).map(|(_, advice)| *advice);
    let advice = advice.unwrap_or("programs get nothing but WASI; build it without");
    let import = match (module, name) {
        ("", name) => format!("`{name}`"),
        (module, "") => format!("`{module}`"),
        (module, name) => format!("`{name}` from `{module}`"),
    };
    Refusal::new(RefusalCode::UnknownImport, format!("it imports {import}, which wpool does not provide: {advice}"))
}
