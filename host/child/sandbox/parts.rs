//! Where a component's instance has its state: memories are wpool's own, and its globals are read and put back by a
//! module that the compiler has added to it ([`state_access`]).

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use wasmtime::component::{
    Component, ComponentExportIndex, ComponentNamedList, ComponentType, Instance, Lift, Lower, TypedFunc,
};
use wasmtime::{Error, Result, Store};

use super::pristine::{OUT_OF_REACH, Pristine, Within, regions_differ};
use crate::child::engine::memories::{Memories, Region};
use crate::child::names::{INTERFACE, PART, RESIZE, RESTORE};

/// Bytes of a page of a guest's memory.
const GUEST_PAGE: u64 = 64 << 10;

/// The functions that were added to a component.
pub(super) struct ComponentParts {
    restore: ComponentExportIndex,
    resize: ComponentExportIndex,
    part: ComponentExportIndex,
    memories: Arc<Memories>,
}

/// The functions of an instance.
#[derive(Clone, Copy)]
pub(super) struct Access {
    restore: TypedFunc<(), ()>,
    resize: TypedFunc<(), (u64,)>,
    part: TypedFunc<(u32,), (u64,)>,
    /// Its store has functions that can wait, so the engine wants a stack for every call. These never wait.
    waits: bool,
}

impl ComponentParts {
    /// `None` for a component whose instances cannot be put back.
    pub fn find(component: &Component, memories: Arc<Memories>) -> Option<ComponentParts> {
        let interface = component.get_export_index(None, INTERFACE)?;
        let function = |name| component.get_export_index(Some(&interface), name);
        let (restore, resize, part) = (function(RESTORE)?, function(RESIZE)?, function(PART)?);
        Some(ComponentParts { restore, resize, part, memories })
    }

    fn access<T: 'static>(&self, store: &mut Store<T>, instance: Instance, waits: bool) -> Option<Access> {
        Some(Access {
            restore: instance.get_typed_func(&mut *store, self.restore).ok()?,
            resize: instance.get_typed_func(&mut *store, self.resize).ok()?,
            part: instance.get_typed_func(&mut *store, self.part).ok()?,
            waits,
        })
    }

    /// Remembers an instance as it is, before its first task; the only one that there is. `None` when it cannot be
    /// watched.
    pub fn pristine<T: Send>(&self, store: &mut Store<T>, instance: Instance, waits: bool) -> Option<Pristine> {
        let mut access = self.access(store, instance, waits)?;
        let (memories, _) = access.counts(store).ok()?;
        let regions = self.memories.of_instances();
        let has_all = regions.len() == memories && access.has_size(store, &regions);
        if has_all { Pristine::watch(regions, Within::Component(access)) } else { None }
    }

    /// Where two instances differ, if they do. There are no others, and the one that was kept was made before.
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

impl Access {
    /// Puts the globals back.
    pub fn restore<T: Send>(&mut self, store: &mut Store<T>) -> bool {
        self.call(store, self.restore, ()).is_ok()
    }

    /// Has the engine ask how large the memories are, and says whether it was told.
    pub fn has_size<T: Send>(&mut self, store: &mut Store<T>, regions: &[Arc<Region>]) -> bool {
        let bytes: usize = regions.iter().map(|region| region.size()).sum();
        self.call(store, self.resize, ()).is_ok_and(|(pages,)| pages * GUEST_PAGE == bytes as u64)
    }

    /// How many memories and how many parts of globals there are.
    fn counts<T: Send>(&mut self, store: &mut Store<T>) -> Result<(usize, u32)> {
        let counts = self.part(store, 0)?;
        Ok((counts as u32 as usize, (counts >> 32) as u32))
    }

    fn part<T: Send>(&mut self, store: &mut Store<T>, number: u32) -> Result<u64> {
        self.call(store, self.part, (number,)).map(|(part,)| part)
    }

    fn call<T, P, R>(&self, store: &mut Store<T>, func: TypedFunc<P, R>, params: P) -> Result<R>
    where
        T: Send,
        P: ComponentNamedList + Lower + Send + Sync,
        R: ComponentNamedList + ComponentType + Lift + Send + Sync + 'static,
    {
        if !self.waits {
            return func.call(store, params);
        }
        match pin!(func.call_async(store, params)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(Error::msg("a function that never waits has waited")),
        }
    }
}
