//! An allocator that tells the host when memory runs out.
#![allow(unsafe_code, reason = "the interface of allocators is unsafe")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::{Arc, OnceLock};

use crate::protocol::page::SharedPage;

/// The page of this process, if it is a worker.
static PAGE: OnceLock<Arc<SharedPage>> = OnceLock::new();

/// Reports failed allocations to the host from here on. A failed allocation mostly ends the process.
pub(super) fn report_to(page: Arc<SharedPage>) {
    // A worker has only one page in its life.
    let _ = PAGE.set(page);
}

/// The system's allocator, for a program that is its own worker. With it as `#[global_allocator]`, a task whose worker
/// is given no more memory is `out-of-memory`. Without it, the task is a `crash`.
#[derive(Clone, Copy, Debug)]
pub struct Allocator;

fn noted(memory: *mut u8) -> *mut u8 {
    if memory.is_null()
        && let Some(page) = PAGE.get()
    {
        page.note_no_memory();
    }
    memory
}

// SAFETY: every call is the system's, with its arguments as they are.
unsafe impl GlobalAlloc for Allocator {
    // SAFETY: as above.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract, which is the same.
        noted(unsafe { System.alloc(layout) })
    }

    // SAFETY: as above.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract, which is the same.
        noted(unsafe { System.alloc_zeroed(layout) })
    }

    // SAFETY: as above.
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the contract, which is the same.
        noted(unsafe { System.realloc(memory, layout, size) })
    }

    // SAFETY: as above.
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.dealloc(memory, layout) }
    }
}
