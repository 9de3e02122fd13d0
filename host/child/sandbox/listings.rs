//! Listings of directories that were begun.

use std::collections::HashMap;

/// Bytes of an entry before its name, and the place of the length of the name in them.
const HEAD: usize = 24;
const NAME_LENGTH: std::ops::Range<usize> = 16..20;

/// Most bytes of all listings together: some hundred thousand entries. Larger directories are listed as the engine does it.
pub(super) const MOST: usize = 32 << 20;

/// The listings that were begun, by the descriptors of their directories.
#[derive(Default)]
pub(super) struct Listings {
    open: HashMap<i32, Listing>,
    size: usize,
}

/// The entries of a directory when its listing began, as the program reads them.
pub(super) struct Listing {
    bytes: Vec<u8>,
    /// Where each entry begins.
    begins: Vec<u32>,
}

impl Listing {
    pub fn of(bytes: Vec<u8>) -> Listing {
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
    pub fn from(&self, cookie: i64) -> &[u8] {
        let begin = usize::try_from(cookie).ok().and_then(|at| self.begins.get(at));
        begin.map_or(&[], |at| &self.bytes[*at as usize..])
    }
}

impl Listings {
    pub fn get(&self, fd: i32) -> Option<&Listing> {
        self.open.get(&fd)
    }

    pub fn forget(&mut self, fd: i32) -> Option<Listing> {
        let listing = self.open.remove(&fd)?;
        self.size -= listing.size();
        Some(listing)
    }

    /// Keeps a listing, unless too much is kept already.
    pub fn keep(&mut self, fd: i32, listing: Listing) {
        self.forget(fd);
        if self.size + listing.size() <= MOST {
            self.size += listing.size();
            self.open.insert(fd, listing);
        }
    }
}
