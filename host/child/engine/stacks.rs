//! Stacks for guests that run asynchronously, in workers whose instances are put back. There the engine would map and
//! unmap a stack for each instance, which takes longer than a small task. These stacks are kept for the next instance.
#![allow(unsafe_code, reason = "mapping stacks, and the engine's interface for who does")]

use std::ops::Range;
use std::ptr;
use std::sync::{Arc, Mutex};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use rustix::param::page_size;
use wasmtime::{StackCreator, StackMemory};

use crate::model::lock::lock;

/// All stacks that nobody uses. There are as many as there were instances at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Stacks(Arc<Mutex<Vec<Mapping>>>);

/// A stack, with a page before it that nobody can use.
#[derive(Debug)]
struct Mapping {
    begin: usize,
    /// Bytes of the stack, without the page before it.
    size: usize,
}

/// A stack while the engine has it.
struct Lent {
    /// `None` only during the drop.
    mapping: Option<Mapping>,
    stacks: Stacks,
}

impl Stacks {
    fn take(&self, size: usize) -> Option<Mapping> {
        let mut free = lock(&self.0);
        let at = free.iter().position(|mapping| mapping.size == size)?;
        Some(free.swap_remove(at))
    }
}

impl Mapping {
    fn new(size: usize) -> std::io::Result<Mapping> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new mapping, which nobody can use yet.
        let begin = unsafe { mmap_anonymous(ptr::null_mut(), page_size() + size, ProtFlags::empty(), flags)? } as usize;
        let mapping = Mapping { begin, size };
        let rights = MprotectFlags::READ | MprotectFlags::WRITE;
        // SAFETY: it is all of the mapping but its first page.
        unsafe { mprotect(mapping.range().start as *mut _, size, rights)? };
        Ok(mapping)
    }

    fn range(&self) -> Range<usize> {
        let start = self.begin + page_size();
        start..start + self.size
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: whoever uses the stack holds the mapping.
        let _ = unsafe { munmap(self.begin as *mut _, page_size() + self.size) };
    }
}

impl Lent {
    fn mapping(&self) -> &Mapping {
        self.mapping.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        lock(&self.stacks.0).extend(self.mapping.take());
    }
}

// SAFETY: the stack begins and ends with a page, is mapped and nobody else's, and the page before it has no rights.
unsafe impl StackMemory for Lent {
    fn top(&self) -> *mut u8 {
        self.mapping().range().end as *mut u8
    }

    fn range(&self) -> Range<usize> {
        self.mapping().range()
    }

    fn guard_range(&self) -> Range<*mut u8> {
        self.mapping().begin as *mut u8..self.mapping().range().start as *mut u8
    }
}

// SAFETY: as above. No guest can read the bytes that an earlier guest has left on a stack, as with the engine's own
// pool.
unsafe impl StackCreator for Stacks {
    fn new_stack(&self, size: usize, zeroed: bool) -> wasmtime::Result<Box<dyn StackMemory>> {
        let size = size.next_multiple_of(page_size());
        let mapping = match self.take(size).filter(|_| !zeroed) {
            Some(mapping) => mapping,
            None => Mapping::new(size)?,
        };
        Ok(Box::new(Lent { mapping: Some(mapping), stacks: self.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_whole_and_is_used_again() {
        let stacks = Stacks::default();
        let size = 64 << 10;
        let first = stacks.new_stack(size, false).unwrap();
        assert_eq!((first.range().len(), first.top() as usize), (size, first.range().end));
        assert_eq!(first.guard_range().end as usize, first.range().start);
        // SAFETY: the last word of the stack.
        unsafe { first.top().cast::<u64>().sub(1).write(1) };
        let place = first.range();
        let second = stacks.new_stack(size, false).unwrap();
        assert_ne!(second.range(), place);
        drop(first);
        assert_eq!(stacks.new_stack(size, false).unwrap().range(), place);
        assert_ne!(stacks.new_stack(2 * size, false).unwrap().range().start, place.start);
    }
}
