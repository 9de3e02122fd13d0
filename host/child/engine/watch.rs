//! Pages of a guest's memory that are watched for writes, and put back.
//!
//! The pages are made read-only. The first write to a page raises a fault. Its handler keeps a copy of the page, makes
//! the page writable, and lets the write happen. From then on the page is copied back after each task. So a program
//! that writes the same pages in each task soon has no more faults.
//!
//! [`crate::isolation`] says why this finds every write. The guest's code and the host's code fault in the same way.
//! The kernel does not: a system call that would write to a watched page fails with EFAULT. wpool makes no such call:
//! the kernel could read only files into a guest's memory, and a program with directories is not watched.
//!
//! A single thread runs guests, so the handler interrupts only the thread for which it works. The atomics here order
//! nothing. They keep the compiler from assuming that nobody else writes.
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
/// Most pages that are copied back. Copying so many takes longer than making an instance of a small program. A program
/// that writes more in its tasks works longer than that anyway.
pub(crate) const MAX_PAGES: usize = 1 << 10;
/// Most memories that can be watched at a time.
pub(crate) const MAX_WATCHED: usize = 4;

/// The watched memories and the written pages, for the fault handler.
static LEDGER: OnceLock<Ledger> = OnceLock::new();

/// Made for the first watch, and used for all.
struct Ledger {
    kept: AtomicBool,
    /// Beginnings and lengths. An entry of length 0 is unused.
    memories: [(AtomicUsize, AtomicUsize); MAX_WATCHED],
    /// Number of pages written since they were protected.
    count: AtomicUsize,
    pages: [AtomicUsize; MAX_PAGES],
    /// Address of the copies of these pages from before the write, in the same order.
    copies: usize,
    /// Whether more pages were written than `pages` can hold. Then nothing can be put back.
    overflow: AtomicBool,
}

/// Watches an instance's memories until it is dropped. A process has one at a time.
#[derive(Debug)]
pub(crate) struct Watch(());

impl Watch {
    /// Starts to watch. Returns `None` if there is another watch, if there are too many memories, or if one does not
    /// consist of whole pages.
    ///
    /// # Safety
    /// Each memory is mapped, readable and writable, as long as the watch is kept, and nobody else depends on its
    /// rights; the calling thread alone writes to it meanwhile.
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

    /// Puts the written pages back. Returns false, without putting anything back, if there were too many.
    pub fn restore(&self) -> bool {
        compiler_fence(Ordering::SeqCst);
        let Some(ledger) = LEDGER.get().filter(|ledger| !ledger.overflow.load(Ordering::Relaxed)) else { return false };
        for (at, page) in ledger.pages.iter().take(self.written()).enumerate() {
            let (copy, page) = (ledger.copies + at * PAGE, page.load(Ordering::Relaxed));
            // SAFETY: the handler has found the page in a watched memory, and has filled the copy, which is apart from
            // it.
            unsafe { ptr::copy_nonoverlapping(copy as *const u8, page as *mut u8, PAGE) };
        }
        compiler_fence(Ordering::SeqCst);
        true
    }

    /// Number of pages that are copied back after each task.
    pub fn written(&self) -> usize {
        LEDGER.get().map_or(0, |ledger| ledger.count.load(Ordering::Relaxed))
    }

    /// Forgets which pages are written. To be called after [`Watch::restore`]. Returns false if the system refuses it.
    pub fn learn_anew(&self) -> bool {
        let Some(ledger) = LEDGER.get() else { return false };
        ledger.count.store(0, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        ledger.protect(MprotectFlags::READ).is_ok()
    }
}

impl Drop for Watch {
    /// Leaves the memories writable, as they were at the beginning.
    fn drop(&mut self) {
        let Some(ledger) = LEDGER.get() else { return };
        // The system allowed these rights before, so it refuses them only for want of memory. The next write would then
        // end the worker, and its task would run again elsewhere.
        let _ = ledger.protect(MprotectFlags::READ | MprotectFlags::WRITE);
        ledger.kept.store(false, Ordering::Relaxed);
    }
}

impl Ledger {
    fn new() -> io::Result<Ledger> {
        let rights = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, which stays. Only the written pages of it take memory.
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

    /// Allows a write to this address, if the watch is responsible for it.
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
        // Too many pages, or too many mappings: the instance is dropped after this task.
        self.overflow.store(true, Ordering::Relaxed);
        if self.protect(writable).is_ok() { Admitted::Again } else { Admitted::Never }
    }
}

/// The decision on an access that a page's rights do not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// The watch is not responsible.
    NotWatched,
    /// The access may be tried again.
    Again,
    /// It was a write that must be allowed, and the system refuses it.
    Never,
}

/// Decides on such an access. The fault handler calls this.
///
/// So everything in here must be allowed in a handler: system calls and copying, no allocation, no lock.
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

    /// A single test, because a process has one watch.
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
