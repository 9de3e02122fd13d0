//! The host data of a core module, and calls of its functions.

use wasmtime::{AsContextMut as _, Caller, Extern, Instance, Memory, Store};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p1::wasi_snapshot_preview1::WasiSnapshotPreview1 as _;

use super::call::Returned;
use super::function::{Bound, Function};
use super::guard::{Guard, Stopped};
use super::kind::{GuestStore, HAS_WORLD};
use super::listings::Listings;
use super::log::Log;
use super::world::World;

/// The name of preview 1 in imports.
pub(super) const MODULE: &str = "wasi_snapshot_preview1";

/// The number of the first directory that a module finds.
const FIRST_DIR: u32 = 3;

/// The error number of preview 1 for a place outside of the memory.
pub(super) const FAULT: i32 = 21;

/// The data in the store of a core module.
pub(super) struct CoreStore {
    guard: Guard,
    /// Set when the program imports WASI.
    wasi: Option<WasiP1Ctx>,
    /// The module has called the host.
    pub asked: bool,
    pub listings: Listings,
    /// The log of what tasks touch, where it is asked for. Boxed, because hardly anybody asks.
    log: Option<Box<Log>>,
}

impl CoreStore {
    /// A function was called.
    pub fn touch(&mut self, function: &str) {
        if let Some(log) = self.log() {
            log.call(function);
        }
    }

    /// The environment was asked for.
    pub fn ask_for_variables(&mut self) {
        if let Some(log) = self.log() {
            log.ask_for_variables();
        }
    }

    pub fn wasi(&mut self) -> &mut WasiP1Ctx {
        self.asked = true;
        self.wasi.as_mut().expect(HAS_WORLD)
    }
}

impl GuestStore for CoreStore {
    fn new(guard: Guard) -> Self {
        CoreStore { guard, wasi: None, asked: false, listings: Listings::default(), log: None }
    }

    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }

    fn seen_guard(&self) -> &Guard {
        &self.guard
    }

    fn give(&mut self, mut world: World) {
        self.wasi = Some(world.wasi.build_p1());
        self.listings = Listings::default();
        if let Some(log) = &mut world.log {
            log.number(FIRST_DIR..);
        }
        world.hand_log(&mut self.log);
    }

    fn log(&mut self) -> Option<&mut Log> {
        self.log.as_deref_mut()
    }

    fn has_world(&self) -> bool {
        self.wasi.is_some()
    }
}

/// The memory and the data of a module that has called the host. Its world is ready for a function of preview 1.
pub(super) fn world<'a>(caller: &'a mut Caller<'_, CoreStore>) -> wasmtime::Result<(&'a mut [u8], &'a mut CoreStore)> {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        return Err(wasmtime::Error::msg("missing required memory export"));
    };
    let fuel = caller.as_context_mut().hostcall_fuel();
    let (memory, store) = memory.data_and_store_mut(caller);
    store.wasi().set_hostcall_fuel(fuel);
    Ok((memory, store))
}

/// Writes a number to memory. Returns the error number of the call that gives it.
pub(super) fn put(memory: &mut [u8], at: i32, number: u32) -> i32 {
    let place = memory.get_mut(at.cast_unsigned() as usize..).and_then(|rest| rest.first_chunk_mut());
    place.map_or(FAULT, |place| {
        *place = number.to_le_bytes();
        0
    })
}

/// An instance and its store.
pub(super) struct Guest<'a> {
    pub store: &'a mut Store<CoreStore>,
    pub instance: Instance,
    pub waits: bool,
}

impl Guest<'_> {
    /// Calls a function that is called only once in the life of an instance.
    pub async fn call_once(&mut self, function: &Function) -> wasmtime::Result<()> {
        let bound = function.of(&mut *self.store, self.instance)?;
        self.call(&bound, &[]).await.map(drop)
    }

    pub async fn call(&mut self, function: &Bound, args: &[u32]) -> wasmtime::Result<u64> {
        if self.waits {
            function.call_async(&mut *self.store, args).await
        } else {
            function.call(&mut *self.store, args)
        }
    }

    pub fn write(&mut self, memory: Memory, at: u32, row: &[u8]) -> wasmtime::Result<()> {
        let place = memory.data_mut(&mut *self.store).get_mut(at as usize..at as usize + row.len());
        let place = place.ok_or_else(|| {
            Stopped::Abi(format!("the allocator gave {} bytes at {at}, outside of its memory", row.len()))
        })?;
        place.copy_from_slice(row);
        Ok(())
    }

    /// Checks the return value of `run`, which is the place of the output.
    pub fn lent(&mut self, memory: Memory, packed: u64, limit: u64) -> wasmtime::Result<Returned> {
        let (at, length) = ((packed >> 32) as usize, packed as u32 as usize);
        if length as u64 > limit {
            return Err(Stopped::Output.into());
        }
        if at + length > memory.data_size(&*self.store) {
            let outside = format!("`run` gave {length} bytes at {at}, outside of its memory");
            return Err(Stopped::Abi(outside).into());
        }
        Ok(Returned::Lent { memory, place: at..at + length })
    }
}
