//! Calls of the functions that the compiler has added to a component, in one instance.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use wasmtime::component::{ComponentNamedList, ComponentType, Lift, Lower, TypedFunc};
use wasmtime::{Error, Result, Store};

use crate::child::engine::memories::Region;
use crate::child::names::GROUP;

/// Bytes of a page of a guest's memory.
const GUEST_PAGE: u64 = 64 << 10;

/// The number of a group of parts, and the parts: [`crate::child::names::GROUP`] of them.
pub(super) type Group = (u32, u64, u64, u64, u64, u64, u64, u64, u64);

/// The functions of an instance.
#[derive(Clone, Copy)]
pub(super) struct Access {
    pub save: TypedFunc<(), ()>,
    pub restore: TypedFunc<(), ()>,
    pub resize: TypedFunc<(), (u64,)>,
    pub part: TypedFunc<(u32,), (u64,)>,
    pub load: TypedFunc<Group, ()>,
    /// Whether the store has functions that can wait: the engine then wants a stack for every call. The functions here
    /// never wait.
    pub waits: bool,
}

impl Access {
    /// Keeps the globals as they are now.
    pub fn save<T: Send>(&mut self, store: &mut Store<T>) -> bool {
        self.call(store, self.save, ()).is_ok()
    }

    /// Restores the globals.
    pub fn restore<T: Send>(&mut self, store: &mut Store<T>) -> bool {
        self.call(store, self.restore, ()).is_ok()
    }

    /// Makes the engine ask for the sizes of the memories, and returns whether it got the right ones.
    pub fn has_size<T: Send>(&mut self, store: &mut Store<T>, regions: &[Arc<Region>]) -> bool {
        let bytes: usize = regions.iter().map(|region| region.size()).sum();
        self.call(store, self.resize, ()).is_ok_and(|(pages,)| pages * GUEST_PAGE == bytes as u64)
    }

    /// The number of memories, and the number of parts of globals.
    pub fn counts<T: Send>(&mut self, store: &mut Store<T>) -> Result<(usize, u32)> {
        let counts = self.part(store, 0)?;
        Ok((counts as u32 as usize, (counts >> 32) as u32))
    }

    pub fn part<T: Send>(&mut self, store: &mut Store<T>, number: u32) -> Result<u64> {
        self.call(store, self.part, (number,)).map(|(part,)| part)
    }

    /// Sets all parts.
    pub fn load<T: Send>(&mut self, store: &mut Store<T>, parts: &[u64]) -> Result<()> {
        for (number, group) in (0..).zip(parts.chunks(GROUP)) {
            let mut all = [0; GROUP];
            all[..group.len()].copy_from_slice(group);
            let [a, b, c, d, e, f, g, h] = all;
            self.call(store, self.load, (number, a, b, c, d, e, f, g, h))?;
        }
        Ok(())
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
