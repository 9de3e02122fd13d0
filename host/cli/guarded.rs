//! Work on bytes of others by code of others, in which a panic is news about the bytes and not about wpool.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// The result of some work; `None` where it panics.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    let before = GUARDED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(before);
    done.ok()
}

/// Whether a panic on this thread ends nothing but such work.
pub fn is_guarded() -> bool {
    GUARDED.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_and_nothing_else_is_guarded() {
        assert_eq!(guarded(|| 7), Some(7));
        let inner = guarded(|| {
            assert!(is_guarded());
            std::hint::black_box(None::<u8>).expect("this panics on purpose")
        });
        assert_eq!(inner, None);
        assert!(!is_guarded());
    }
}
