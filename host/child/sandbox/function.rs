//! Exported functions of core modules whose types are compared only once, when the program is loaded.
//!
//! For every instance, the engine's own typed functions look up their type in a registry of the process, behind a lock:
//! a tenth of a small task. All functions that wpool calls take some `i32` and return nothing, an `i32` or an `i64`.
#![allow(unsafe_code, reason = "the engine calls a function without looking up its type only through an unsafe call")]

use wasmtime::{AsContextMut, Error, Func, Instance, Module, ModuleExport, Result, Val, ValRaw, ValType};

/// Most parameters of a function that wpool calls: those of `cabi_realloc`.
const MAX_PARAMS: usize = 4;

/// The return type of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gives {
    Nothing,
    I32,
    I64,
}

/// An exported function of a module, whose type was compared.
#[derive(Clone, Copy)]
pub(super) struct Function {
    export: ModuleExport,
    params: usize,
    gives: Gives,
}

impl Function {
    /// Finds the export of this name with this many `i32` parameters and this return type.
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

    /// The function in an instance of its module.
    pub fn of(&self, store: impl AsContextMut, instance: Instance) -> Result<Bound> {
        let func = instance.get_module_export(store, &self.export).and_then(|export| export.into_func());
        let func = func.ok_or_else(|| Error::msg("an exported function is not a function"))?;
        Ok(Bound { func, params: self.params, gives: self.gives })
    }
}

/// A function of an instance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    func: Func,
    params: usize,
    gives: Gives,
}

impl Bound {
    /// Calls the function. Widens its return value to 64 bits, and returns 0 for nothing.
    pub fn call(&self, mut store: impl AsContextMut, args: &[u32]) -> Result<u64> {
        self.check(args)?;
        let mut values = [ValRaw::u32(0); MAX_PARAMS];
        for (value, arg) in values.iter_mut().zip(args) {
            *value = ValRaw::u32(*arg);
        }
        // SAFETY: an export has the same type in every instance of its module. `find` has compared it, `check` that the
        // arguments are as many; the array has room for them and for one result.
        unsafe { self.func.call_unchecked(&mut store, &mut values)? };
        Ok(match self.gives {
            Gives::Nothing => 0,
            Gives::I32 => u64::from(values[0].get_u32()),
            Gives::I64 => values[0].get_u64(),
        })
    }

    /// Like [`Bound::call`], on the asynchronous stack.
    pub async fn call_async<T: Send>(&self, mut store: impl AsContextMut<Data = T>, args: &[u32]) -> Result<u64> {
        self.check(args)?;
        let args: Vec<Val> = args.iter().map(|arg| Val::I32(arg.cast_signed())).collect();
        let mut result = [Val::I32(0)];
        let results = &mut result[..usize::from(self.gives != Gives::Nothing)];
        self.func.call_async(&mut store, &args, results).await?;
        Ok(match result[0] {
            Val::I64(wide) => wide.cast_unsigned(),
            Val::I32(narrow) => u64::from(narrow.cast_unsigned()),
            _ => 0,
        })
    }

    pub fn params(&self) -> usize {
        self.params
    }

    fn check(&self, args: &[u32]) -> Result<()> {
        if args.len() == self.params { Ok(()) } else { Err(Error::msg("a function is called as it is not declared")) }
    }
}
