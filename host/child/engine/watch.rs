//! Pages of a guest's memory that are watched for writes, and put back.
//!
//! The pages are made read-only. The first write to one raises a fault, whose handler keeps a copy of the page as it
//! was, makes it writable, and lets the write happen. From then on the page belongs to those that are copied back after
//! each task, so a program that writes the same pages in each task faults no more.
//!
//! [`crate::isolation`] says why this finds every write. Whoever writes, the guest's code or the host's, faults in the same way. The kernel does not: a system call that is to
//! write to a watched page fails with EFAULT. wpool makes none, because a program that has directories, whose files are
//! the only thing the kernel could read into a guest's memory, is not watched.
//!
//! One thread runs guests, so the handler interrupts only what it works for: the atomics here order nothing, they keep
//! the compiler from assuming that nobody else writes.
#![allow(unsafe_code, reason = "protecting pages, and copying to and from memory that the engine has mapped")]

use std::io;
use std::iter;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, compiler_fence};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect};
use rustix::param::page_size;

use crate::model::isolation::WATCHED_PAGE;

const PAGE: usize = WATCHED_PAGE;
/// Pages that are copied back at most. To copy as many takes longer than to make an instance of a small program; one that
/// writes more in its tasks works longer than that anyway.
pub(crate) const MAX_PAGES: usize = 1 << 10;
/// Memories that can be watched at a time.
pub(crate) const MAX_WATCHED: usize = 4;

/// What is watched and what was written. The fault handler finds it here.
static LEDGER: OnceLock<Ledger> = OnceLock::new();

/// Made for the first watch, and used for all.
struct Ledger {
    kept: AtomicBool,
    /// Beginnings and lengths; a length of 0 is no memory.
    memories: [(AtomicUsize, AtomicUsize); MAX_WATCHED],
    /// Pages that were written since they were protected.
    count: AtomicUsize,
    pages: [AtomicUsize; MAX_PAGES],
    /// Address of what stood in them before, in the same order.
    copies: usize,
    /// More pages were written than there are places: nothing can be put back any more.
    overflow: AtomicBool,
}

/// Watches an instance's memories until it is dropped; there is one at a time.
#[derive(Debug)]
pub(crate) struct Watch(());

impl Watch {
    /// Starts to watch. `None` when there is another watch, too much to be watched, or something that is not made of
    /// whole pages.
    ///
    /// # Safety
    /// Each memory is mapped, readable and writable, as long as the watch is kept, and nobody else depends on its rights;
    /// the calling thread alone writes to it meanwhile.
    pub unsafe fn keep(memories: &[(*mut u8, usize)]) -> Option<Watch> {
        let whole =
            |&(at, length): &(*mut u8, usize)| (at as usize).is_multiple_of(PAGE) && length.is_multiple_of(PAGE);
        if page_size() != PAGE || memories.len() > MAX_WATCHED || !memories.iter().all(whole) {
            return None;
        }
        if LEDGER.get().is_none() {
            let _ = LEDGER.set(Ledger::new().ok()?);
        }
        let ledger = LEDGER.get()?;
        if ledger.kept.swap(true, Ordering::Relaxed) {
            return None;
        }
        let watch = Watch(());
        let none = (ptr::null_mut(), 0);
        for ((at, length), memory) in ledger.memories.iter().zip(memories.iter().chain(iter::repeat(&none))) {
            at.store(memory.0 as usize, Ordering::Relaxed);
            length.store(memory.1, Ordering::Relaxed);
        }
        ledger.overflow.store(false, Ordering::Relaxed);
        watch.learn_anew().then_some(watch)
    }

    /// Puts back what was written. False when too much was, and nothing was put back.
    pub fn restore(&self) -> bool {
        compiler_fence(Ordering::SeqCst);
        let Some(ledger) = LEDGER.get().filter(|ledger| !ledger.overflow.load(Ordering::Relaxed)) else { return false };
        for (at, page) in ledger.pages.iter().take(self.written()).enumerate() {
            let (copy, page) = (ledger.copies + at * PAGE, page.load(Ordering::Relaxed));
            // SAFETY: the handler has found the page in a watched memory, and has filled the copy, which is apart from it.
            unsafe { ptr::copy_nonoverlapping(copy as *const u8, page as *mut u8, PAGE) };
        }
        compiler_fence(Ordering::SeqCst);
        true
    }

    /// Pages that are copied back after each task.
    pub fn written(&self) -> usize {
        LEDGER.get().map_or(0, |ledger| ledger.count.load(Ordering::Relaxed))
    }

    /// Forgets which pages are written. To be called after [`Watch::restore`]. False when the system refuses it.
    pub fn learn_anew(&self) -> bool {
        let Some(ledger) = LEDGER.get() else { return false };
        ledger.count.store(0, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        ledger.protect(MprotectFlags::READ).is_ok()
    }
}

impl Drop for Watch {
    /// Leaves the memories as they were given: writable.
    fn drop(&mut self) {
        let Some(ledger) = LEDGER.get() else { return };
        // Nothing can be refused that was allowed before, but for want of memory. What is next to write would end the
        // worker then, and its task would run again elsewhere.
        let _ = ledger.protect(MprotectFlags::READ | MprotectFlags::WRITE);
        ledger.kept.store(false, Ordering::Relaxed);
    }
}

impl Ledger {
    fn new() -> io::Result<Ledger> {
        let rights = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, which stays. Of it, memory is what is written.
        let copies = unsafe { mmap_anonymous(ptr::null_mut(), MAX_PAGES * PAGE, rights, MapFlags::PRIVATE)? };
        Ok(Ledger {
            kept: AtomicBool::new(false),
            memories: [const { (AtomicUsize::new(0), AtomicUsize::new(0)) }; MAX_WATCHED],
            count: AtomicUsize::new(0),
            pages: [const { AtomicUsize::new(0) }; MAX_PAGES],
            copies: copies as usize,
            overflow: AtomicBool::new(false),
        })
    }

    fn memories(&self) -> impl Iterator<Item = (usize, usize)> {
        self.memories.iter().map(|(at, length)| (at.load(Ordering::Relaxed), length.load(Ordering::Relaxed)))
    }

    fn protect(&self, rights: MprotectFlags) -> io::Result<()> {
        for (at, length) in self.memories().filter(|(_, length)| *length > 0) {
            // SAFETY: the memory is mapped, and whoever keeps the watch has promised that nobody else depends on its
            // rights.
            unsafe { mprotect(at as *mut _, length, rights)? };
        }
        Ok(())
    }

    /// Lets a write to this address happen, if it is for the watch to say.
    fn admit(&self, address: usize) -> Admitted {
        let is_watched = self.memories().any(|(at, length)| address.wrapping_sub(at) < length);
        if !is_watched || !self.kept.load(Ordering::Relaxed) || self.overflow.load(Ordering::Relaxed) {
            return Admitted::NotWatched;
        }
        let (page, count) = (address & !(PAGE - 1), self.count.load(Ordering::Relaxed));
        let writable = MprotectFlags::READ | MprotectFlags::WRITE;
        if let Some(place) = self.pages.get(count) {
            let copy = self.copies + count * PAGE;
            // SAFETY: the page is mapped and readable, and there is a copy's place for each of `pages`.
            unsafe { ptr::copy_nonoverlapping(page as *const u8, copy as *mut u8, PAGE) };
            place.store(page, Ordering::Relaxed);
            self.count.store(count + 1, Ordering::Relaxed);
            // SAFETY: as in `protect`.
            if unsafe { mprotect(page as *mut _, PAGE, writable) }.is_ok() {
                return Admitted::Again;
            }
        }
        // Too many pages, or too many mappings: the instance will go after this task.
        self.overflow.store(true, Ordering::Relaxed);
        if self.protect(writable).is_ok() { Admitted::Again } else { Admitted::Never }
    }
}

/// What becomes of an access that a page's rights do not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// It is somebody else's to say.
    NotWatched,
    /// It may be tried again.
    Again,
    /// It was a write that must be allowed, and the system refuses it.
    Never,
}

/// Called by the fault handler for such an access.
///
/// Everything in here may be done in a handler: system calls and copying, no allocation, no lock.
pub(crate) fn admit_write(address: usize) -> Admitted {
    LEDGER.get().map_or(Admitted::NotWatched, |ledger| ledger.admit(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pages of this process, each filled with its number.
    fn pages(count: usize) -> *mut u8 {
        let rights = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping.
        let at =
            unsafe { mmap_anonymous(ptr::null_mut(), count * PAGE, rights, MapFlags::PRIVATE) }.unwrap().cast::<u8>();
        (0..count).for_each(|page| write(at, page, page as u8));
        at
    }

    fn write(at: *mut u8, page: usize, byte: u8) {
        // SAFETY: the page is one of those that were mapped.
        unsafe { at.add(page * PAGE).write_volatile(byte) };
    }

    fn read(at: *mut u8, page: usize) -> u8 {
        // SAFETY: as above.
        unsafe { at.add(page * PAGE).read_volatile() }
    }

    /// One test, because there is one watch in a process.
    #[test]
    fn what_is_written_is_put_back_unless_it_is_too_much() {
        crate::child::faults::tell_sent_from_raised().unwrap();
        const PAGES: usize = MAX_PAGES + 100;
        let (first, second) = (pages(PAGES), pages(3));
        let memories = [(first, PAGES * PAGE), (second, 3 * PAGE)];
        // SAFETY: both are mapped until the end of the process, and this thread alone writes to them.
        let watch = unsafe { Watch::keep(&memories) }.unwrap();
        // SAFETY: as above.
        assert!(unsafe { Watch::keep(&memories) }.is_none(), "there is one already");
        for round in 0..3 {
            [(first, 7), (first, 199), (second, 1)].into_iter().for_each(|(at, page)| write(at, page, 0xff));
            assert_eq!(watch.written(), 3, "round {round}");
            assert!(watch.restore());
            assert_eq!([read(first, 7), read(first, 199), read(second, 1)], [7, 199, 1]);
        }
        assert!(watch.learn_anew());
        assert_eq!(watch.written(), 0);
        (0..MAX_PAGES).for_each(|page| write(first, page, 0xff));
        assert!(watch.restore() && (0..PAGES).all(|page| read(first, page) == page as u8));
        (0..=MAX_PAGES).for_each(|page| write(first, page, 0xff));
        assert!(!watch.restore(), "one page too many");
        drop(watch);
        write(first, 150, 1);
        // SAFETY: as above.
        let odd = unsafe { Watch::keep(&[(first.wrapping_add(1), PAGE)]) };
        assert!(odd.is_none(), "not whole pages");
    }
}
