//! The page that a worker shares with its host. It says exactly which task runs, at the cost of one store for each.
//!
//! A lease names tasks by an index that counts up within one worker's life. The claim word holds `next`, the index that
//! the worker may claim next, and `end`, one past the last. The worker claims by compare-and-swap just before it runs a
//! task. The host takes unstarted tasks back by setting `end` to `next`. Either happens before the other, so a task is
//! run or returned and never both. An index is never used twice, and the worker claims only if `next` is the index it
//! holds. So tasks that were taken back stay dead in the worker's pipe, however late the worker reads them.
//!
//! The page also holds the running task's note: the last line that it wrote to stderr.
//!
//! The host trusts the page as little as the pipe: a captured worker may have written it. The page is accessed only
//! through atomics, and is sealed so that nobody can shrink it under the host's feet.
#![allow(unsafe_code, reason = "memory shared between processes has no safe interface")]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::model::inert::is_active;

const SIZE: usize = 4096;

/// Longest note in bytes: a line of a terminal, and room for characters of several bytes.
pub(crate) const MAX_NOTE: usize = 192;
const NOTE_WORDS: usize = MAX_NOTE / 8;

/// Most attempts of the host to read a note that is being written.
const NOTE_LOOKS: usize = 8;

#[repr(C)]
struct Words {
    claim: AtomicU64,
    cause: AtomicU32,
    /// A count that is odd while the worker writes the note, and the note's length.
    note: AtomicU64,
    text: [AtomicU64; NOTE_WORDS],
}

const _: () = assert!(size_of::<Words>() <= SIZE, "the words fit the page");

/// The reason why a worker ends by itself, as its last word to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Cause {
    Unknown = 0,
    /// A panic in the worker's own code.
    Panic = 1,
    /// The host's bytes made no sense to the worker.
    Protocol = 2,
    /// The worker itself was given no memory.
    OutOfMemory = 3,
}

/// A mapping of the shared page, on either side.
#[derive(Debug)]
pub(crate) struct SharedPage {
    words: NonNull<Words>,
}

// SAFETY: the page is reached only through atomics, and unmapped only when its one owner is dropped.
unsafe impl Send for SharedPage {}
// SAFETY: as above.
unsafe impl Sync for SharedPage {}

impl SharedPage {
    /// A new page, and the descriptor to hand to the worker.
    pub fn create() -> io::Result<(SharedPage, OwnedFd)> {
        let file = memfd_create("wpool-page", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&file, SIZE as u64)?;
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok((SharedPage::map(file.as_fd())?, file))
    }

    /// Maps a page that the other side has created.
    pub fn map(file: BorrowedFd<'_>) -> io::Result<SharedPage> {
        // SAFETY: a fresh mapping at an address of the kernel's choice touches no memory of ours. The file is SIZE
        // bytes long and cannot shrink, so every access stays within it.
        let address =
            unsafe { mmap(std::ptr::null_mut(), SIZE, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, file, 0)? };
        let words = NonNull::new(address.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(SharedPage { words })
    }

    fn words(&self) -> &Words {
        // SAFETY: mapped, aligned to a page and larger than Words for as long as self lives; any bit pattern is a
        // valid atomic.
        unsafe { self.words.as_ref() }
    }

    /// Worker: claims the task at `index`. Returns whether the worker may run it now.
    #[cfg(any(feature = "engine", test))]
    pub fn claim(&self, index: u32) -> bool {
        let claim = &self.words().claim;
        let mut word = claim.load(Ordering::Acquire);
        loop {
            let (next, end) = split(word);
            if next != index || next == end {
                return false;
            }
            match claim.compare_exchange_weak(
                word,
                join(index.wrapping_add(1), end),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
    }

    /// Host: lets the worker claim from `first` up to `end`. To be called only when the worker has nothing left to
    /// claim.
    pub fn grant(&self, first: u32, end: u32) {
        self.words().claim.store(join(first, end), Ordering::Release);
    }

    /// Host: lets the worker claim up to `end`.
    pub fn extend(&self, end: u32) {
        let _ =
            self.words().claim.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| Some(join(split(word).0, end)));
    }

    /// Host: takes back all unclaimed tasks. Returns the index of the first of them.
    pub fn recall(&self) -> u32 {
        let claim = &self.words().claim;
        let before = claim.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
            let (next, _) = split(word);
            Some(join(next, next))
        });
        split(before.unwrap_or_else(|word| word)).0
    }

    /// Host: the index that the worker would claim next. The task before it is running or has been answered.
    pub fn next(&self) -> u32 {
        split(self.words().claim.load(Ordering::Acquire)).0
    }

    /// Worker: clears the note at the beginning of a task.
    #[cfg(any(feature = "engine", test))]
    pub fn clear_note(&self) {
        let note = &self.words().note;
        let (count, length) = split(note.load(Ordering::Relaxed));
        if length != 0 {
            note.store(join(count, 0), Ordering::Release);
        }
    }

    /// Worker: sets the note to the last line of the running task, cut at [`MAX_NOTE`].
    #[cfg(any(feature = "engine", test))]
    pub fn set_note(&self, line: &[u8]) {
        let words = self.words();
        let line = &line[..line.len().min(MAX_NOTE)];
        let writing = split(words.note.load(Ordering::Relaxed)).0 | 1;
        words.note.store(join(writing, 0), Ordering::Relaxed);
        fence(Ordering::Release);
        for (word, part) in words.text.iter().zip(line.chunks(8)) {
            let mut bytes = [0; 8];
            bytes[..part.len()].copy_from_slice(part);
            word.store(u64::from_le_bytes(bytes), Ordering::Relaxed);
        }
        words.note.store(join(writing.wrapping_add(1), line.len() as u32), Ordering::Release);
    }

    /// Host: the last line that the running task has written to stderr, made printable. Empty without a line, or if the
    /// worker writes without a pause.
    pub fn note(&self) -> String {
        let words = self.words();
        for _ in 0..NOTE_LOOKS {
            let before = words.note.load(Ordering::Acquire);
            let text: Vec<u8> = words.text.iter().flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes()).collect();
            fence(Ordering::Acquire);
            let (count, length) = split(before);
            if count.is_multiple_of(2) && words.note.load(Ordering::Relaxed) == before {
                return printable(&text[..MAX_NOTE.min(length as usize)]);
            }
            std::hint::spin_loop();
        }
        String::new()
    }

    /// Worker: leaves its last word.
    #[cfg(feature = "engine")]
    pub fn set_cause(&self, cause: Cause) {
        self.words().cause.store(cause as u32, Ordering::Release);
    }

    /// Worker: records that an allocation has failed, which ends the worker unless the caller can handle it. Another
    /// last word stays.
    #[cfg(feature = "engine")]
    pub fn note_no_memory(&self) {
        self.change_cause(Cause::Unknown, Cause::OutOfMemory);
    }

    /// Worker: forgets, at the beginning of a task, an allocation that failed in an earlier task.
    #[cfg(feature = "engine")]
    pub fn forget_no_memory(&self) {
        self.change_cause(Cause::OutOfMemory, Cause::Unknown);
    }

    #[cfg(feature = "engine")]
    fn change_cause(&self, from: Cause, to: Cause) {
        let (cause, from, to) = (&self.words().cause, from as u32, to as u32);
        // Nearly every task has nothing to change.
        if cause.load(Ordering::Acquire) == from {
            let _ = cause.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
        }
    }

    /// Host: the worker's last word.
    pub fn cause(&self) -> Cause {
        let code = self.words().cause.load(Ordering::Acquire);
        [Cause::Panic, Cause::Protocol, Cause::OutOfMemory]
            .into_iter()
            .find(|&c| c as u32 == code)
            .unwrap_or(Cause::Unknown)
    }
}

impl Drop for SharedPage {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `map` made, and the last reference to it.
        let _ = unsafe { munmap(self.words.as_ptr().cast(), SIZE) };
    }
}

/// A guest's bytes as inert text. Active characters are left out, because a note is short.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    // A tab is a control character that separates words.
    let spaced = text.chars().map(|c| if c == '\t' { ' ' } else { c });
    let shown: String = spaced.filter(|&c| !is_active(c)).collect();
    // The last character may have been cut off in the middle.
    shown.trim_end_matches('\u{fffd}').trim().to_owned()
}

fn split(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

fn join(next: u32, end: u32) -> u64 {
    u64::from(next) << 32 | u64::from(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn a_page_of_any_words_gives_bounded_answers(
            (claim, cause, count, length) in any::<(u64, u32, u32, u32)>(),
            text in any::<[u64; 3]>(),
            (first, end) in any::<(u32, u32)>(),
        ) {
            thread_local!(static PAGE: SharedPage = SharedPage::create().unwrap().0);
            PAGE.with(|page| {
                let words = page.words();
                words.claim.store(claim, Ordering::Relaxed);
                words.cause.store(cause, Ordering::Relaxed);
                words.note.store(join(count, length), Ordering::Relaxed);
                words.text.iter().zip(text.into_iter().cycle()).for_each(|(word, part)| word.store(part, Ordering::Relaxed));
                let note = page.note();
                prop_assert!(note.len() <= 3 * MAX_NOTE && !note.chars().any(is_active), "{note}");
                prop_assert_eq!(page.cause() == Cause::Panic, cause == 1);
                prop_assert_eq!((page.next(), page.recall()), (split(claim).0, split(claim).0));
                prop_assert!(!page.claim(split(claim).0), "nothing is left to claim");
                page.extend(end);
                prop_assert_eq!(page.next(), split(claim).0);
                page.grant(first, end);
                prop_assert_eq!((page.next(), page.claim(first)), (first, first != end));
                Ok(())
            })?;
        }
    }

    #[test]
    fn a_task_is_claimed_or_taken_back_and_never_both() {
        let (host, file) = SharedPage::create().unwrap();
        let worker = SharedPage::map(file.as_fd()).unwrap();
        for round in 0..2_000u32 {
            let first = round.wrapping_mul(8).wrapping_sub(64);
            host.grant(first, first.wrapping_add(8));
            let (claimed, recalled) = std::thread::scope(|scope| {
                let claimed =
                    scope.spawn(|| (0..8).take_while(|&i| worker.claim(first.wrapping_add(i))).count() as u32);
                let recalled = host.recall();
                (claimed.join().unwrap(), recalled)
            });
            assert_eq!(recalled, first.wrapping_add(claimed));
            assert!(!worker.claim(recalled), "taken back is taken back");
        }
    }

    #[test]
    fn tasks_that_were_taken_back_stay_dead_when_later_ones_are_granted() {
        let (page, _) = SharedPage::create().unwrap();
        page.grant(0, 4);
        assert!(page.claim(0));
        assert_eq!(page.recall(), 1);
        page.grant(4, 6);
        assert!(!page.claim(1));
        assert!(page.claim(4));
        page.extend(7);
        assert!(page.claim(5) && page.claim(6) && !page.claim(7));
    }

    #[test]
    fn a_note_is_the_last_line_and_is_gone_with_its_task() {
        let (host, file) = SharedPage::create().unwrap();
        let worker = SharedPage::map(file.as_fd()).unwrap();
        assert_eq!(host.note(), "");
        worker.set_note(b"halfway");
        worker.set_note(b"done");
        assert_eq!(host.note(), "done");
        worker.clear_note();
        assert_eq!(host.note(), "");
        worker.set_note(&"\u{e9}".repeat(MAX_NOTE).into_bytes());
        assert_eq!(host.note(), "\u{e9}".repeat(MAX_NOTE / 2));
    }

    #[test]
    fn a_note_cannot_reach_the_terminal_behind_the_text() {
        let (page, _) = SharedPage::create().unwrap();
        page.set_note(b"\x1b[2Ja\tb\x07 \xe2\x80\xae\xff!");
        assert_eq!(page.note(), "[2Ja b \u{fffd}!");
        page.words().note.store(join(2, u32::MAX), Ordering::Relaxed);
        assert!(page.note().len() <= 3 * MAX_NOTE);
        page.words().note.store(join(3, 4), Ordering::Relaxed);
        assert_eq!(page.note(), "", "a worker that never ends writing is not waited for");
    }

    #[test]
    fn a_note_is_never_half_of_one_and_half_of_another() {
        let (host, file) = SharedPage::create().unwrap();
        let worker = SharedPage::map(file.as_fd()).unwrap();
        let lines = [[b'a'; MAX_NOTE], [b'b'; MAX_NOTE]];
        std::thread::scope(|scope| {
            scope.spawn(|| (0..20_000).for_each(|round| worker.set_note(&lines[round % 2])));
            for _ in 0..20_000 {
                let note = host.note();
                assert!(note.bytes().all(|byte| byte == note.as_bytes()[0]), "{note}");
            }
        });
    }
}
