//! What a child may take of the machine.

use std::{fs, io};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Needs;
use crate::config::Isolation;
use crate::limits::{MAX_CORE_DUMP, MAX_INPUT, MAX_TABLE_ELEMENTS};
use crate::report::Convention;
use crate::setup::WorkerSetup;
use crate::worker::sandbox::Keeper;

/// How readily the kernel ends a child when the machine is out of memory, from -1000 to 1000: before its host and before
/// whatever else runs here, because its tasks can be run again.
const OOM_SCORE: &str = "1000";

/// Open files: a worker has some ten. With directories, what a guest opens comes on top.
const FILES: u64 = 32;
const FILES_WITH_DIRS: u64 = 1024;

/// Memory of a worker beside its guest, rows and outputs: stacks of threads that read files, arenas of the allocator, a
/// decoder's buffers. It has used a tenth of this.
const SLACK: u64 = 256 << 20;

/// Copies of a row, and of an output, that a worker may hold at a time while its buffers grow.
const COPIES: u64 = 4;

/// Host memory for a byte of typed data, which may be a value each, before and after it is made the engine's.
const BYTES_OF_A_VALUE: u64 = 128;

/// Bytes that tasks may make a worker take. The guest's own limit is kept by the engine, exactly; this one ends a worker
/// in which it is not.
pub(in crate::worker) fn data_of_tasks(setup: &WorkerSetup) -> u64 {
    let (limits, report) = (&setup.limits, &setup.report);
    // While an instance of several memories is made, another's may still be there.
    let memories = u64::from(report.resources.memories.clamp(1, 2));
    let guests = limits.memory.saturating_mul(memories * u64::from(Keeper::instances(setup)));
    // The engine has mapped tables before, unless memories are wpool's own.
    let tables = if setup.isolation == Isolation::Reset { u64::from(report.resources.tables) } else { 0 };
    let tables = tables * MAX_TABLE_ELEMENTS * size_of::<usize>() as u64 * u64::from(Keeper::instances(setup));
    let functions = report.convention == Convention::Function || !report.functions.is_empty();
    let each = if functions { BYTES_OF_A_VALUE } else { COPIES };
    let buffers = (MAX_INPUT as u64).saturating_add(limits.output).saturating_mul(each);
    let core_dump = if setup.post_mortem { limits.memory.min(MAX_CORE_DUMP as u64) * COPIES } else { 0 };
    guests.saturating_add(tables).saturating_add(buffers).saturating_add(core_dump).saturating_add(SLACK)
}

/// Sets each of them, whatever becomes of the others.
///
/// The limit on memory is for faults of wpool's own. A guest that has broken out can write to pages and then make them
/// read-only, and the kernel stops counting them; the order in which the kernel ends processes holds that, and a control
/// group if there is one. Threads need no limit: the fence lets nobody start one.
///
/// # Errors
/// The first that there was.
pub(super) fn set(needs: &Needs<'_>) -> io::Result<()> {
    let order = fs::write("/proc/self/oom_score_adj", OOM_SCORE);
    let data = needs.data.map_or(Ok(()), |more| lower(Resource::Data, data_now()?.saturating_add(more)));
    let files = lower(Resource::Nofile, if needs.dirs.is_empty() { FILES } else { FILES_WITH_DIRS });
    order.and(data).and(files)
}

/// Nobody may raise a limit again who has no rights; a lower one stays.
fn lower(resource: Resource, limit: u64) -> io::Result<()> {
    let most = getrlimit(resource).maximum.map_or(limit, |most| most.min(limit));
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}

/// Bytes that count for the limit, as this process has them now.
fn data_now() -> io::Result<u64> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages = statm.split(' ').nth(5).and_then(|pages| pages.parse::<u64>().ok());
    let pages = pages.ok_or(io::ErrorKind::InvalidData)?;
    Ok(pages.saturating_mul(rustix::param::page_size() as u64))
}
