//! Exported functions of core modules whose types are compared once, when the program is loaded.
//!
//! The engine's own typed functions look their type up in a registry of the process, behind a lock, for every instance:
//! a tenth of a small task. All functions that wpool calls take some `i32` and give nothing, an `i32` or an `i64`.
#![allow(unsafe_code, reason = "the engine calls a function without looking up its type only through an unsafe call")]

use wasmtime::{AsContextMut, Error, Func, Instance, Module, ModuleExport, Result, Val, ValRaw, ValType};

/// Most parameters of a function that wpool calls: those of `cabi_realloc`.
const MAX_PARAMS: usize = 4;

/// What a function gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gives {
    Nothing,
    I32,
    I64,
}

/// An exported function of a module, of a type that was compared.
#[derive(Clone, Copy)]
pub(super) struct Function {
    export: ModuleExport,
    params: usize,
    gives: Gives,
}

impl Function {
    /// The export of this name, when it takes that many `i32` and gives that.
    pub fn find(module: &Module, name: &str, params: usize, gives: Gives) -> Option<Self> {
        let ty = module.get_export(name)?;
        let ty = ty.func()?;
        let takes_it = ty.params().len() == params && ty.params().all(|ty| ty.is_i32()) && params <= MAX_PARAMS;
        let mut results = ty.results();
        let gives_it = matches!(
            (results.next(), gives),
            (None, Gives::Nothing) | (Some(ValType::I32), Gives::I32) | (Some(ValType::I64), Gives::I64)
        );
        let export = module.get_export_index(name).filter(|_| takes_it && gives_it && results.next().is_none())?;
        Some(Function { export, params, gives })
    }

    /// Calls the function in an instance of its module. What it gives is widened to 64 bits, nothing to 0.
    pub fn call(&self, mut store: impl AsContextMut, instance: Instance, args: &[u32]) -> Result<u64> {
        let func = self.func(&mut store, instance, args)?;
        let mut values = [ValRaw::u32(0); MAX_PARAMS];
        for (value, arg) in values.iter_mut().zip(args) {
            *value = ValRaw::u32(*arg);
        }
        // SAFETY: an export has the same type in every instance of its module. `find` has compared it, `func` that the
        // arguments are as many; the array has room for them and for one result.
        unsafe { func.call_unchecked(&mut store, &mut values)? };
        Ok(match self.gives {
            Gives::Nothing => 0,
            Gives::I32 => u64::from(values[0].get_u32()),
            Gives::I64 => values[0].get_u64(),
        })
    }

    /// As [`Function::call`], on the asynchronous stack.
    pub async fn call_async<T: Send>(
        &self,
        mut store: impl AsContextMut<Data = T>,
        instance: Instance,
        args: &[u32],
    ) -> Result<u64> {
        let func = self.func(&mut store, instance, args)?;
        let args: Vec<Val> = args.iter().map(|arg| Val::I32(arg.cast_signed())).collect();
        let mut result = [Val::I32(0)];
        let results = &mut result[..usize::from(self.gives != Gives::Nothing)];
        func.call_async(&mut store, &args, results).await?;
        Ok(match result[0] {
            Val::I64(wide) => wide.cast_unsigned(),
            Val::I32(narrow) => u64::from(narrow.cast_unsigned()),
            _ => 0,
        })
    }

    fn func(&self, store: impl AsContextMut, instance: Instance, args: &[u32]) -> Result<Func> {
        let func = instance.get_module_export(store, &self.export).and_then(|export| export.into_func());
        func.filter(|_| args.len() == self.params)
            .ok_or_else(|| Error::msg("a function is called as it is not declared"))
    }
}
