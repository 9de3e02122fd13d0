//! Pages of a guest's memory that are watched for writes, and put back.
//!
//! The pages are made read-only. The first write to a page raises a fault. Its handler keeps a copy of the page, makes
//! the page writable, and lets the write happen. From then on the page is copied back after each task. So a program
//! that writes the same pages in each task soon has no more faults.
//!
//! A fault costs as much as some dozens of copies, so a program that writes one page after the other gets more and more
//! pages with each fault. Neighbouring pages also share a mapping of the kernel, of which a process has a limited
//! number.
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
use std::slice;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, compiler_fence};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect};
use rustix::param::page_size;

use crate::model::isolation::WATCHED_PAGE;
use crate::model::limits::MAX_MEMORY;

const PAGE: usize = WATCHED_PAGE;
/// Most pages that are copied back, and so the most memory that a worker takes for copies: 128 MiB. Measured up to this
/// number, putting back takes less time than a fresh instance, whose pages fault in every task.
pub(crate) const MAX_PAGES: usize = 1 << 15;
/// Most runs of neighbouring pages. Each adds two mappings to the process, and the kernel's usual limit of 65 530 must
/// leave room for the mappings of everything else: an allocation that fails would end the worker.
const MAX_RUNS: usize = 24_000;
/// Most memories that can be watched at a time.
pub(crate) const MAX_WATCHED: usize = 4;
/// Most pages that one fault makes writable: enough that its cost no longer counts among theirs.
const MAX_AHEAD: usize = 32;
/// Room for the pages of one memory.
const PAGES_OF_MEMORY: usize = MAX_MEMORY as usize / PAGE;

/// The watched memories and the written pages, for the fault handler.
static LEDGER: OnceLock<Ledger> = OnceLock::new();

/// Made for the first watch, and used for all. Pages are numbered: those of the first memory from 0, those of the second
/// from [`PAGES_OF_MEMORY`].
struct Ledger {
    kept: AtomicBool,
    /// Beginnings and lengths. An entry of length 0 is unused.
    memories: [(AtomicUsize, AtomicUsize); MAX_WATCHED],
    /// Number of pages that are writable since all were protected.
    count: AtomicUsize,
    /// The same pages as runs of neighbours, in the order in which they became writable: the number of the first, and
    /// their number.
    runs: &'static [(AtomicUsize, AtomicUsize)],
    run_count: AtomicUsize,
    /// A bit for each page that is writable.
    writable: &'static [AtomicU64],
    /// The run that the last fault added.
    last: (AtomicUsize, AtomicUsize),
    /// Address of the copies of these pages from before the write, in the order of the runs.
    copies: usize,
    /// Whether more pages were written than there is room for. Then nothing can be put back.
    overflow: AtomicBool,
}

/// Bytes of a worker that the ledger maps. Only the used ones take memory.
pub(crate) const LEDGER_BYTES: u64 = (BITS_BYTES + RUNS_BYTES + MAX_PAGES * PAGE) as u64;
const BITS_BYTES: usize = MAX_WATCHED * PAGES_OF_MEMORY / 8;
const RUNS_BYTES: usize = MAX_RUNS * size_of::<(AtomicUsize, AtomicUsize)>();

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
        let whole = |&(at, length): &(*mut u8, usize)| {
            (at as usize).is_multiple_of(PAGE) && length.is_multiple_of(PAGE) && length <= MAX_MEMORY as usize
        };
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
        let mut copy = ledger.copies;
        for (first, pages) in ledger.runs() {
            // SAFETY: the handler has found the pages in a watched memory, and has filled their copies, which are apart
            // from them.
            unsafe { ptr::copy_nonoverlapping(copy as *const u8, ledger.address(first) as *mut u8, pages * PAGE) };
            copy += pages * PAGE;
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
        ledger.forget();
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
        let (rights, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE | MapFlags::NORESERVE);
        // SAFETY: a new mapping, which stays. Only the used pages of it take memory.
        let at = unsafe { mmap_anonymous(ptr::null_mut(), LEDGER_BYTES as usize, rights, flags)? } as usize;
        let (runs, copies) = (at + BITS_BYTES, at + BITS_BYTES + RUNS_BYTES);
        Ok(Ledger {
            kept: AtomicBool::new(false),
            memories: [const { (AtomicUsize::new(0), AtomicUsize::new(0)) }; MAX_WATCHED],
            count: AtomicUsize::new(0),
            // SAFETY: this part of the mapping is large enough and aligned, and used for nothing else. Zeros are atomics.
            runs: unsafe { slice::from_raw_parts(runs as *const _, MAX_RUNS) },
            run_count: AtomicUsize::new(0),
            // SAFETY: as above.
            writable: unsafe { slice::from_raw_parts(at as *const _, BITS_BYTES / size_of::<AtomicU64>()) },
            last: (AtomicUsize::new(0), AtomicUsize::new(0)),
            copies,
            overflow: AtomicBool::new(false),
        })
    }

    fn memories(&self) -> impl Iterator<Item = (usize, usize)> {
        self.memories.iter().map(|(at, length)| (at.load(Ordering::Relaxed), length.load(Ordering::Relaxed)))
    }

    fn runs(&self) -> impl Iterator<Item = (usize, usize)> {
        let runs = &self.runs[..self.run_count.load(Ordering::Relaxed)];
        runs.iter().map(|(first, pages)| (first.load(Ordering::Relaxed), pages.load(Ordering::Relaxed)))
    }

    fn address(&self, page: usize) -> usize {
        self.memories[page / PAGES_OF_MEMORY].0.load(Ordering::Relaxed) + page % PAGES_OF_MEMORY * PAGE
    }

    fn bit(&self, page: usize) -> (&AtomicU64, u64) {
        (&self.writable[page / 64], 1 << (page % 64))
    }

    fn is_writable(&self, page: usize) -> bool {
        let (word, bit) = self.bit(page);
        word.load(Ordering::Relaxed) & bit != 0
    }

    fn protect(&self, rights: MprotectFlags) -> io::Result<()> {
        for (at, length) in self.memories().filter(|(_, length)| *length > 0) {
            // SAFETY: the memory is mapped, and whoever keeps the watch has promised that nobody else depends on its
            // rights.
            unsafe { mprotect(at as *mut _, length, rights)? };
        }
        Ok(())
    }

    /// Empties the list of writable pages.
    fn forget(&self) {
        for page in self.runs().flat_map(|(first, pages)| first..first + pages) {
            self.bit(page).0.store(0, Ordering::Relaxed);
        }
        for number in [&self.count, &self.run_count, &self.last.0, &self.last.1] {
            number.store(0, Ordering::Relaxed);
        }
    }

    /// Allows a write to this address, if the watch is responsible for it.
    fn admit(&self, address: usize) -> Admitted {
        let place = self.memories().position(|(at, length)| address.wrapping_sub(at) < length);
        let Some(memory) = place.filter(|_| self.kept.load(Ordering::Relaxed)) else { return Admitted::NotWatched };
        let (at, length) = &self.memories[memory];
        let first = memory * PAGES_OF_MEMORY;
        let page = first + (address - at.load(Ordering::Relaxed)) / PAGE;
        if self.overflow.load(Ordering::Relaxed) || self.is_writable(page) {
            return Admitted::NotWatched;
        }
        let pages = self.pages_from(page, first + length.load(Ordering::Relaxed) / PAGE);
        let writable = MprotectFlags::READ | MprotectFlags::WRITE;
        if pages > 0 {
            self.add(page, pages);
            // SAFETY: as in `protect`.
            if unsafe { mprotect(self.address(page) as *mut _, pages * PAGE, writable) }.is_ok() {
                return Admitted::Again;
            }
        }
        // Too many pages, or too many mappings: the instance is dropped after this task.
        self.overflow.store(true, Ordering::Relaxed);
        if self.protect(writable).is_ok() { Admitted::Again } else { Admitted::Never }
    }

    /// Number of pages to make writable from this one on, which is not writable: one, or twice as many as the last time
    /// if they come right behind those. 0 if there is no room.
    fn pages_from(&self, page: usize, end: usize) -> usize {
        let (first, pages) = (self.last.0.load(Ordering::Relaxed), self.last.1.load(Ordering::Relaxed));
        let wanted = if pages > 0 && page == first + pages { MAX_AHEAD.min(2 * pages) } else { 1 };
        if self.run_count.load(Ordering::Relaxed) >= MAX_RUNS {
            return 0;
        }
        let most = wanted.min(end - page).min(MAX_PAGES - self.count.load(Ordering::Relaxed));
        (0..most).take_while(|ahead| !self.is_writable(page + ahead)).count()
    }

    /// Copies pages aside, and notes that they are writable.
    fn add(&self, page: usize, pages: usize) {
        let (count, runs) = (self.count.load(Ordering::Relaxed), self.run_count.load(Ordering::Relaxed));
        let copy = self.copies + count * PAGE;
        // SAFETY: the pages are mapped and readable, and there is a copy's place for each of `MAX_PAGES`.
        unsafe { ptr::copy_nonoverlapping(self.address(page) as *const u8, copy as *mut u8, pages * PAGE) };
        for page in page..page + pages {
            let (word, bit) = self.bit(page);
            word.store(word.load(Ordering::Relaxed) | bit, Ordering::Relaxed);
        }
        self.count.store(count + pages, Ordering::Relaxed);
        self.last.0.store(page, Ordering::Relaxed);
        self.last.1.store(pages, Ordering::Relaxed);
        let before = runs.checked_sub(1).map(|at| &self.runs[at]);
        let joined = before.filter(|run| run.0.load(Ordering::Relaxed) + run.1.load(Ordering::Relaxed) == page);
        match joined {
            // The page before is of the same memory: nothing else stands before the first page of one.
            Some((_, length)) if !page.is_multiple_of(PAGES_OF_MEMORY) => {
                length.store(length.load(Ordering::Relaxed) + pages, Ordering::Relaxed);
            }
            _ => {
                self.runs[runs].0.store(page, Ordering::Relaxed);
                self.runs[runs].1.store(pages, Ordering::Relaxed);
                self.run_count.store(runs + 1, Ordering::Relaxed);
            }
        }
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
        const PAGES: usize = 2 * MAX_RUNS + 100;
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
        // Neighbours come along, up to a page that is writable already and to the end of the memory, and all of them are
        // put back.
        write(first, 20, 0xff);
        (11..20).for_each(|page| write(first, page, 0xff));
        assert_eq!(watch.written(), 10);
        (PAGES - 3..PAGES).for_each(|page| write(first, page, 0xff));
        (0..3).for_each(|page| write(second, page, 0xff));
        assert_eq!(watch.written(), 16);
        (100..200).for_each(|page| write(first, page, 0xff));
        assert!((116..16 + 100 + MAX_AHEAD).contains(&watch.written()), "{}", watch.written());
        assert!(watch.restore() && (0..PAGES).all(|page| read(first, page) == page as u8));
        assert!((0..3).all(|page| read(second, page) == page as u8) && watch.learn_anew());
        (0..MAX_PAGES).for_each(|page| write(first, page, 0xff));
        assert!(watch.restore() && (0..PAGES).all(|page| read(first, page) == page as u8));
        (0..=MAX_PAGES).for_each(|page| write(first, page, 0xff));
        assert!(!watch.restore(), "one page too many");
        drop(watch);
        (0..PAGES).for_each(|page| write(first, page, page as u8));
        // SAFETY: as above.
        let watch = unsafe { Watch::keep(&memories) }.unwrap();
        (0..MAX_RUNS).for_each(|page| write(first, 2 * page, 0xff));
        assert!(watch.restore() && (0..PAGES).all(|page| read(first, page) == page as u8));
        write(first, 2 * MAX_RUNS, 0xff);
        assert!(!watch.restore(), "one run too many");
        drop(watch);
        write(first, 150, 1);
        // SAFETY: as above.
        let odd = unsafe { Watch::keep(&[(first.wrapping_add(1), PAGE)]) };
        assert!(odd.is_none(), "not whole pages");
    }
}
