//! The allocator.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;
use std::alloc::System;

/// Bytes of it. They are zeros, so they take no room in the program, and only the pages that are used take any at all.
const SIZE: usize = 1 << 20;

struct Arena {
    bytes: UnsafeCell<[u8; SIZE]>,
    /// Where the next allocation begins, before it is aligned.
    used: UnsafeCell<usize>,
}

// SAFETY: programs of this target have one thread.
unsafe impl Sync for Arena {}

#[global_allocator]
static ARENA: Arena = Arena { bytes: UnsafeCell::new([0; SIZE]), used: UnsafeCell::new(0) };

impl Arena {
    /// Where an allocation is in the arena, if it is.
    fn place(&self, at: *mut u8) -> Option<usize> {
        let place = (at as usize).wrapping_sub(self.bytes.get() as usize);
        (place < SIZE).then_some(place)
    }

    /// Takes `size` bytes from `place` on, if there is room.
    fn take(&self, place: usize, size: usize) -> Option<*mut u8> {
        let end = place.checked_add(size).filter(|end| *end <= SIZE)?;
        // SAFETY: nobody else looks at it meanwhile.
        unsafe { *self.used.get() = end };
        Some((self.bytes.get() as usize + place) as *mut u8)
    }
}

// SAFETY: what is handed out lies behind everything that was handed out before and not given back, in the arena or in the
// system's allocator, which is given back what is its own.
unsafe impl GlobalAlloc for Arena {
    // SAFETY: as above.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.bytes.get() as usize;
        // SAFETY: nobody else looks at it meanwhile.
        let used = unsafe { *self.used.get() };
        let place = (base + used).next_multiple_of(layout.align()) - base;
        // SAFETY: the caller keeps the contract, which is the same.
        self.take(place, layout.size()).unwrap_or_else(|| unsafe { System.alloc(layout) })
    }

    // SAFETY: as above.
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        let Some(place) = self.place(at) else {
            // SAFETY: it is the system's, and the caller keeps the contract.
            return unsafe { System.dealloc(at, layout) };
        };
        // SAFETY: nobody else looks at it meanwhile.
        let used = unsafe { &mut *self.used.get() };
        // Only the last one leaves room behind.
        if place + layout.size() == *used {
            *used = place;
        }
    }

    // SAFETY: as above.
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(place) = self.place(at) else {
            // SAFETY: it is the system's, and the caller keeps the contract.
            return unsafe { System.realloc(at, layout, size) };
        };
        // SAFETY: nobody else looks at it meanwhile.
        let is_last = place + layout.size() == unsafe { *self.used.get() };
        if is_last && let Some(at) = self.take(place, size) {
            return at;
        }
        // SAFETY: the size is not 0, and with this alignment no larger than an allocation may be, says the caller.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: both are of at least so many bytes, and apart.
            unsafe {
                ptr::copy_nonoverlapping(at, new, layout.size().min(size));
                self.dealloc(at, layout);
            }
        }
        new
    }
}
