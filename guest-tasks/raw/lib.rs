//! The raw convention for guests in Rust: bytes in, bytes out, no imports at all.
//!
//! Its allocator hands out an arena of the program's own memory, one allocation behind the other, and the standard library's
//! where that is full. The latter grows the memory in each task that needs any, which costs more than a small task does.
//! Instances that are fresh or put back begin with an empty arena each time.

mod arena;

/// Exports `alloc` and `run`, the latter made of a function from the row to the output.
#[macro_export]
macro_rules! task {
    ($work:path) => {
        /// Room for a row.
        #[unsafe(no_mangle)]
        extern "C" fn alloc(length: usize) -> *mut u8 {
            $crate::alloc(length)
        }

        /// Takes the row that was written to what `alloc` gave, and gives address and length of the output.
        #[unsafe(no_mangle)]
        extern "C" fn run(at: *mut u8, length: usize) -> u64 {
            // SAFETY: the convention says that both come from `alloc`, and that nobody else has them.
            let row = unsafe { $crate::row(at, length) };
            $crate::pack($work(&row))
        }
    };
}

pub fn alloc(length: usize) -> *mut u8 {
    Box::into_raw(vec![0u8; length].into_boxed_slice()).cast()
}

/// The row as a value of ours, so that an instance that is kept forgets it in the end.
///
/// # Safety
/// `at` is of [`alloc`] with this length and used by nobody else.
pub unsafe fn row(at: *mut u8, length: usize) -> Box<[u8]> {
    // SAFETY: as above.
    unsafe { Box::from_raw(core::ptr::slice_from_raw_parts_mut(at, length)) }
}

/// Keeps an output until the next one, and says where it is.
pub fn pack(output: Vec<u8>) -> u64 {
    use std::cell::RefCell;
    thread_local! {
        static KEPT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    KEPT.with_borrow_mut(|kept| {
        *kept = output;
        (kept.as_ptr() as u64) << 32 | kept.len() as u64
    })
}
