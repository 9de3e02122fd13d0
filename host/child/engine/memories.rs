//! Memories of guests that wpool itself maps, for instances that are put back after their tasks. Their pages can be
//! watched, and they can shrink to their earlier size.
//!
//! Each memory reserves a guest's whole address space, so it never moves and compiled code needs no checks. An instance
//! gives its memory back with the rights it has, and the next instance takes it: instances of one program begin with
//! the same size.
#![allow(unsafe_code, reason = "mapping memory, and the engine's interface for who does")]

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap, mmap_anonymous, mprotect, munmap};
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

use super::layer::{Layer, Stored};
use crate::model::limits::MAX_MEMORY;
use crate::model::lock::lock;
use crate::protocol::contents::MemoryContents;

/// Bytes before and behind a memory that nobody can use: the engine's own default.
pub(crate) const GUARD: usize = 32 << 20;

/// A released memory up to this size is filled with zeros. From a larger one the kernel takes the pages away, and
/// brings back those that are used again. Most programs use a dozen pages of a larger one.
const MOST_CLEARED: usize = 256 << 10;
/// The same limit for the bytes that a task has added to a memory. Allocators take a page or a few at a time, and use
/// the first ones.
const MOST_CLEARED_OF_GROWTH: usize = 256 << 10;

/// All memories of this process.
#[derive(Debug, Default)]
pub(crate) struct Memories {
    regions: Mutex<Vec<Arc<Region>>>,
    /// The number of memories taken so far.
    taken: AtomicU64,
    /// The initial contents of an instance's memories.
    start: Option<Layer>,
    /// Memories that the instance has which is being made.
    made: AtomicUsize,
}

/// Address space for one memory. Only its first bytes can be used.
#[derive(Debug)]
pub(crate) struct Region {
    at: usize,
    /// The largest size of the memory, in bytes.
    capacity: usize,
    /// Unusable bytes before and behind that. Compiled code relies on those behind; those before are for the day when
    /// it is wrong.
    guard: usize,
    size: AtomicUsize,
    /// Bytes mapped read-write (the write watch may make some of them read-only). Equals `size` while an instance owns
    /// the region.
    open: AtomicUsize,
    /// Some of these bytes are mapped from a file.
    of_file: AtomicBool,
    /// The number of the taking, from 1; 0 while the region is free.
    taken: AtomicU64,
}

impl Memories {
    /// Memories that begin with the contents of a layer.
    pub fn new(start: Option<Layer>) -> Memories {
        Memories { start, ..Memories::default() }
    }

    /// The initial contents of an instance's memories, if the image is made for memories of ours.
    pub fn start(&self) -> Option<&Layer> {
        self.start.as_ref()
    }

    /// To be called before an instance is made. Instances are made one after the other, each with its memories in the
    /// same order.
    pub fn begin_instance(&self) {
        self.made.store(0, Ordering::Relaxed);
    }

    /// Reserves `count` memories in advance, so that a machine without room for them fails at the start.
    pub fn reserve(&self, count: usize) -> io::Result<()> {
        let reserved = (0..count).map(|_| Ok(Arc::new(Region::reserve(MAX_MEMORY as usize, GUARD)?)));
        self.lock().extend(reserved.collect::<io::Result<Vec<_>>>()?);
        Ok(())
    }

    /// The memory that begins at this address.
    pub fn at(&self, address: *const u8) -> Option<Arc<Region>> {
        self.lock().iter().find(|region| region.at == address as usize).cloned()
    }

    /// The memories of all instances, in the order in which they were made.
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
        lock(&self.regions)
    }
}

impl Region {
    fn reserve(capacity: usize, guard: usize) -> io::Result<Region> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new mapping, which nobody can use yet.
        let begin = unsafe { mmap_anonymous(ptr::null_mut(), guard + capacity + guard, ProtFlags::empty(), flags)? };
        Ok(Region {
            at: begin as usize + guard,
            capacity,
            guard,
            size: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            of_file: AtomicBool::new(false),
            taken: AtomicU64::new(0),
        })
    }

    /// Bytes that can be used.
    pub fn size(&self) -> usize {
        self.size.load(Ordering::Relaxed)
    }

    /// The address of its first byte.
    pub fn address(&self) -> *mut u8 {
        self.at as *mut u8
    }

    fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed) != 0
    }

    /// Makes exactly its first `size` bytes usable. Bytes that were unusable before hold zeros.
    fn resize(&self, size: usize) -> io::Result<()> {
        let open = self.open.load(Ordering::Relaxed);
        if size > self.capacity {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.set_rights(size, open, MprotectFlags::empty())?;
        let granted = self.set_rights(open, size, MprotectFlags::READ | MprotectFlags::WRITE);
        if granted.is_err() {
            // The region may have several mappings, and some may have been changed.
            self.set_rights(open, size, MprotectFlags::empty())?;
            return granted;
        }
        self.open.store(size, Ordering::Relaxed);
        self.size.store(size, Ordering::Relaxed);
        Ok(())
    }

    /// Shrinks the memory to a size that it had before it grew. The caller must tell the engine. The bytes that are cut
    /// off must be writable.
    pub fn cut(&self, size: usize) -> io::Result<()> {
        let cleared = MOST_CLEARED_OF_GROWTH.min(self.size().saturating_sub(size));
        self.clear(size, cleared)?;
        self.resize(size)
    }

    /// Makes the memory hold what a layer says of it. No guest may run, the bytes must be writable, and the caller must
    /// tell the engine of the size.
    pub fn lay(&self, layer: &Layer, number: usize) -> io::Result<()> {
        let memory = layer.memory(number)?;
        self.blank()?;
        self.resize(usize::try_from(memory.size).map_err(io::Error::other)?)?;
        self.fill(layer, memory)
    }

    /// Puts the blocks of a layer into the memory, which holds nothing but zeros.
    fn fill(&self, layer: &Layer, memory: &MemoryContents) -> io::Result<()> {
        for block in &memory.blocks {
            let (at, length) = (block.at as usize, block.length as usize);
            if at.checked_add(length).is_none_or(|end| end > self.size()) {
                return Err(io::Error::other("contents outside of their memory"));
            }
            match layer.place(block)? {
                Stored::Bytes(bytes) => {
                    // SAFETY: so many bytes are of this mapping, and writable. No guest runs.
                    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), (self.at + at) as *mut u8, length) };
                }
                Stored::File(file, from) => {
                    self.of_file.store(true, Ordering::Relaxed);
                    let rights = ProtFlags::READ | ProtFlags::WRITE;
                    let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE;
                    // SAFETY: these bytes are of this mapping, and no guest runs. A write to them copies their page.
                    unsafe { mmap((self.at + at) as *mut _, length, rights, flags, file, from)? };
                }
            }
        }
        Ok(())
    }

    /// Fills the memory with zeros. It must be writable, and may end without any rights.
    fn blank(&self) -> io::Result<()> {
        let size = self.size();
        if !self.of_file.load(Ordering::Relaxed) {
            return self.clear(0, if size <= MOST_CLEARED { size } else { 0 });
        }
        let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE;
        // SAFETY: these bytes are of this mapping, and no guest runs. Without rights, they are as at the beginning.
        unsafe { mmap_anonymous(self.at as *mut _, size, ProtFlags::empty(), flags)? };
        self.of_file.store(false, Ordering::Relaxed);
        self.open.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// Frees the region, which must be writable.
    fn release(&self) -> io::Result<()> {
        self.blank()?;
        self.size.store(0, Ordering::Relaxed);
        self.taken.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// Fills it with zeros from an offset on. The first `filled` of these bytes stay resident.
    fn clear(&self, from: usize, filled: usize) -> io::Result<()> {
        let (begin, rest, end) = (self.at + from, self.at + from + filled, self.at + self.size());
        // SAFETY: the bytes are of this mapping, and writable. No guest runs, so nobody else looks at them.
        unsafe { ptr::write_bytes(begin as *mut u8, 0, filled) };
        if end > rest {
            // SAFETY: the pages are of this mapping, private and of no file: zeros come in their place.
            unsafe { madvise(rest as *mut _, end - rest, Advice::LinuxDontNeed)? };
        }
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

/// A region while an instance owns it.
struct Taken(Arc<Region>);

impl Drop for Taken {
    fn drop(&mut self) {
        // A region that cannot be cleared stays taken, so nobody uses it again.
        let _ = self.0.release();
    }
}

// SAFETY: the bytes up to the size are readable and writable, those up to capacity and guard behind it are mapped
// without any rights, and the beginning never moves.
unsafe impl LinearMemory for Taken {
    fn byte_size(&self) -> usize {
        self.0.size()
    }

    fn byte_capacity(&self) -> usize {
        self.0.capacity
    }

    fn grow_to(&mut self, size: usize) -> wasmtime::Result<()> {
        Ok(self.0.resize(size)?)
    }

    fn as_ptr(&self) -> *mut u8 {
        self.0.address()
    }
}

// SAFETY: as above, with the room that the engine asks for. A new memory holds zeros but for the data that the compiler
// has taken out of the module: what the engine would write into it before any code of a guest runs.
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
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let begun = memory.0.resize(minimum).and_then(|()| match &self.start {
            Some(start) => memory.0.fill(start, start.memory(number)?),
            None => Ok(()),
        });
        begun.map_err(|error| error.to_string())?;
        Ok(Box::new(memory))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;
    use crate::protocol::contents::{ContentsWriter, Span};

    #[test]
    fn a_memory_holds_zeros_wherever_it_grows_and_whoever_had_it_before() {
        let memories = Memories::default();
        for size in [64 << 10, 6 << 20] {
            for _ in 0..3 {
                let region = memories.take(8 << 20, 1 << 20).unwrap();
                let taken = Taken(region.clone());
                region.resize(64 << 10).unwrap();
                // SAFETY: as large as that it is.
                let bytes = unsafe { std::slice::from_raw_parts_mut(region.at as *mut u8, 64 << 10) };
                assert!(bytes.iter().all(|byte| *byte == 0));
                bytes.fill(1);
                region.resize((64 << 10) + size).unwrap();
                // SAFETY: as above.
                let more = unsafe { std::slice::from_raw_parts_mut((region.at + (64 << 10)) as *mut u8, size) };
                assert!(more.iter().all(|byte| *byte == 0));
                more.fill(2);
                region.cut(64 << 10).unwrap();
                assert_eq!(taken.byte_size(), 64 << 10);
                region.resize((64 << 10) + size).unwrap();
                assert!(more.iter().all(|byte| *byte == 0));
                drop(taken);
            }
        }
        assert_eq!(memories.lock().len(), 1, "it was used again");
        let region = memories.take(8 << 20, 1 << 20).unwrap();
        assert!(region.resize((8 << 20) + 1).is_err());
        assert!(memories.at(region.at as *const u8).is_some() && memories.at(ptr::null()).is_none());
    }

    /// A layer for a memory of four pages of a guest, with these bytes at the beginning.
    fn layer(bytes: &[u8]) -> Layer {
        let mut contents = vec![0; 256 << 10];
        contents[..bytes.len()].copy_from_slice(bytes);
        let mut writer = ContentsWriter::default();
        writer.memory(&contents, 1 << 20).unwrap();
        let encoded = writer.finish();
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&encoded, 0).unwrap();
        Layer::open(file.into(), Span { at: 0, length: encoded.len() as u64 }).unwrap()
    }

    #[test]
    fn a_state_is_all_that_a_memory_holds_and_leaves_with_it() {
        // The first is copied, the second is mapped.
        for length in [100, 200 << 10] {
            let (start, state) = (layer(&[7; 300]), layer(&vec![9; length]));
            let memories = Memories::new(Some(start));
            for _ in 0..3 {
                memories.begin_instance();
                let ty = MemoryType::new(4, None);
                let memory = memories.new_memory(ty, 256 << 10, None, Some(8 << 20), 1 << 20).unwrap();
                let region = memories.at(memory.as_ptr()).unwrap();
                // SAFETY: as large as that it is.
                let bytes = unsafe { std::slice::from_raw_parts_mut(memory.as_ptr(), 256 << 10) };
                assert!(bytes[..300].iter().all(|byte| *byte == 7) && bytes[300..].iter().all(|byte| *byte == 0));
                bytes.fill(1);
                for _ in 0..2 {
                    region.lay(&state, 0).unwrap();
                    let (held, rest) = bytes.split_at(length);
                    assert!(held.iter().all(|byte| *byte == 9) && rest.iter().all(|byte| *byte == 0));
                    bytes.fill(2);
                }
                assert!(region.lay(&state, 1).is_err(), "there is one memory");
                drop(memory);
            }
            assert_eq!(memories.lock().len(), 1);
        }
    }
}
