//! Listings of directories for preview 1 programs.
//!
//! A program lists a directory by many calls of `fd_readdir`, each from the entry on that a cookie names. The engine's own
//! function lists the directory anew in each call, and takes the cookie for a number of entries to skip. So entries are
//! missed when earlier ones were removed or renamed meanwhile, as by a program that empties a directory. Here the first
//! call takes a listing, and the others continue in it.

use wasmtime::{Caller, Linker};
use wasmtime_wasi::p1::wasi_snapshot_preview1 as p1;
use wiggle::GuestMemory;

use super::core_store::{CoreStore, FAULT, MODULE, put, world};
use super::kind::GuestStore as _;
use super::listings::{Listing, MOST};

/// Bytes for a listing at first.
const FIRST: usize = 64 << 10;

/// Where the engine writes to, in memory of the host: the number of bytes, then the entries.
const LENGTH_AT: i32 = 0;
const ENTRIES_AT: usize = 8;

/// Replaces the engine's `fd_readdir`, and the functions after which a descriptor is another directory or none.
pub(super) fn add_to_linker(linker: &mut Linker<CoreStore>) -> wasmtime::Result<()> {
    linker.func_wrap_async(
        MODULE,
        "fd_readdir",
        |caller: Caller<'_, CoreStore>, args: (i32, i32, i32, i64, i32)| Box::new(read(caller, args)),
    )?;
    linker.func_wrap_async(MODULE, "fd_close", |mut caller: Caller<'_, CoreStore>, (fd,): (i32,)| {
        Box::new(async move {
            let (memory, store) = world(&mut caller)?;
            store.listings.forget(fd);
            p1::fd_close(store.wasi(), &mut GuestMemory::Unshared(memory), fd).await
        })
    })?;
    linker.func_wrap_async(MODULE, "fd_renumber", |mut caller: Caller<'_, CoreStore>, (from, to): (i32, i32)| {
        Box::new(async move {
            let (memory, store) = world(&mut caller)?;
            let errno = p1::fd_renumber(store.wasi(), &mut GuestMemory::Unshared(memory), from, to).await?;
            if errno == 0 && from != to {
                store.log().into_iter().for_each(|log| log.renumber(from.cast_unsigned(), to.cast_unsigned()));
                store.listings.forget(to);
                let moved = store.listings.forget(from);
                moved.into_iter().for_each(|listing| store.listings.keep(to, listing));
            }
            Ok(errno)
        })
    })?;
    Ok(())
}

async fn read(
    mut caller: Caller<'_, CoreStore>,
    (fd, at, room, cookie, length): (i32, i32, i32, i64, i32),
) -> wasmtime::Result<i32> {
    let (memory, store) = world(&mut caller)?;
    if let Some(log) = store.log().filter(|_| cookie == 0) {
        log.list(fd.cast_unsigned());
    }
    if cookie == 0 || store.listings.get(fd).is_none() {
        match list(store, fd).await? {
            Ok(listing) => listing.into_iter().for_each(|listing| store.listings.keep(fd, listing)),
            Err(errno) => return Ok(errno),
        }
    }
    let Some(listing) = store.listings.get(fd) else {
        let memory = &mut GuestMemory::Unshared(memory);
        return p1::fd_readdir(store.wasi(), memory, fd, at, room, cookie, length).await;
    };
    let entries = listing.from(cookie);
    let entries = &entries[..entries.len().min(room.cast_unsigned() as usize)];
    let at = at.cast_unsigned() as usize;
    let Some(place) = memory.get_mut(at..at + entries.len()) else { return Ok(FAULT) };
    place.copy_from_slice(entries);
    Ok(put(memory, length, entries.len() as u32))
}

/// All entries of a directory, `None` if it is too large, or the error number.
async fn list(store: &mut CoreStore, fd: i32) -> wasmtime::Result<Result<Option<Listing>, i32>> {
    let mut size = FIRST;
    while size <= MOST {
        let mut own = vec![0; size];
        let room = size - ENTRIES_AT;
        let memory = &mut GuestMemory::Unshared(&mut own);
        let errno = p1::fd_readdir(store.wasi(), memory, fd, ENTRIES_AT as i32, room as i32, 0, LENGTH_AT).await?;
        if errno != 0 {
            return Ok(Err(errno));
        }
        let length = own.first_chunk().map_or(0, |length| u32::from_le_bytes(*length) as usize);
        if length < room {
            own.truncate(ENTRIES_AT + length);
            return Ok(Ok(Some(Listing::of(own.split_off(ENTRIES_AT)))));
        }
        size *= 4;
    }
    Ok(Ok(None))
}
