//! The state of a component's instance: its memories, which are wpool's own, and its globals, which a module reads and
//! restores. The compiler has added that module to the component ([`crate::child::names`]).

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::{Component, ComponentExportIndex, Instance};

use super::access::Access;
use super::pristine::{OUT_OF_REACH, Pristine, Within, regions_differ};
use crate::child::engine::memories::Memories;
use crate::child::names::{INTERFACE, PART, RESIZE, RESTORE, SAVE};

/// The functions that were added to a component.
pub(super) struct ComponentParts {
    save: ComponentExportIndex,
    restore: ComponentExportIndex,
    resize: ComponentExportIndex,
    part: ComponentExportIndex,
    memories: Arc<Memories>,
}

impl ComponentParts {
    /// `None` for a component whose instances cannot be restored.
    pub fn find(component: &Component, memories: Arc<Memories>) -> Option<ComponentParts> {
        let interface = component.get_export_index(None, INTERFACE)?;
        let function = |name| component.get_export_index(Some(&interface), name);
        let (save, restore) = (function(SAVE)?, function(RESTORE)?);
        Some(ComponentParts { save, restore, resize: function(RESIZE)?, part: function(PART)?, memories })
    }

    fn access<T: 'static>(&self, store: &mut Store<T>, instance: Instance, waits: bool) -> Option<Access> {
        Some(Access {
            save: instance.get_typed_func(&mut *store, self.save).ok()?,
            restore: instance.get_typed_func(&mut *store, self.restore).ok()?,
            resize: instance.get_typed_func(&mut *store, self.resize).ok()?,
            part: instance.get_typed_func(&mut *store, self.part).ok()?,
            waits,
        })
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
