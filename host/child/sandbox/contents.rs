//! The state that `init` left, read from an instance and laid over others.
#![allow(unsafe_code, reason = "memories of components can be reached only through their addresses")]

use std::sync::Arc;

use wasmtime::{Error, Result, Val};

use super::guard::no_snapshot;
use super::values::bits;
use crate::child::engine::memories::{Memories, Region};
use crate::protocol::contents::ContentsWriter;

/// Contents of an instance's memories.
pub(super) fn of_regions(regions: &[Arc<Region>], memories: &Memories) -> Result<ContentsWriter> {
    let mut contents = ContentsWriter::default();
    for (number, region) in regions.iter().enumerate() {
        let most = match memories.start() {
            Some(start) => start.memory(number)?.most,
            None => return Err(of_another()),
        };
        // SAFETY: as many bytes of a region can be read as it is large, and no guest runs that would write to them.
        let bytes = unsafe { std::slice::from_raw_parts(region.address().cast_const(), region.size()) };
        contents.memory(bytes, most).map_err(no_snapshot)?;
    }
    Ok(contents)
}

/// The parts of a global's value.
pub(super) fn parts_of(value: &Val) -> impl Iterator<Item = u64> {
    let bits = bits(value);
    let lanes = if matches!(value, Val::V128(_)) { 2 } else { 1 };
    (0..lanes).map(move |lane| (bits >> (64 * lane)) as u64)
}

/// The value of this type that has these parts. Takes them off the front.
pub(super) fn value_of(like: &Val, parts: &mut impl Iterator<Item = u64>) -> Option<Val> {
    let first = parts.next()?;
    Some(match like {
        Val::I32(_) => Val::I32(first as i32),
        Val::I64(_) => Val::I64(first as i64),
        Val::F32(_) => Val::F32(first as u32),
        Val::F64(_) => Val::F64(first),
        Val::V128(_) => Val::V128((u128::from(parts.next()?) << 64 | u128::from(first)).into()),
        _ => return None,
    })
}

/// The error of a state that does not fit. The host has compared it with the image, so one of them is wrong.
pub(super) fn of_another() -> Error {
    Error::msg("the state is not one of this program")
}
