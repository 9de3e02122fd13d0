//! The state that `init` left in a program's instance, on its way to the compiler: the values of globals and the
//! contents of memories, by their export names in the instrumented program.
//!
//! ```text
//! state   ( name length u8 · name · kind u8 · global or memory )*
//! global  16 bytes: the value's bits, the rest zero
//! memory  length u64 · blocks u32 · blocks × ( offset u64 · length u32 · bytes )
//! ```
//!
//! Pages of a memory that hold nothing but zeros are left out. All integers are little-endian.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut};

use crate::protocol::contents::MAX_SNAPSHOT;

/// The unit of zeros that are left out: the kernel's page, because the engine maps such pages.
const PAGE: usize = 4 << 10;

const GLOBAL: u8 = 0;
const MEMORY: u8 = 1;

/// Collects a state.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    /// Adds a global's bits.
    pub fn global(&mut self, name: &str, bits: u128) -> Result<(), String> {
        self.name(name, GLOBAL)?;
        self.0.put_u128_le(bits);
        Ok(())
    }

    /// Adds a memory's contents.
    pub fn memory(&mut self, name: &str, contents: &[u8]) -> Result<(), String> {
        self.name(name, MEMORY)?;
        let blocks = blocks(contents);
        let size = 8 + 4 + blocks.iter().map(|(_, block)| 8 + 4 + block.len()).sum::<usize>();
        if self.0.len() + size > MAX_SNAPSHOT {
            return Err(too_large());
        }
        // An exact reservation: a buffer that doubles would take as much again after a guest has used up the memory.
        self.0
            .try_reserve_exact(size)
            .map_err(|_| format!("it leaves more in memory than could be copied: {size} bytes"))?;
        self.0.put_u64_le(contents.len() as u64);
        self.0.put_u32_le(blocks.len() as u32);
        for (offset, block) in blocks {
            self.0.put_u64_le(offset as u64);
            self.0.put_u32_le(block.len() as u32);
            self.0.extend_from_slice(block);
        }
        Ok(())
    }

    pub fn finish(self) -> Result<Vec<u8>, String> {
        if self.0.len() > MAX_SNAPSHOT { Err(too_large()) } else { Ok(self.0) }
    }

    fn name(&mut self, name: &str, kind: u8) -> Result<(), String> {
        let length = u8::try_from(name.len()).map_err(|_| format!("a state with the long name {name}"))?;
        self.0.put_u8(length);
        self.0.extend_from_slice(name.as_bytes());
        self.0.put_u8(kind);
        Ok(())
    }
}

fn too_large() -> String {
    format!("it leaves more than {} MiB in memory", MAX_SNAPSHOT >> 20)
}

/// The parts of a memory that are not zero, in whole pages.
fn blocks(contents: &[u8]) -> Vec<(usize, &[u8])> {
    let pages = contents.chunks(PAGE).map(|page| page.iter().any(|&byte| byte != 0));
    let mut blocks: Vec<(usize, &[u8])> = Vec::new();
    for (at, _) in pages.enumerate().filter(|(_, used)| *used) {
        let (start, end) = (at * PAGE, contents.len().min((at + 1) * PAGE));
        match blocks.last_mut() {
            Some((first, block)) if *first + block.len() == start => *block = &contents[*first..end],
            _ => blocks.push((start, &contents[start..end])),
        }
    }
    blocks
}

/// A state after its receipt.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub globals: BTreeMap<String, u128>,
    pub memories: BTreeMap<String, Vec<u8>>,
}

impl Snapshot {
    /// Reads a state. `limit` bounds the bytes of all memories together.
    pub fn read(mut bytes: &[u8], limit: u64) -> Result<Snapshot, String> {
        let bytes = &mut bytes;
        let (mut state, mut left) = (Snapshot::default(), limit);
        while !bytes.is_empty() {
            let length = bytes.get_u8();
            let name = std::str::from_utf8(take(bytes, length.into())?).map_err(|error| error.to_string())?.to_owned();
            match bytes.try_get_u8() {
                Ok(GLOBAL) => drop(state.globals.insert(name, bytes.try_get_u128_le().map_err(short)?)),
                Ok(MEMORY) => drop(state.memories.insert(name, memory(bytes, &mut left)?)),
                _ => return Err("a part of no known kind".to_owned()),
            }
        }
        Ok(state)
    }
}

fn memory(bytes: &mut &[u8], left: &mut u64) -> Result<Vec<u8>, String> {
    let length = bytes.try_get_u64_le().map_err(short)?;
    *left = left.checked_sub(length).ok_or("memories over the limit")?;
    // Zeros take no memory until they are written.
    let mut contents = vec![0; length as usize];
    for _ in 0..bytes.try_get_u32_le().map_err(short)? {
        let (offset, length) = (bytes.try_get_u64_le().map_err(short)?, bytes.try_get_u32_le().map_err(short)?);
        let block = take(bytes, length as usize)?;
        let place = usize::try_from(offset).ok().and_then(|at| contents.get_mut(at..at.checked_add(block.len())?));
        place.ok_or("a block outside of its memory")?.copy_from_slice(block);
    }
    Ok(contents)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], String> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or("it is cut off")?;
    *bytes = rest;
    Ok(taken)
}

fn short(_: bytes::TryGetError) -> String {
    "it is cut off".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> (Vec<u8>, Snapshot) {
        let mut memory = vec![0; 64 << 10];
        memory[5] = 1;
        memory[PAGE] = 2;
        memory[40 * 1024 + 7] = 3;
        let mut writer = Writer::default();
        writer.global("g", 1 << 100).unwrap();
        writer.memory("m", &memory).unwrap();
        let state = Snapshot { globals: [("g".into(), 1 << 100)].into(), memories: [("m".into(), memory)].into() };
        (writer.finish().unwrap(), state)
    }

    #[test]
    fn a_state_is_read_as_it_was_written_and_zero_pages_do_not_travel() {
        let (bytes, state) = example();
        assert_eq!(Snapshot::read(&bytes, 64 << 10), Ok(state));
        assert!((3 * PAGE..3 * PAGE + 100).contains(&bytes.len()), "{}", bytes.len());
    }

    #[test]
    fn a_state_that_lies_is_refused() {
        let (bytes, _) = example();
        for end in 1..bytes.len() {
            // A text cut between two parts is a valid state that lacks a part. The compiler notices that.
            let whole = Snapshot::read(&bytes[..end], 64 << 10).is_ok_and(|state| state.memories.is_empty());
            assert!(whole || Snapshot::read(&bytes[..end], 64 << 10).is_err(), "{end}");
        }
        assert!(Snapshot::read(&bytes, (64 << 10) - 1).is_err());
        let mut outside = Writer::default();
        outside.memory("m", &[1; PAGE]).unwrap();
        let mut outside = outside.finish().unwrap();
        // The length of the memory, after the name and the kind.
        outside[3..11].copy_from_slice(&8u64.to_le_bytes());
        assert!(Snapshot::read(&outside, 64 << 10).is_err());
        let mut huge = outside.clone();
        huge[3..11].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(Snapshot::read(&huge, 64 << 10).is_err());
    }
}
