//! The data with which a program's memories begin, taken out of its modules.
//!
//! Workers map it into each new memory ([`crate::child::engine::memories`]), so that an instance of a large program costs
//! a few mappings, and workers share the pages that no task writes. The engine would copy all of it into each instance.
//! A segment is taken out if it has a constant place within a memory of its own module, and if nothing before it writes
//! to that memory in another way: the memory then holds the same bytes when the first code of a guest can look at it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use wasm_encoder::{ConstExpr, Encode, SectionId};
use wasmparser::{Data, DataKind, MemoryType, Parser, Payload};

use super::sections::Section;
use super::startup::constant;
use crate::model::limits::MAX_MEMORY;
use crate::protocol::contents::{ContentsWriter, PAGE};

/// Less data than this is left to the engine: it is copied sooner than mapped.
const LEAST: usize = 64 << 10;
/// Bytes of a page of a guest's memory.
const GUEST_PAGE: u64 = 64 << 10;

/// The extent of what is taken out of modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Take {
    Nothing,
    Data,
}

/// Pages of a memory by their numbers.
type Pages = BTreeMap<u64, Vec<u8>>;

/// The data of a module.
pub(super) struct Taken {
    /// The memories that the module defines, and what is taken of each.
    memories: Vec<(MemoryType, Pages)>,
    /// The data that stays in the module, if some was taken.
    pub rest: Option<Section>,
}

impl Taken {
    /// Takes the data out of a module with these memories, if there is much. Each comes with its number.
    pub fn out_of(wasm: &[u8], memories: &[(u32, MemoryType)], take: Take) -> wasmparser::Result<Taken> {
        let nothing = Taken { memories: memories.iter().map(|(_, ty)| (*ty, Pages::new())).collect(), rest: None };
        if take == Take::Nothing {
            return Ok(nothing);
        }
        let mut segments = Vec::new();
        // Without this section no instruction names a segment.
        let mut are_named = false;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::DataCountSection { .. } => are_named = true,
                Payload::DataSection(data) => segments = data.into_iter().collect::<Result<_, _>>()?,
                _ => {}
            }
        }
        let mut taken = Taken { memories: nothing.memories.clone(), rest: None };
        let (mut rest, mut count, mut bytes, mut open) = (Vec::new(), 0_u32, 0, true);
        for segment in &segments {
            let Some((memory, at)) = place(segment, memories).filter(|_| open) else {
                // A later segment may have to be written over the bytes that this one writes.
                open &= matches!(segment.kind, DataKind::Passive);
                rest.extend_from_slice(&wasm[segment.range.clone()]);
                count += 1;
                continue;
            };
            bytes += segment.data.len();
            write(&mut taken.memories[memory].1, at, segment.data);
            if are_named {
                empty_in(memories[memory], &mut rest);
                count += 1;
            }
        }
        let pages = taken.memories.iter().map(|(_, pages)| pages.len()).sum::<usize>() * PAGE;
        // Data that is scattered over many pages is smaller as it is.
        if bytes < LEAST || pages / 2 > bytes {
            return Ok(nothing);
        }
        let mut data = Vec::new();
        count.encode(&mut data);
        data.append(&mut rest);
        taken.rest = Some(Section { id: SectionId::Data, data });
        Ok(taken)
    }
}

/// The initial contents of the memories of modules, encoded. The modules stand in the order in which they are
/// instantiated, each with the number of the parts that hold its globals.
pub(super) fn start_of(modules: &[(&Taken, usize)]) -> Result<Vec<u8>, String> {
    let mut contents = ContentsWriter::default();
    for (taken, parts) in modules {
        for (ty, pages) in &taken.memories {
            let size = ty.initial.saturating_mul(GUEST_PAGE);
            let most = ty.maximum.map_or(MAX_MEMORY, |most| most.saturating_mul(GUEST_PAGE)).min(MAX_MEMORY);
            if size > most {
                return Err("it has a memory of an impossible size".to_owned());
            }
            contents.blocks(size, most, pages.keys().copied(), |block| {
                Cow::Owned(block_of(pages, block.at, block.length))
            })?;
        }
        (0..*parts).for_each(|_| contents.part(0));
    }
    Ok(contents.finish())
}

/// The memory, by its place among those of the module, and the address of a segment with a constant place in it.
fn place(segment: &Data<'_>, memories: &[(u32, MemoryType)]) -> Option<(usize, u64)> {
    let DataKind::Active { memory_index, offset_expr } = &segment.kind else { return None };
    let memory = memories.iter().position(|(number, _)| number == memory_index)?;
    let at = constant(offset_expr)?;
    let size = memories[memory].1.initial.checked_mul(GUEST_PAGE)?;
    let end = at.checked_add(segment.data.len() as u64)?;
    (end <= size).then_some((memory, at))
}

fn write(pages: &mut Pages, at: u64, mut bytes: &[u8]) {
    let (mut page, mut within) = (at / PAGE as u64, (at % PAGE as u64) as usize);
    while !bytes.is_empty() {
        let (now, rest) = bytes.split_at(bytes.len().min(PAGE - within));
        pages.entry(page).or_insert_with(|| vec![0; PAGE])[within..within + now.len()].copy_from_slice(now);
        (bytes, page, within) = (rest, page + 1, 0);
    }
}

fn block_of(pages: &Pages, at: u64, length: u64) -> Vec<u8> {
    let zeros = vec![0; PAGE];
    let numbers = at / PAGE as u64..(at + length) / PAGE as u64;
    numbers.flat_map(|page| pages.get(&page).unwrap_or(&zeros)).copied().collect()
}

/// A segment of no bytes, which takes the place of another one so that those behind it keep their numbers.
fn empty_in((number, ty): (u32, MemoryType), segments: &mut Vec<u8>) {
    const ACTIVE_IN_A_MEMORY: u8 = 2;
    segments.push(ACTIVE_IN_A_MEMORY);
    number.encode(segments);
    let zero = if ty.memory64 { ConstExpr::i64_const(0) } else { ConstExpr::i32_const(0) };
    zero.encode(segments);
    segments.push(0);
}
