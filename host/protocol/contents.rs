//! The contents of memories and globals of an instance, as a file that workers map: the data that a program begins with, or
//! the state that its `init` left.
//!
//! ```text
//! contents  pages · index · length of the index u64
//! index     memories u32 · memories × memory · parts u32 · parts × u64
//! memory    size u64 · most u64 · blocks u32 · blocks × ( place u64 · length u64 )
//! ```
//!
//! The pages of all blocks stand one behind the other, in the order of the index. Pages that hold nothing but zeros are
//! mostly left out. All integers are little-endian. A part is 64 bits of the mutable globals. Contents come from
//! processes that read programs or have run guests, so [`Contents::read`] believes nothing.

use std::io;
use std::os::unix::fs::FileExt;

use bytes::Buf;
#[cfg(feature = "engine")]
use bytes::BufMut;
use serde::{Deserialize, Serialize};

use crate::model::program::MAX_PROGRAM;

/// Largest state that `init` may leave. It may become data of a program, and programs are bounded.
pub(crate) const MAX_SNAPSHOT: usize = MAX_PROGRAM as usize;

/// The unit of pages: that of the kernel, on the machines where contents are used.
pub(crate) const PAGE: usize = 4 << 10;

/// A page of a guest's memory, of which sizes are multiples.
const GUEST_PAGE: u64 = 64 << 10;

/// Pages of zeros between two blocks that cost less to keep than a further mapping.
#[cfg(feature = "engine")]
const GAP: u64 = 8;

/// Most bytes of an index. Real ones have some KiB.
const MAX_INDEX: u64 = 16 << 20;

/// Most bytes of contents.
pub(crate) const MAX_CONTENTS: usize = MAX_SNAPSHOT + MAX_INDEX as usize + 8;

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span {
    pub at: u64,
    pub length: u64,
}

/// The index of contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    /// In the order in which the memories of an instance are made.
    pub memories: Vec<MemoryContents>,
    /// The bits of all mutable globals. Those of the data that a program begins with are not known, and zero.
    pub parts: Vec<u64>,
}

/// The contents of a memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemoryContents {
    /// Bytes.
    pub size: u64,
    /// Bytes to which the memory can grow.
    pub most: u64,
    /// Parts that are not zero, from the lowest to the highest.
    pub blocks: Vec<Block>,
}

/// A run of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Place in the memory.
    pub at: u64,
    pub length: u64,
    /// Place among the pages.
    pub from: u64,
}

impl Contents {
    /// Reads the index of contents that are a part of a file.
    pub fn read(file: &impl FileExt, span: Span) -> io::Result<Contents> {
        let broken = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
        let end = span.at.checked_add(span.length).and_then(|end| end.checked_sub(8)).filter(|end| *end >= span.at);
        let end = end.ok_or_else(|| broken("contents without a length"))?;
        let mut length = [0; 8];
        file.read_exact_at(&mut length, end)?;
        let length = u64::from_le_bytes(length);
        let pages = (end - span.at).checked_sub(length).filter(|_| length <= MAX_INDEX);
        let pages = pages.ok_or_else(|| broken("an index of an impossible length"))?;
        let mut index = vec![0; length as usize];
        file.read_exact_at(&mut index, span.at + pages)?;
        Contents::decode(&index, pages).map_err(|why| broken(&why))
    }

    /// Reads an index that stands behind this many bytes of pages.
    fn decode(mut bytes: &[u8], pages: u64) -> Result<Contents, String> {
        let bytes = &mut bytes;
        let (mut contents, mut from) = (Contents::default(), 0);
        for _ in 0..number(bytes, 20)? {
            let (size, most) = (bytes.get_u64_le(), bytes.get_u64_le());
            if !size.is_multiple_of(GUEST_PAGE) || most < size {
                return Err(format!("a memory of {size} bytes that can have {most}"));
            }
            let mut memory = MemoryContents { size, most, blocks: Vec::new() };
            let mut free = 0;
            for _ in 0..number(bytes, 16)? {
                let (at, length) = (bytes.get_u64_le(), bytes.get_u64_le());
                let end = at.checked_add(length).filter(|end| *end <= size && at >= free && length > 0);
                let whole = [at, length].iter().all(|place| place.is_multiple_of(PAGE as u64));
                let end = end.filter(|_| whole).ok_or_else(|| format!("a block of {length} bytes at {at}"))?;
                memory.blocks.push(Block { at, length, from });
                (free, from) = (end, from + length);
            }
            contents.memories.push(memory);
        }
        contents.parts = (0..number(bytes, 8)?).map(|_| bytes.get_u64_le()).collect();
        if bytes.has_remaining() || from != pages {
            return Err(format!("an index of {from} bytes for {pages} bytes of pages"));
        }
        Ok(contents)
    }

    /// Checks that an instance that begins with `first` can have these contents.
    ///
    /// # Errors
    /// If they are of another program, or need more than `limit` bytes of memory.
    pub fn check(&self, first: &Contents, limit: u64) -> Result<(), String> {
        if (self.memories.len(), self.parts.len()) != (first.memories.len(), first.parts.len()) {
            return Err("it has other memories or globals than the program".to_owned());
        }
        let mut pairs = self.memories.iter().zip(&first.memories);
        if !pairs.all(|(memory, first)| (first.size..=first.most).contains(&memory.size)) {
            return Err("a memory has a size that the program's cannot have".to_owned());
        }
        let all = self.memories.iter().try_fold(0_u64, |sum, memory| sum.checked_add(memory.size));
        if all.is_none_or(|all| all > limit) {
            return Err("its memories are over the limit".to_owned());
        }
        Ok(())
    }

    /// Bytes of all memories.
    #[cfg(feature = "engine")]
    pub fn size(&self) -> u64 {
        self.memories.iter().map(|memory| memory.size).sum()
    }

    /// Bytes of all pages.
    #[cfg(feature = "engine")]
    pub fn pages(&self) -> u64 {
        self.memories.iter().flat_map(|memory| &memory.blocks).map(|block| block.length).sum()
    }
}

/// A number of items, if so many can follow. Each has at least `least` bytes.
fn number(bytes: &mut &[u8], least: usize) -> Result<usize, String> {
    let count = bytes.try_get_u32_le().map_err(|_| "an index that is cut off")? as usize;
    if count.saturating_mul(least) > bytes.len() { Err("an index that is cut off".to_owned()) } else { Ok(count) }
}

/// Collects contents.
#[cfg(feature = "engine")]
#[derive(Debug, Default)]
pub(crate) struct ContentsWriter {
    pages: Vec<u8>,
    contents: Contents,
}

#[cfg(feature = "engine")]
impl ContentsWriter {
    /// Adds a memory that holds these bytes.
    pub fn memory(&mut self, bytes: &[u8], most: u64) -> Result<(), String> {
        let pages = (0..).zip(bytes.chunks(PAGE));
        let used = pages.filter(|(_, page)| page.iter().any(|byte| *byte != 0)).map(|(at, _)| at);
        self.blocks(bytes.len() as u64, most, used, |block| {
            bytes.get(block.at as usize..(block.at + block.length) as usize).unwrap_or_default().into()
        })
    }

    /// Adds a memory with these pages in use, in ascending order; `read` gives the bytes of a block.
    pub fn blocks<'a>(
        &mut self,
        size: u64,
        most: u64,
        used: impl Iterator<Item = u64>,
        read: impl Fn(Block) -> std::borrow::Cow<'a, [u8]>,
    ) -> Result<(), String> {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for page in used {
            match runs.last_mut() {
                Some((_, end)) if page <= *end + GAP => *end = page + 1,
                _ => runs.push((page, page + 1)),
            }
        }
        let more: u64 = runs.iter().map(|(first, end)| (end - first) * PAGE as u64).sum();
        if self.pages.len() as u64 + more > MAX_SNAPSHOT as u64 {
            return Err(format!("it leaves more than {} MiB in memory", MAX_SNAPSHOT >> 20));
        }
        // An exact reservation: a buffer that doubles would take as much again after a guest has used up the memory.
        self.pages
            .try_reserve_exact(more as usize)
            .map_err(|_| format!("it leaves more in memory than could be copied: {more} bytes"))?;
        let mut memory = MemoryContents { size, most, blocks: Vec::new() };
        for (first, end) in runs {
            let (at, length) = (first * PAGE as u64, (end - first) * PAGE as u64);
            let block = Block { at, length, from: self.pages.len() as u64 };
            self.pages.extend_from_slice(&read(block));
            self.pages.resize((block.from + length) as usize, 0);
            memory.blocks.push(block);
        }
        self.contents.memories.push(memory);
        Ok(())
    }

    /// Adds bits of a mutable global.
    pub fn part(&mut self, bits: u64) {
        self.contents.parts.push(bits);
    }

    /// The contents.
    pub fn finish(self) -> Vec<u8> {
        let ContentsWriter { mut pages, contents } = self;
        let begin = pages.len();
        let memories = contents.memories.iter().map(|memory| 20 + 16 * memory.blocks.len()).sum::<usize>();
        pages.reserve_exact(16 + memories + 8 * contents.parts.len());
        pages.put_u32_le(contents.memories.len() as u32);
        for memory in &contents.memories {
            pages.put_u64_le(memory.size);
            pages.put_u64_le(memory.most);
            pages.put_u32_le(memory.blocks.len() as u32);
            for block in &memory.blocks {
                pages.put_u64_le(block.at);
                pages.put_u64_le(block.length);
            }
        }
        pages.put_u32_le(contents.parts.len() as u32);
        contents.parts.iter().for_each(|part| pages.put_u64_le(*part));
        pages.put_u64_le((pages.len() - begin) as u64);
        pages
    }
}

#[cfg(all(test, feature = "engine"))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIZE: usize = 128 << 10;

    /// Contents of two memories and three parts, in a file behind some other bytes.
    fn written(memory: &[u8]) -> (std::fs::File, Span, Vec<u8>) {
        let mut writer = ContentsWriter::default();
        writer.memory(memory, 1 << 20).unwrap();
        writer.memory(&[], 0).unwrap();
        [1, u64::MAX, 3].into_iter().for_each(|part| writer.part(part));
        let bytes = writer.finish();
        let (file, span) = file_of(&bytes);
        (file, span, bytes)
    }

    fn file_of(bytes: &[u8]) -> (std::fs::File, Span) {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(bytes, 100).unwrap();
        (file, Span { at: 100, length: bytes.len() as u64 })
    }

    #[test]
    fn contents_are_read_as_they_were_written_and_pages_of_zeros_do_not_travel() {
        let mut memory = vec![0; SIZE];
        memory[5] = 1;
        memory[2 * PAGE] = 2;
        memory[30 * PAGE + 7] = 3;
        let (file, span, bytes) = written(&memory);
        let contents = Contents::read(&file, span).unwrap();
        let places: Vec<_> = contents.memories[0].blocks.iter().map(|block| (block.at, block.length)).collect();
        let page = PAGE as u64;
        assert_eq!(places, [(0, 3 * page), (30 * page, page)], "a short gap is kept");
        assert!(bytes.len() < 4 * PAGE + 200);
        let mut again = vec![0; SIZE];
        for block in &contents.memories[0].blocks {
            let from = block.from as usize;
            again[block.at as usize..][..block.length as usize]
                .copy_from_slice(&bytes[from..][..block.length as usize]);
        }
        assert!(again == memory);
        assert_eq!((contents.memories[0].size, contents.memories[1].size), (SIZE as u64, 0));
        assert_eq!(contents.parts, [1, u64::MAX, 3]);
    }

    #[test]
    fn contents_of_another_program_are_refused() {
        let (file, span, _) = written(&vec![1; SIZE]);
        let first = Contents::read(&file, span).unwrap();
        assert_eq!(first.check(&first, SIZE as u64), Ok(()));
        let wrong = |change: &dyn Fn(&mut Contents)| {
            let mut contents = first.clone();
            change(&mut contents);
            assert!(contents.check(&first, SIZE as u64).is_err(), "{contents:?}");
        };
        wrong(&|contents| drop(contents.memories.pop()));
        wrong(&|contents| contents.parts.push(1));
        wrong(&|contents| contents.memories[0].size = 64 << 10);
        wrong(&|contents| contents.memories[0].size = 2 << 20);
        wrong(&|contents| contents.memories[0].size = 256 << 10);
        let mut grown = first.clone();
        grown.memories[0].size = 1 << 20;
        assert_eq!(grown.check(&first, 1 << 20), Ok(()));
    }

    #[test]
    fn contents_that_are_cut_off_are_refused() {
        let (_, _, bytes) = written(&vec![1; SIZE]);
        for end in (0..64).chain(bytes.len() - 200..bytes.len()) {
            let (file, span) = file_of(&bytes[..end]);
            assert!(Contents::read(&file, span).is_err(), "{end}");
        }
    }

    proptest! {
        /// All blocks of an index that is believed are whole pages, apart from each other, within their memory and among
        /// the pages.
        #[test]
        fn what_is_believed_of_an_index_is_so(at in 0..200_usize, new in any::<u64>(), pages in 0..64_u64) {
            let (_, _, bytes) = written(&vec![1; SIZE]);
            let mut index = bytes[SIZE..bytes.len() - 8].to_vec();
            let at = at.min(index.len() - 8);
            index[at..at + 8].copy_from_slice(&new.to_le_bytes());
            for pages in [SIZE as u64, pages * PAGE as u64] {
                let Ok(contents) = Contents::decode(&index, pages) else { continue };
                for memory in &contents.memories {
                    prop_assert!(memory.size <= memory.most);
                    let mut free = 0;
                    for block in &memory.blocks {
                        prop_assert!(block.at >= free && block.at + block.length <= memory.size && block.length > 0);
                        prop_assert!(block.from + block.length <= pages);
                        prop_assert!((block.at | block.length | block.from) % PAGE as u64 == 0);
                        free = block.at + block.length;
                    }
                }
            }
        }
    }
}
