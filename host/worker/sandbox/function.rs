//! Exported functions of core modules whose types are checked once, when the program is loaded, and not for each task:
//! the engine's own check looks the type up in a registry shared by the process, which costs a tenth of a small task.
#![allow(unsafe_code, reason = "the engine calls a typed function without a check only through an unsafe constructor")]

use std::marker::PhantomData;

use wasmtime::{AsContextMut, Instance, Module, ModuleExport, TypedFunc, ValType, WasmParams, WasmResults};

/// The type of a function that wpool calls.
///
/// # Safety
/// `PARAMS` and `RESULTS` must be the WebAssembly types of `Params` and `Results`.
pub(super) unsafe trait Signature {
    type Params: WasmParams + Sync;
    type Results: WasmResults + Sync;
    const PARAMS: &[ValType];
    const RESULTS: &[ValType];
}

macro_rules! signature {
    ($(#[$doc:meta])* $name:ident: $params:ty [$($param:ident),*] => $results:ty [$($result:ident),*]) => {
        $(#[$doc])*
        pub(super) struct $name;

        // SAFETY: both forms stand side by side where the macro is used; u32 is an i32 of WebAssembly, u64 an i64.
        unsafe impl Signature for $name {
            type Params = $params;
            type Results = $results;
            const PARAMS: &[ValType] = &[$(ValType::$param),*];
            const RESULTS: &[ValType] = &[$(ValType::$result),*];
        }
    };
}

signature!(
    /// `_start` and `_initialize`.
    Plain: () [] => () []
);
signature!(
    /// `alloc(len) -> ptr`.
    Alloc: u32 [I32] => u32 [I32]
);
signature!(
    /// `cabi_realloc(old, old_len, align, len) -> ptr`.
    Realloc: (u32, u32, u32, u32) [I32, I32, I32, I32] => u32 [I32]
);
signature!(
    /// `run(ptr, len) -> ptr << 32 | len`.
    Run: (u32, u32) [I32, I32] => u64 [I64]
);

/// An exported function of a module, known to have the signature `S`.
pub(super) struct Function<S> {
    export: ModuleExport,
    signature: PhantomData<S>,
}

impl<S: Signature> Function<S> {
    /// The export of this name, when it has the signature.
    pub fn find(module: &Module, name: &str) -> Option<Self> {
        let ty = module.get_export(name)?;
        let ty = ty.func()?;
        let fits = same(ty.params(), S::PARAMS) && same(ty.results(), S::RESULTS);
        let export = module.get_export_index(name).filter(|_| fits)?;
        Some(Function { export, signature: PhantomData })
    }

    /// The function in an instance of the module in which it was found.
    pub fn of(&self, mut store: impl AsContextMut, instance: Instance) -> Option<TypedFunc<S::Params, S::Results>> {
        let func = instance.get_module_export(&mut store, &self.export)?.into_func()?;
        // SAFETY: an export has the same type in every instance of its module, and `find` has compared it.
        Some(unsafe { TypedFunc::new_unchecked(&store, func) })
    }
}

fn same(found: impl ExactSizeIterator<Item = ValType>, wanted: &[ValType]) -> bool {
    found.len() == wanted.len() && found.zip(wanted).all(|(found, wanted)| ValType::eq(&found, wanted))
}
