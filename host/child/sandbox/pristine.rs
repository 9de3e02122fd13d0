//! The isolation of a fresh instance without a fresh instance: after each task, the instance is restored to its state
//! before the first task.
//!
//! [`crate::isolation`] explains why this is sound, and for which programs. This module restores memories through the
//! watch over their pages, and globals through exports that the compiler has added. It also checks the conditions under
//! which both are the whole state.

use std::sync::Arc;

use wasmtime::{AsContextMut, Global, Instance, Memory, Module, ModuleExport, Store, Val};

use super::access::Access;
use super::contents;
use super::values::bits;
use crate::child::engine::layer::Layer;
use crate::child::engine::memories::{Memories, Region};
use crate::child::engine::watch::Watch;
use crate::child::names::STATE;

/// Tasks before the written pages are learned anew, because one task may have written to pages that no other writes.
/// The number doubles, up to `LEARN_AFTER_MOST`, each time that nothing came of it. A fault costs as much as some
/// hundred copies of a page.
const LEARN_AFTER: u32 = 128;
const LEARN_AFTER_MOST: u32 = 8_192;
/// Number of pages that cost less to copy than to learn about.
const FEW_PAGES: usize = 8;
/// Copies of a page that cost as much as learning about it anew.
const COPIES_OF_A_FAULT: usize = 4;

/// Where a module's instance has its state.
pub(super) struct Parts {
    memories: Vec<ModuleExport>,
    globals: Vec<ModuleExport>,
    regions: Arc<Memories>,
}

/// The state of an instance before its first task, and the watch over its changes.
pub(super) struct Pristine {
    watch: Watch,
    /// With their sizes.
    memories: Vec<(Arc<Region>, usize)>,
    within: Within,
    /// Tasks until the written pages are learned anew.
    left: u32,
    /// The interval that was chosen last, in tasks, and the number of written pages then.
    learned: (u32, usize),
    /// Pages that the first task since then has written; 0 until it has.
    first: usize,
    /// Copies since then that this first task did not need.
    needless: usize,
}

/// Access to the parts of an instance that only the engine knows.
pub(super) enum Within {
    Module { memories: Vec<Memory>, globals: Vec<(Global, Val)> },
    Component(Access),
}

impl Parts {
    /// Finds the state that the compiler has exported from a module.
    pub fn find(module: &Module, regions: Arc<Memories>) -> Parts {
        let mut parts = Parts { memories: Vec::new(), globals: Vec::new(), regions };
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

    /// To be called before an instance is made.
    pub fn begin_instance(&self) {
        self.regions.begin_instance();
    }

    /// Whether instances have memories of wpool's own, and a state can be laid over them.
    pub fn are_own(&self) -> bool {
        self.regions.start().is_some()
    }

    /// The state of an instance, encoded.
    pub fn contents(&self, mut store: impl AsContextMut, instance: Instance) -> wasmtime::Result<Vec<u8>> {
        let missing = || wasmtime::Error::msg(OUT_OF_REACH);
        let (_, regions) = self.own_regions(&mut store, instance).ok_or_else(missing)?;
        let mut contents = contents::of_regions(&regions, &self.regions)?;
        for (_, value) in self.globals(&mut store, instance).ok_or_else(missing)? {
            contents::parts_of(&value).for_each(|part| contents.part(part));
        }
        Ok(contents.finish())
    }

    /// Lays a state over an instance.
    pub fn lay(&self, mut store: impl AsContextMut, instance: Instance, state: &Layer) -> wasmtime::Result<()> {
        let other = contents::of_another;
        let (memories, regions) = self.own_regions(&mut store, instance).ok_or_else(other)?;
        let globals = self.globals(&mut store, instance).ok_or_else(other)?;
        let mut parts = state.contents().parts.iter().copied();
        if regions.len() != state.contents().memories.len() {
            return Err(other());
        }
        for (number, (memory, region)) in memories.iter().zip(&regions).enumerate() {
            region.lay(state, number)?;
            // Growing by zero makes the engine ask for the size of the memory again.
            memory.grow(&mut store, 0)?;
        }
        for (global, before) in globals {
            let value = contents::value_of(&before, &mut parts).ok_or_else(other)?;
            global.set(&mut store, value)?;
        }
        if parts.next().is_some() { Err(other()) } else { Ok(()) }
    }

    /// The memories of an instance, and their regions.
    fn own_regions(&self, mut store: impl AsContextMut, instance: Instance) -> Option<(Vec<Memory>, Vec<Arc<Region>>)> {
        let memories = self.memories(&mut store, instance)?;
        let regions = memories.iter().map(|memory| self.regions.at(memory.data_ptr(&store))).collect::<Option<_>>()?;
        Some((memories, regions))
    }

    /// The place where two instances differ, if they do.
    pub fn difference<T: 'static>(
        &self,
        (mut kept_store, kept): (impl AsContextMut<Data = T>, Instance),
        (mut fresh_store, fresh): (impl AsContextMut<Data = T>, Instance),
    ) -> Option<String> {
        let missing = || Some(OUT_OF_REACH.to_owned());
        let Some(kept_memories) = self.memories(&mut kept_store, kept) else { return missing() };
        let Some(fresh_memories) = self.memories(&mut fresh_store, fresh) else { return missing() };
        let bytes = |(kept, fresh): (&Memory, &Memory)| (kept.data(&kept_store), fresh.data(&fresh_store));
        let what = memories_differ(kept_memories.iter().zip(&fresh_memories).map(bytes));
        if what.is_some() {
            return what;
        }
        let Some(kept_globals) = self.globals(&mut kept_store, kept) else { return missing() };
        let Some(fresh_globals) = self.globals(&mut fresh_store, fresh) else { return missing() };
        let mut pairs = kept_globals.iter().zip(&fresh_globals);
        let at = pairs.position(|((_, kept), (_, fresh))| bits(kept) != bits(fresh))?;
        Some(format!("mutable global {at} differs"))
    }
}

impl Pristine {
    /// Records the state of a core module's instance before its first task. `None` when it cannot be watched.
    pub fn of(mut store: impl AsContextMut, instance: Instance, parts: &Parts) -> Option<Pristine> {
        let (memories, regions) = parts.own_regions(&mut store, instance)?;
        let globals = parts.globals(&mut store, instance)?;
        Pristine::watch(regions, Within::Module { memories, globals })
    }

    /// Records an instance with these memories.
    #[allow(unsafe_code, reason = "memory of an instance is watched through its address")]
    pub fn watch(regions: Vec<Arc<Region>>, within: Within) -> Option<Pristine> {
        let places: Vec<_> = regions.iter().map(|region| (region.address(), region.size())).collect();
        // SAFETY: the memories are regions of ours, readable and writable as far as they go now, at the same place as long as
        // the store lives, and `Home` drops the watch before it. Guests run on this thread alone.
        let watch = unsafe { Watch::keep(&places)? };
        let memories = regions.into_iter().zip(places).map(|(region, (_, size))| (region, size)).collect();
        Some(Pristine { watch, memories, within, left: LEARN_AFTER, learned: (LEARN_AFTER, 0), first: 0, needless: 0 })
    }

    /// Restores the instance. Returns false when this is not possible. The instance must then be dropped.
    pub fn restore<T: Send>(&mut self, store: &mut Store<T>) -> bool {
        let has_grown = self.memories.iter().any(|(region, size)| region.size() != *size);
        if (has_grown && !self.shrink(store)) || !self.watch.restore() {
            return false;
        }
        if self.is_time_to_learn() && !self.learn() {
            return false;
        }
        match &mut self.within {
            Within::Module { globals, .. } => {
                globals.iter().all(|(global, value)| global.set(&mut *store, *value).is_ok())
            }
            Within::Component(access) => access.restore(store),
        }
    }

    /// Shrinks memories that have grown to their former size.
    fn shrink<T: Send>(&mut self, store: &mut Store<T>) -> bool {
        if !self.memories.iter().all(|(region, size)| region.size() == *size || region.cut(*size).is_ok()) {
            return false;
        }
        // Growing by zero makes the engine ask for the size of the memory again.
        match &mut self.within {
            Within::Module { memories, .. } => memories
                .iter()
                .zip(&self.memories)
                .all(|(memory, (_, size))| memory.grow(&mut *store, 0).is_ok() && memory.data_size(&*store) == *size),
            Within::Component(access) => {
                let regions: Vec<_> = self.memories.iter().map(|(region, _)| region.clone()).collect();
                access.has_size(store, &regions)
            }
        }
    }

    /// Counts a task. Tasks that write other pages than their predecessors have more and more pages copied back, so the
    /// pages are also learned anew when these copies have cost as much as learning does.
    fn is_time_to_learn(&mut self) -> bool {
        let written = self.watch.written();
        self.left -= 1;
        self.first = if self.first == 0 { written } else { self.first };
        self.needless += written - self.first;
        self.left == 0 || self.needless > COPIES_OF_A_FAULT * written
    }

    /// Forgets pages that are no longer written. Becomes more seldom when there are none.
    fn learn(&mut self) -> bool {
        let (after, before) = self.learned;
        let written = self.watch.written();
        let after = if 2 * written < before { LEARN_AFTER } else { LEARN_AFTER_MOST.min(2 * after) };
        (self.left, self.learned) = (after, (after, written));
        (self.first, self.needless) = (0, 0);
        written <= FEW_PAGES || self.watch.learn_anew()
    }
}

/// The difference that is reported for instances that cannot be compared completely.
pub(super) const OUT_OF_REACH: &str = "a part of its state is out of reach";

/// The place where the memories of two instances differ, if they do.
#[allow(unsafe_code, reason = "memories of components can be reached only through their addresses")]
pub(super) fn regions_differ(kept: &[Arc<Region>], fresh: &[Arc<Region>]) -> Option<String> {
    // SAFETY: as many bytes of a region can be read as it is large, and no guest runs that would write to them.
    let bytes = |region: &Region| unsafe { std::slice::from_raw_parts(region.address().cast_const(), region.size()) };
    memories_differ(kept.iter().zip(fresh).map(|(kept, fresh)| (bytes(kept), bytes(fresh))))
}

fn memories_differ<'a>(memories: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Option<String> {
    let mut numbered = memories.enumerate();
    numbered.find_map(|(number, (kept, fresh))| Some(format!("memory {number} {}", difference_of(kept, fresh)?)))
}

fn difference_of(kept: &[u8], fresh: &[u8]) -> Option<String> {
    if kept.len() != fresh.len() {
        return Some(format!("has {} bytes, not {}", kept.len(), fresh.len()));
    }
    if kept == fresh {
        return None;
    }
    let at = kept.iter().zip(fresh).position(|(kept, fresh)| kept != fresh).unwrap_or_default();
    Some(format!("differs at {at:#x}"))
}
