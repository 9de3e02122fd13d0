//! Listings of directories for preview 1 programs.
//!
//! A program lists a directory by many calls of `fd_readdir`, each from the entry on that a cookie names. The engine's own
//! function lists the directory anew in each call, and takes the cookie for a number of entries to skip. So entries are
//! missed when earlier ones were removed or renamed meanwhile, as by a program that empties a directory. Here the first
//! call takes a listing, and the others continue in it.

use std::collections::HashMap;

use wasmtime::{Caller, Linker};
use wasmtime_wasi::p1::wasi_snapshot_preview1 as p1;
use wiggle::GuestMemory;

use super::core_store::{CoreStore, FAULT, MODULE, put, world};

/// Bytes of an entry before its name, and the place of the length of the name in them.
const HEAD: usize = 24;
const NAME_LENGTH: std::ops::Range<usize> = 16..20;

/// Bytes for a listing at first, and most bytes of all listings together: some hundred thousand entries. Larger
/// directories are listed as the engine does it.
const FIRST: usize = 64 << 10;
const MOST: usize = 32 << 20;

/// Where the engine writes to, in memory of the host: the number of bytes, then the entries.
const LENGTH_AT: i32 = 0;
const ENTRIES_AT: usize = 8;

/// The listings that were begun, by the descriptors of their directories.
#[derive(Default)]
pub(super) struct Listings {
    open: HashMap<i32, Listing>,
    size: usize,
}

/// The entries of a directory when its listing began, as the program reads them.
struct Listing {
    bytes: Vec<u8>,
    /// Where each entry begins.
    begins: Vec<u32>,
}

impl Listing {
    fn of(bytes: Vec<u8>) -> Listing {
        let (mut begins, mut at) = (Vec::new(), 0);
        while let Some(length) = bytes.get(at..at + HEAD).and_then(|head| head[NAME_LENGTH].try_into().ok()) {
            begins.push(at as u32);
            at += HEAD + u32::from_le_bytes(length) as usize;
        }
        Listing { bytes, begins }
    }

    fn size(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.begins)
    }

    /// The entries behind as many.
    fn from(&self, cookie: i64) -> &[u8] {
        let begin = usize::try_from(cookie).ok().and_then(|at| self.begins.get(at));
        begin.map_or(&[], |at| &self.bytes[*at as usize..])
    }
}

impl Listings {
    fn forget(&mut self, fd: i32) -> Option<Listing> {
        let listing = self.open.remove(&fd)?;
        self.size -= listing.size();
        Some(listing)
    }

    /// Keeps a listing, unless too much is kept already.
    fn keep(&mut self, fd: i32, listing: Listing) {
        self.forget(fd);
        if self.size + listing.size() <= MOST {
            self.size += listing.size();
            self.open.insert(fd, listing);
        }
    }
}

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
    if cookie == 0 || !store.listings.open.contains_key(&fd) {
        match list(store, fd).await? {
            Ok(listing) => listing.into_iter().for_each(|listing| store.listings.keep(fd, listing)),
            Err(errno) => return Ok(errno),
        }
    }
    let Some(listing) = store.listings.open.get(&fd) else {
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
