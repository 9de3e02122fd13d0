//! The isolation of a fresh instance without a fresh instance: one that is put back, after each task, to what it was
//! before its first.
//!
//! Why that is sound, and for which programs, is told in [`crate::isolation`]. Here: memories through the watch over their
//! pages, globals through the exports that the compiler has added, and what has to be the case for both to be all.

use wasmtime::{AsContextMut, Global, Instance, Memory, Module, ModuleExport, Val};

use super::super::watch::Watch;
use crate::worker::STATE;

/// So many tasks after which it is learned anew which pages a program writes, if there are many: one task in thousands
/// may have written to pages that no other does.
const LEARN_EVERY: u32 = 4_096;
/// Pages that cost less to copy than to learn about.
const FEW_PAGES: usize = 8;

/// Where a module's instance has its state.
#[derive(Default)]
pub(super) struct Parts {
    memories: Vec<ModuleExport>,
    globals: Vec<ModuleExport>,
}

/// What an instance was before its first task, and the watch over what changes.
#[derive(Debug)]
pub(super) struct Pristine {
    watch: Watch,
    memories: Vec<(Memory, usize)>,
    globals: Vec<(Global, Val)>,
    /// Since it was learned which pages the program writes.
    tasks: u32,
}

impl Parts {
    /// Of a module whose state the compiler has exported.
    pub fn find(module: &Module) -> Parts {
        let mut parts = Parts::default();
        for export in module.exports().filter(|export| export.name().starts_with(STATE)) {
            let Some(index) = module.get_export_index(export.name()) else { continue };
            let kind = if export.ty().memory().is_some() { &mut parts.memories } else { &mut parts.globals };
            kind.push(index);
        }
        parts
    }

    fn memories(&self, mut store: impl AsContextMut, instance: Instance) -> Option<Vec<Memory>> {
        let memory = |export| instance.get_module_export(&mut store, export)?.into_memory();
        self.memories.iter().map(memory).collect()
    }

    fn globals(&self, mut store: impl AsContextMut, instance: Instance) -> Option<Vec<(Global, Val)>> {
        let global = |export| {
            let global = instance.get_module_export(&mut store, export)?.into_global()?;
            let value = global.get(&mut store);
            Some((global, value))
        };
        self.globals.iter().map(global).collect()
    }

    /// Where two instances differ, if they do.
    pub fn difference<T: 'static>(
        &self,
        (mut kept_store, kept): (impl AsContextMut<Data = T>, Instance),
        (mut fresh_store, fresh): (impl AsContextMut<Data = T>, Instance),
    ) -> Option<String> {
        let kept_memories = self.memories(&mut kept_store, kept).unwrap_or_default();
        let fresh_memories = self.memories(&mut fresh_store, fresh).unwrap_or_default();
        for (number, (kept, fresh)) in kept_memories.iter().zip(&fresh_memories).enumerate() {
            let (kept, fresh) = (kept.data(&kept_store), fresh.data(&fresh_store));
            if kept.len() != fresh.len() {
                return Some(format!("memory {number} has {} bytes, not {}", kept.len(), fresh.len()));
            }
            if kept != fresh {
                let at = kept.iter().zip(fresh).position(|(kept, fresh)| kept != fresh).unwrap_or_default();
                return Some(format!("memory {number} differs at {at:#x}"));
            }
        }
        let kept_globals = self.globals(&mut kept_store, kept)?;
        let fresh_globals = self.globals(&mut fresh_store, fresh)?;
        let mut pairs = kept_globals.iter().zip(&fresh_globals);
        let at = pairs.position(|((_, kept), (_, fresh))| bits(kept) != bits(fresh))?;
        Some(format!("mutable global {at} differs"))
    }
}

/// A number as its bits, so that a NaN is what it is.
fn bits(value: &Val) -> Option<u128> {
    Some(match value {
        Val::I32(bits) => bits.cast_unsigned().into(),
        Val::I64(bits) => bits.cast_unsigned().into(),
        Val::F32(bits) => (*bits).into(),
        Val::F64(bits) => (*bits).into(),
        Val::V128(bits) => bits.as_u128(),
        _ => return None,
    })
}

impl Pristine {
    /// Remembers an instance as it is, before its first task. `None` when it cannot be watched.
    #[allow(unsafe_code, reason = "memory of an instance is watched through its address")]
    pub fn of(mut store: impl AsContextMut, instance: Instance, parts: &Parts) -> Option<Pristine> {
        let memories: Vec<_> = parts.memories(&mut store, instance)?;
        let memories: Vec<_> = memories.into_iter().map(|memory| (memory, memory.data_size(&store))).collect();
        let globals = parts.globals(&mut store, instance)?;
        let places: Vec<_> = memories.iter().map(|(memory, size)| (memory.data_ptr(&store), *size)).collect();
        // SAFETY: a memory of an instance is mapped, readable and writable as far as its size goes, at the same place for
        // as long as it lives, because its whole address space is reserved. `Home` drops the watch before the store. The
        // engine changes the rights of pages only beyond the size, when a memory grows, and not before the store goes.
        // Guests run on this thread alone.
        let watch = unsafe { Watch::keep(&places)? };
        Some(Pristine { watch, memories, globals, tasks: 0 })
    }

    /// Puts the instance back. False when that cannot be done, and the instance has to go.
    pub fn restore(&mut self, mut store: impl AsContextMut) -> bool {
        if self.memories.iter().any(|(memory, size)| memory.data_size(&store) != *size) || !self.watch.restore() {
            return false;
        }
        self.tasks += 1;
        if self.tasks >= LEARN_EVERY {
            self.tasks = 0;
            if self.watch.written() > FEW_PAGES && !self.watch.learn_anew() {
                return false;
            }
        }
        self.globals.iter().all(|(global, value)| global.set(&mut store, *value).is_ok())
    }
}
