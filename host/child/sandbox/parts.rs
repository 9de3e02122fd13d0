//! The state of a component's instance: its memories, which are wpool's own, and its globals, which a module reads and
//! restores. The compiler has added that module to the component ([`crate::child::names`]).

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::{Component, ComponentExportIndex, Instance};

use super::access::Access;
use super::contents;
use super::pristine::{OUT_OF_REACH, Pristine, Within, regions_differ};
use crate::child::engine::layer::Layer;
use crate::child::engine::memories::{Memories, Region};
use crate::child::names::{INTERFACE, LOAD, PART, RESIZE, RESTORE, SAVE};

/// The functions that were added to a component.
pub(super) struct ComponentParts {
    save: ComponentExportIndex,
    restore: ComponentExportIndex,
    resize: ComponentExportIndex,
    part: ComponentExportIndex,
    load: ComponentExportIndex,
    memories: Arc<Memories>,
}

impl ComponentParts {
    /// `None` for a component whose instances cannot be restored.
    pub fn find(component: &Component, memories: Arc<Memories>) -> Option<ComponentParts> {
        let interface = component.get_export_index(None, INTERFACE)?;
        let function = |name| component.get_export_index(Some(&interface), name);
        let (save, restore) = (function(SAVE)?, function(RESTORE)?);
        let (resize, part, load) = (function(RESIZE)?, function(PART)?, function(LOAD)?);
        Some(ComponentParts { save, restore, resize, part, load, memories })
    }

    fn access<T: 'static>(&self, store: &mut Store<T>, instance: Instance, waits: bool) -> Option<Access> {
        Some(Access {
            save: instance.get_typed_func(&mut *store, self.save).ok()?,
            restore: instance.get_typed_func(&mut *store, self.restore).ok()?,
            resize: instance.get_typed_func(&mut *store, self.resize).ok()?,
            part: instance.get_typed_func(&mut *store, self.part).ok()?,
            load: instance.get_typed_func(&mut *store, self.load).ok()?,
            waits,
        })
    }

    /// To be called before an instance is made.
    pub fn begin_instance(&self) {
        self.memories.begin_instance();
    }

    /// The state of the newest instance, encoded.
    pub fn contents<T: Send>(
        &self,
        store: &mut Store<T>,
        instance: Instance,
        waits: bool,
    ) -> wasmtime::Result<Vec<u8>> {
        let (mut access, regions, parts) = self.newest(store, instance, waits)?;
        let mut contents = contents::of_regions(&regions, &self.memories)?;
        for number in 1..=parts {
            contents.part(access.part(store, number)?);
        }
        Ok(contents.finish())
    }

    /// Lays a state over the newest instance.
    pub fn lay<T: Send>(
        &self,
        store: &mut Store<T>,
        instance: Instance,
        waits: bool,
        state: &Layer,
    ) -> wasmtime::Result<()> {
        let (mut access, regions, parts) = self.newest(store, instance, waits)?;
        let contents = state.contents();
        if (regions.len(), parts as usize) != (contents.memories.len(), contents.parts.len()) {
            return Err(contents::of_another());
        }
        for (number, region) in regions.iter().enumerate() {
            region.lay(state, number)?;
        }
        if !access.has_size(store, &regions) {
            return Err(contents::of_another());
        }
        access.load(store, &contents.parts)
    }

    /// Access to the newest instance, its memories, and the number of its parts.
    fn newest<T: Send>(
        &self,
        store: &mut Store<T>,
        instance: Instance,
        waits: bool,
    ) -> wasmtime::Result<(Access, Vec<Arc<Region>>, u32)> {
        let missing = || wasmtime::Error::msg(OUT_OF_REACH);
        let mut access = self.access(store, instance, waits).ok_or_else(missing)?;
        let (memories, parts) = access.counts(store)?;
        let mut regions = self.memories.of_instances();
        let first = regions.len().checked_sub(memories).ok_or_else(missing)?;
        Ok((access, regions.split_off(first), parts))
    }

    /// Records the state of an instance before its first task. The instance must be the only one in the process. `None`
    /// when it cannot be watched.
    pub fn pristine<T: Send>(&self, store: &mut Store<T>, instance: Instance, waits: bool) -> Option<Pristine> {
        let mut access = self.access(store, instance, waits)?;
        let (memories, _) = access.counts(store).ok()?;
        let regions = self.memories.of_instances();
        let has_all = regions.len() == memories && access.has_size(store, &regions);
        if has_all && access.save(store) { Pristine::watch(regions, Within::Component(access)) } else { None }
    }

    /// The place where two instances differ, if they do. They must be the only instances, and the kept one must be the
    /// older.
    pub fn difference<T: Send>(
        &self,
        (kept_store, kept): (&mut Store<T>, Instance),
        (fresh_store, fresh): (&mut Store<T>, Instance),
        waits: bool,
    ) -> Option<String> {
        let missing = || Some(OUT_OF_REACH.to_owned());
        let Some(mut kept) = self.access(kept_store, kept, waits) else { return missing() };
        let Some(mut fresh) = self.access(fresh_store, fresh, waits) else { return missing() };
        let counts = (kept.counts(kept_store), fresh.counts(fresh_store));
        let (Ok((memories, parts)), Ok(_)) = counts else { return missing() };
        let mut regions = self.memories.of_instances();
        let of_fresh = regions.split_off(memories.min(regions.len()));
        if of_fresh.len() != memories || !fresh.has_size(fresh_store, &of_fresh) || !kept.has_size(kept_store, &regions)
        {
            return missing();
        }
        let what = regions_differ(&regions, &of_fresh);
        if what.is_some() {
            return what;
        }
        for number in 1..=parts {
            match (kept.part(kept_store, number), fresh.part(fresh_store, number)) {
                (Ok(kept), Ok(fresh)) if kept == fresh => {}
                (Ok(_), Ok(_)) => return Some(format!("part {number} of the mutable globals differs")),
                _ => return missing(),
            }
        }
        None
    }
}
