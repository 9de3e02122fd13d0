//! Random numbers of preview 1 programs, in any number.
//!
//! The engine's own `random_get` makes all bytes at once, in memory of the host, and traps above the most that it may
//! make, although preview 1 knows no such limit.

use wasmtime::{Caller, Linker};
use wasmtime_wasi::p1::wasi_snapshot_preview1 as p1;
use wiggle::GuestMemory;

use super::context::MAX_RANDOM;
use super::core_store::{CoreStore, FAULT, MODULE, world};
use super::kind::GuestStore as _;
use super::time::ActiveTime;

/// Replaces the engine's `random_get` by one that asks it piece by piece, and looks at the deadline in between.
pub(super) fn add_to_linker(linker: &mut Linker<CoreStore>, clock: Option<ActiveTime>) -> wasmtime::Result<()> {
    let fill = move |mut caller: Caller<'_, CoreStore>, at: i32, length: i32| -> wasmtime::Result<i32> {
        let (memory, store) = world(&mut caller)?;
        store.touch("wasi_snapshot_preview1.random_get");
        let (mut at, mut left) = (at.cast_unsigned(), length.cast_unsigned());
        if at as usize + left as usize > memory.len() {
            return Ok(FAULT);
        }
        let mut memory = GuestMemory::Unshared(memory);
        loop {
            let part = left.min(MAX_RANDOM);
            let errno = p1::random_get(store.wasi(), &mut memory, at.cast_signed(), part.cast_signed())?;
            left -= part;
            if errno != 0 || left == 0 {
                return Ok(errno);
            }
            at += part;
            if let Some(clock) = &clock {
                store.guard().epoch(clock)?;
            }
        }
    };
    linker.func_wrap(MODULE, "random_get", fill).map(drop)
}
