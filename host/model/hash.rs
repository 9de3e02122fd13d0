//! BLAKE3 of large contents, on several cores: a run that starts hashes some hundred megabytes in the worst case.
//!
//! BLAKE3 is a tree, so the hashes of its halves can be made apart. The result is that of [`blake3::hash`].

use std::io;
use std::ops::Range;
use std::thread;

use blake3::hazmat::{
    ChainingValue, HasherExt as _, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root,
};
use blake3::{Hash, Hasher};

/// Contents up to this length are hashed sooner than a thread starts.
const SMALL: u64 = 4 << 20;
/// How often a content is halved. The left part has more than half, so its parts are halved again.
const DEEPEST: u32 = 2;

/// Feeds the bytes of a range of a content to a hasher.
pub(crate) type Feed<'a> = &'a (dyn Fn(&mut Hasher, Range<u64>) -> io::Result<()> + Sync);

/// The hash of bytes in memory.
pub(crate) fn of_bytes(bytes: &[u8]) -> Hash {
    let feed = |hasher: &mut Hasher, range: Range<u64>| {
        hasher.update(&bytes[range.start as usize..range.end as usize]);
        Ok(())
    };
    of_content(bytes.len() as u64, &feed).unwrap_or_else(|_| blake3::hash(bytes))
}

/// The hash of a content of a length.
pub(crate) fn of_content(length: u64, feed: Feed<'_>) -> io::Result<Hash> {
    if length <= SMALL {
        let mut hasher = Hasher::new();
        feed(&mut hasher, 0..length)?;
        return Ok(hasher.finalize());
    }
    let (left, right) = halves(0..length, DEEPEST, feed)?;
    Ok(merge_subtrees_root(&left, &right, Mode::Hash))
}

/// The values of both parts of a range, one of them made by a thread of its own.
fn halves(range: Range<u64>, depth: u32, feed: Feed<'_>) -> io::Result<(ChainingValue, ChainingValue)> {
    let middle = range.start + left_subtree_len(range.end - range.start);
    let (left, right) = (range.start..middle, middle..range.end);
    thread::scope(|scope| {
        let other = thread::Builder::new().spawn_scoped(scope, || subtree(right.clone(), depth - 1, feed));
        let left = subtree(left, depth - 1, feed)?;
        let right = match other.map(thread::ScopedJoinHandle::join) {
            Ok(Ok(value)) => value?,
            // The system has no more threads.
            _ => subtree(right.clone(), 0, feed)?,
        };
        Ok((left, right))
    })
}

fn subtree(range: Range<u64>, depth: u32, feed: Feed<'_>) -> io::Result<ChainingValue> {
    if depth > 0 && range.end - range.start > SMALL {
        let (left, right) = halves(range, depth, feed)?;
        return Ok(merge_subtrees_non_root(&left, &right, Mode::Hash));
    }
    let mut hasher = Hasher::new();
    hasher.set_input_offset(range.start);
    feed(&mut hasher, range)?;
    Ok(hasher.finalize_non_root())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_whole_at_any_length() {
        let small = SMALL as usize;
        let bytes: Vec<u8> = (0..5 * small as u32 + 7).map(|i| (i ^ (i >> 8)) as u8).collect();
        for length in
            [0, 1, small - 1, small, small + 1, 2 * small, 2 * small + 1, 3 * small + 1025, 4 * small, bytes.len()]
        {
            assert_eq!(of_bytes(&bytes[..length]), blake3::hash(&bytes[..length]), "{length}");
        }
    }

    #[test]
    fn an_error_of_a_part_is_an_error_of_the_whole() {
        for broken in [0, SMALL, 3 * SMALL - 1] {
            let feed = |hasher: &mut Hasher, range: Range<u64>| {
                if range.contains(&broken) {
                    return Err(io::Error::other("broken"));
                }
                hasher.update(&vec![0; (range.end - range.start) as usize]);
                Ok(())
            };
            assert!(of_content(3 * SMALL, &feed).is_err(), "{broken}");
        }
    }
}
