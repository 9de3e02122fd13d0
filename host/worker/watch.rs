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
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, compiler_fence};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use rustix::param::page_size;

/// The kernel's page, on x86-64 always and on most of aarch64. Where it is another nothing is watched: what would be made
/// writable by a fault would be more than what was copied.
const PAGE: usize = 4 << 10;
/// Pages that are copied back at most. Copying as many costs what a fresh instance does.
pub(super) const MAX_PAGES: usize = 128;
/// Memories that can be watched at a time.
const MAX_MEMORIES: usize = 4;

/// The watch that is kept now. The fault handler finds it here.
static CURRENT: AtomicPtr<Ledger> = AtomicPtr::new(ptr::null_mut());

/// What is watched and what was written, as the fault handler uses it.
struct Ledger {
    /// Beginnings and lengths.
    memories: [(usize, usize); MAX_MEMORIES],
    /// Pages that were written since they were protected.
    count: AtomicUsize,
    pages: [AtomicUsize; MAX_PAGES],
    /// What stood in them before, in the same order.
    copies: *mut u8,
    /// More pages were written than there are places: nothing can be put back any more.
    overflow: AtomicBool,
}

/// Watches an instance's memories until it is dropped; there is one at a time. They must stay mapped as long.
#[derive(Debug)]
pub(super) struct Watch(NonNull<Ledger>);

// SAFETY: it owns what it points to. That faults are handled on the thread that runs guests is for whoever holds it.
unsafe impl Send for Watch {}

impl Watch {
    /// Starts to watch. `None` when there is another watch, too much to be watched, or something that is not made of
    /// whole pages.
    ///
    /// # Safety
    /// Each memory is mapped, readable and writable by this process alone, and stays so until the watch is dropped;
    /// nobody but the calling thread writes to it meanwhile.
    pub unsafe fn keep(memories: &[(*mut u8, usize)]) -> Option<Watch> {
        let whole = |&(at, length): &(*mut u8, usize)| at as usize % PAGE == 0 && length % PAGE == 0;
        let is_kept = !CURRENT.load(Ordering::Relaxed).is_null();
        if is_kept || page_size() != PAGE || memories.len() > MAX_MEMORIES || !memories.iter().all(whole) {
            return None;
        }
        let mut places = [(0, 0); MAX_MEMORIES];
        places.iter_mut().zip(memories).for_each(|(place, &(at, length))| *place = (at as usize, length));
        let rights = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping of our own.
        let copies =
            unsafe { mmap_anonymous(ptr::null_mut(), MAX_PAGES * PAGE, rights, MapFlags::PRIVATE).ok()? }.cast::<u8>();
        let ledger = Box::new(Ledger {
            memories: places,
            count: AtomicUsize::new(0),
            pages: [const { AtomicUsize::new(0) }; MAX_PAGES],
            copies,
            overflow: AtomicBool::new(false),
        });
        let watch = Watch(NonNull::from(Box::leak(ledger)));
        CURRENT.store(watch.0.as_ptr(), Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        watch.ledger().protect(MprotectFlags::READ).ok()?;
        Some(watch)
    }

    fn ledger(&self) -> &Ledger {
        // SAFETY: made by `keep`, freed by `drop`.
        unsafe { self.0.as_ref() }
    }

    /// Puts back what was written. False when too much was, and nothing was put back.
    pub fn restore(&self) -> bool {
        compiler_fence(Ordering::SeqCst);
        let ledger = self.ledger();
        if ledger.overflow.load(Ordering::Relaxed) {
            return false;
        }
        let written = ledger.pages.iter().take(self.written());
        for (at, page) in written.enumerate() {
            let page = page.load(Ordering::Relaxed) as *mut u8;
            // SAFETY: the handler has found the page in a watched memory, and has filled the copy, which is apart from it.
            unsafe { ptr::copy_nonoverlapping(ledger.copies.add(at * PAGE), page, PAGE) };
        }
        compiler_fence(Ordering::SeqCst);
        true
    }

    /// Pages that are copied back after each task.
    pub fn written(&self) -> usize {
        self.ledger().count.load(Ordering::Relaxed)
    }

    /// Forgets which pages are written. To be called after [`Watch::restore`]. False when the system refuses it.
    pub fn learn_anew(&self) -> bool {
        self.ledger().count.store(0, Ordering::Relaxed);
        self.ledger().protect(MprotectFlags::READ).is_ok()
    }
}

impl Drop for Watch {
    /// Leaves the memories as they were given: writable.
    fn drop(&mut self) {
        let ledger = self.ledger();
        // Nothing can be refused that was allowed before, but for want of memory. What is next to write would end the
        // worker then, and its task would run again elsewhere.
        let _ = ledger.protect(MprotectFlags::READ | MprotectFlags::WRITE);
        CURRENT.store(ptr::null_mut(), Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        // SAFETY: the handler knows it no more, `keep` has mapped the copies and made the box.
        unsafe {
            let _ = munmap(ledger.copies.cast(), MAX_PAGES * PAGE);
            drop(Box::from_raw(self.0.as_ptr()));
        }
    }
}

impl Ledger {
    fn protect(&self, rights: MprotectFlags) -> io::Result<()> {
        for &(at, length) in self.memories.iter().filter(|(_, length)| *length > 0) {
            // SAFETY: the memory is mapped, and whoever keeps the watch has promised that nobody else depends on its
            // rights.
            unsafe { mprotect(at as *mut _, length, rights)? };
        }
        Ok(())
    }

    /// Lets a write to this address happen. False when it is not for the watch to say.
    fn admit(&self, address: usize) -> bool {
        let is_watched = self.memories.iter().any(|&(at, length)| address.wrapping_sub(at) < length);
        let page = address & !(PAGE - 1);
        let count = self.count.load(Ordering::Relaxed);
        if !is_watched || self.overflow.load(Ordering::Relaxed) {
            return false;
        }
        let writable = MprotectFlags::READ | MprotectFlags::WRITE;
        if let Some(place) = self.pages.get(count) {
            // SAFETY: the page is mapped and readable, there is a copy's place for each of `pages`.
            unsafe { ptr::copy_nonoverlapping(page as *const u8, self.copies.add(count * PAGE), PAGE) };
            place.store(page, Ordering::Relaxed);
            self.count.store(count + 1, Ordering::Relaxed);
            // SAFETY: as in `protect`.
            if unsafe { mprotect(page as *mut _, PAGE, writable) }.is_ok() {
                return true;
            }
        }
        // Too many pages, or too many mappings: the instance will go after this task.
        self.overflow.store(true, Ordering::Relaxed);
        self.protect(writable).is_ok()
    }
}

/// Called by the fault handler for an access that a page's rights do not allow. True when it may be tried again.
///
/// Everything in here may be done in a handler: system calls and copying, no allocation, no lock.
pub(super) fn admit_write(address: usize) -> bool {
    // SAFETY: it is there until the thread that this handler has interrupted drops its watch.
    let ledger = unsafe { CURRENT.load(Ordering::Relaxed).as_ref() };
    ledger.is_some_and(|ledger| ledger.admit(address))
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
        crate::worker::faults::tell_sent_from_raised().unwrap();
        let (first, second) = (pages(200), pages(3));
        let memories = [(first, 200 * PAGE), (second, 3 * PAGE)];
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
        assert!(watch.restore() && (0..200).all(|page| read(first, page) == page as u8));
        (0..=MAX_PAGES).for_each(|page| write(first, page, 0xff));
        assert!(!watch.restore(), "one page too many");
        drop(watch);
        write(first, 150, 1);
        // SAFETY: as above.
        let odd = unsafe { Watch::keep(&[(first.wrapping_add(1), PAGE)]) };
        assert!(odd.is_none(), "not whole pages");
    }
}
