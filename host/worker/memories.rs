//! Memories of guests that wpool itself maps, for instances that are put back after their tasks: their pages can be watched,
//! and they can shrink to what they were.
//!
//! Each has a guest's whole address space reserved, so it never moves and compiled code needs no checks. What an instance
//! gives back is kept for the next.
#![allow(unsafe_code, reason = "mapping memory, and the engine's interface for who does")]

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap_anonymous, mprotect, munmap};
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

use crate::limits::MAX_MEMORY;

/// Bytes before and behind a memory that nobody can use: the engine's own default.
pub(super) const GUARD: usize = 32 << 20;

/// Of a memory that goes, so many bytes are filled with zeros; the kernel takes the rest away, and would have to bring back
/// what is used again. As many bytes stay resident in instances that the engine maps (`engine.rs`).
const MOST_CLEARED: usize = 4 << 20;
/// Of what a task has added to a memory, so many: allocators take a page or a few at a time, and use the first ones.
const MOST_CLEARED_OF_GROWTH: usize = 256 << 10;

/// All memories of this process.
#[derive(Debug, Default)]
pub(crate) struct Memories {
    regions: Mutex<Vec<Arc<Region>>>,
    /// How many were ever taken.
    taken: AtomicU64,
}

/// Address space for one memory, of which the first bytes can be used.
#[derive(Debug)]
pub(crate) struct Region {
    at: usize,
    /// How far the memory can grow.
    capacity: usize,
    /// Bytes before and behind that, which nobody can use: compiled code relies on those behind, and those before are for
    /// the day when it is wrong.
    guard: usize,
    size: AtomicUsize,
    /// As which it was taken, from 1; 0 while it is nobody's.
    taken: AtomicU64,
}

impl Memories {
    /// Reserves so many before they are asked for, so that a machine that cannot have them says so at the start.
    pub fn reserve(&self, count: usize) -> io::Result<()> {
        let reserved = (0..count).map(|_| Ok(Arc::new(Region::reserve(MAX_MEMORY as usize, GUARD)?)));
        self.lock().extend(reserved.collect::<io::Result<Vec<_>>>()?);
        Ok(())
    }

    /// The memory that begins at this address.
    pub fn at(&self, address: *const u8) -> Option<Arc<Region>> {
        self.lock().iter().find(|region| region.at == address as usize).cloned()
    }

    /// The memories of all instances that there are, in the order in which they were made.
    pub fn of_instances(&self) -> Vec<Arc<Region>> {
        let mut regions = self.lock().clone();
        regions.retain(|region| region.is_taken());
        regions.sort_by_key(|region| region.taken.load(Ordering::Relaxed));
        regions
    }

    fn take(&self, capacity: usize, guard: usize) -> io::Result<Arc<Region>> {
        let mut regions = self.lock();
        let fits = |region: &&Arc<Region>| region.capacity == capacity && region.guard == guard && !region.is_taken();
        let free = regions.iter().find(fits).cloned();
        let region = match free {
            Some(region) => region,
            None => {
                regions.push(Arc::new(Region::reserve(capacity, guard)?));
                regions[regions.len() - 1].clone()
            }
        };
        region.taken.store(1 + self.taken.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Ok(region)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Region>>> {
        self.regions.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Region {
    fn reserve(capacity: usize, guard: usize) -> io::Result<Region> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new mapping, which nobody can use yet.
        let begin = unsafe { mmap_anonymous(ptr::null_mut(), guard + capacity + guard, ProtFlags::empty(), flags)? };
        Ok(Region { at: begin as usize + guard, capacity, guard, size: AtomicUsize::new(0), taken: AtomicU64::new(0) })
    }

    /// Bytes that can be used.
    pub fn size(&self) -> usize {
        self.size.load(Ordering::Relaxed)
    }

    /// Where it begins.
    pub fn address(&self) -> *mut u8 {
        self.at as *mut u8
    }

    fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed) != 0
    }

    /// Makes more of it usable, which holds zeros.
    fn grow(&self, size: usize) -> io::Result<()> {
        let before = self.size();
        if size > self.capacity {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let grown = self.set_rights(before, size, MprotectFlags::READ | MprotectFlags::WRITE);
        if grown.is_err() {
            // Of several mappings, some may have been changed.
            self.set_rights(before, size, MprotectFlags::empty())?;
            return grown;
        }
        self.size.store(size, Ordering::Relaxed);
        Ok(())
    }

    /// Makes it as small as it was before it has grown. The engine has to be told. What is cut off must be writable.
    pub fn cut(&self, size: usize) -> io::Result<()> {
        self.shrink(size, MOST_CLEARED_OF_GROWTH)
    }

    /// Makes it smaller. The first `cleared` bytes that are cut off are filled with zeros and stay resident.
    fn shrink(&self, size: usize, cleared: usize) -> io::Result<()> {
        let before = self.size();
        let cleared = cleared.min(before.saturating_sub(size));
        let (from, rest) = (self.at + size, self.at + size + cleared);
        // SAFETY: the bytes are of this mapping, and writable. No guest runs, so nobody else looks at them.
        unsafe { ptr::write_bytes(from as *mut u8, 0, cleared) };
        if self.at + before > rest {
            // SAFETY: the pages are of this mapping, private and of no file: zeros come in their place.
            unsafe { madvise(rest as *mut _, self.at + before - rest, Advice::LinuxDontNeed)? };
        }
        self.set_rights(size, before, MprotectFlags::empty())?;
        self.size.store(size, Ordering::Relaxed);
        Ok(())
    }

    fn set_rights(&self, from: usize, to: usize, rights: MprotectFlags) -> io::Result<()> {
        if from < to {
            // SAFETY: it is a part of this mapping, whose rights nobody depends on beyond `size`.
            unsafe { mprotect((self.at + from) as *mut _, to - from, rights)? };
        }
        Ok(())
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: whoever holds a memory of it holds the region.
        let _ = unsafe { munmap((self.at - self.guard) as *mut _, self.guard + self.capacity + self.guard) };
    }
}

/// A region while it is an instance's.
struct Taken(Arc<Region>);

impl Drop for Taken {
    fn drop(&mut self) {
        // One that cannot be cleared is nobody's any more.
        if self.0.shrink(0, MOST_CLEARED).is_ok() {
            self.0.taken.store(0, Ordering::Relaxed);
        }
    }
}

// SAFETY: the bytes up to the size are readable and writable, those up to capacity and guard behind it are mapped without
// any rights, and the beginning never moves.
unsafe impl LinearMemory for Taken {
    fn byte_size(&self) -> usize {
        self.0.size()
    }

    fn byte_capacity(&self) -> usize {
        self.0.capacity
    }

    fn grow_to(&mut self, size: usize) -> wasmtime::Result<()> {
        Ok(self.0.grow(size)?)
    }

    fn as_ptr(&self) -> *mut u8 {
        self.0.address()
    }
}

// SAFETY: as above, with the room that the engine asks for; a new memory holds zeros.
unsafe impl MemoryCreator for Memories {
    fn new_memory(
        &self,
        _: MemoryType,
        minimum: usize,
        _: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let capacity = reserved.ok_or("a memory without a reservation")?;
        let region = self.take(capacity, guard).map_err(|error| error.to_string())?;
        let memory = Taken(region);
        memory.0.grow(minimum).map_err(|error| error.to_string())?;
        Ok(Box::new(memory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_holds_zeros_wherever_it_grows_and_whoever_had_it_before() {
        let memories = Memories::default();
        for size in [64 << 10, 6 << 20] {
            for _ in 0..3 {
                let region = memories.take(8 << 20, 1 << 20).unwrap();
                let taken = Taken(region.clone());
                region.grow(64 << 10).unwrap();
                // SAFETY: as large as that it is.
                let bytes = unsafe { std::slice::from_raw_parts_mut(region.at as *mut u8, 64 << 10) };
                assert!(bytes.iter().all(|byte| *byte == 0));
                bytes.fill(1);
                region.grow((64 << 10) + size).unwrap();
                // SAFETY: as above.
                let more = unsafe { std::slice::from_raw_parts_mut((region.at + (64 << 10)) as *mut u8, size) };
                assert!(more.iter().all(|byte| *byte == 0));
                more.fill(2);
                region.cut(64 << 10).unwrap();
                assert_eq!(taken.byte_size(), 64 << 10);
                region.grow((64 << 10) + size).unwrap();
                assert!(more.iter().all(|byte| *byte == 0));
                drop(taken);
            }
        }
        assert_eq!(memories.lock().len(), 1, "it was used again");
        let region = memories.take(8 << 20, 1 << 20).unwrap();
        assert!(region.grow((8 << 20) + 1).is_err());
        assert!(memories.at(region.at as *const u8).is_some() && memories.at(ptr::null()).is_none());
    }
}
