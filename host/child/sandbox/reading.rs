//! Reads of preview 1 programs that ask for nothing.
//!
//! The engine's own `fd_read` takes an answer of no bytes from standard input for an interruption, and gives EINTR. A
//! program that asked for no bytes and asks again after EINTR, as CPython's `os.read(0, 0)` does, would ask endlessly.

use wasmtime::{Caller, Linker};
use wasmtime_wasi::p1::wasi_snapshot_preview1 as p1;
use wiggle::GuestMemory;

use super::core_store::{CoreStore, MODULE, put, world};

/// The error number of an interrupted call.
const INTERRUPTED: i32 = 27;
const STDIN: i32 = 0;
/// Bytes of a place of a vectored read: an address and a length.
const PLACE: usize = 8;

/// Replaces the engine's `fd_read`, which still does all reading.
pub(super) fn add_to_linker(linker: &mut Linker<CoreStore>) -> wasmtime::Result<()> {
    linker.func_wrap_async(MODULE, "fd_read", |caller: Caller<'_, CoreStore>, args: (i32, i32, i32, i32)| {
        Box::new(read(caller, args))
    })?;
    Ok(())
}

async fn read(
    mut caller: Caller<'_, CoreStore>,
    (fd, places, count, length): (i32, i32, i32, i32),
) -> wasmtime::Result<i32> {
    let (memory, store) = world(&mut caller)?;
    if fd == STDIN {
        store.touch("wasi_snapshot_preview1.fd_read");
    }
    let whole = &mut GuestMemory::Unshared(&mut *memory);
    let errno = p1::fd_read(store.wasi(), whole, fd, places, count, length).await?;
    let has_asked_nothing = errno == INTERRUPTED && is_empty(memory, places, count);
    Ok(if has_asked_nothing { put(memory, length, 0) } else { errno })
}

/// Whether a vectored read has room for no byte.
fn is_empty(memory: &[u8], places: i32, count: i32) -> bool {
    let begin = places.cast_unsigned() as usize;
    let length_of = |place: usize| memory.get(begin + place * PLACE..)?.get(4..PLACE);
    (0..count.cast_unsigned() as usize).all(|place| length_of(place) == Some(&[0; 4]))
}
