//! The memory that a worker's tasks may take.

use crate::child::engine::watch::LEDGER_BYTES;
use crate::child::sandbox::Keeper;
use crate::model::isolation::Isolation;
use crate::model::limits::{MAX_CORE_DUMP, MAX_INPUT, MAX_TABLE_ELEMENTS};
use crate::model::report::Convention;
use crate::protocol::setup::WorkerSetup;

/// Memory of a worker beside its guest, rows and outputs: stacks of threads that read files, arenas of the allocator,
/// buffers of a decoder. Its observed use is a tenth of this.
const SLACK: u64 = 256 << 20;

/// Copies of a row, and of an output, that a worker may hold at a time while its buffers grow.
const COPIES: u64 = 4;

/// Host memory for a byte of typed data, which may be a value of its own, both before and after its conversion for the
/// engine.
const BYTES_OF_A_VALUE: u64 = 128;

/// Bytes that tasks may make a worker take. The engine enforces the guest's own limit exactly. This larger limit ends a
/// worker whose engine does not.
pub(super) fn data_of_tasks(setup: &WorkerSetup) -> u64 {
    let (limits, report) = (&setup.task.limits, &setup.report);
    // While one instance of several memories is made, another instance may still exist.
    let memories = u64::from(report.resources.memories.clamp(1, 2));
    let guests = limits.memory.saturating_mul(memories * u64::from(Keeper::instances(&setup.task)));
    let watch = if setup.task.isolation == Isolation::Reset { LEDGER_BYTES } else { 0 };
    // The engine has mapped tables before, unless memories are wpool's own.
    let tables = if setup.image.settings.reset { u64::from(report.resources.tables) } else { 0 };
    let tables = tables * MAX_TABLE_ELEMENTS * size_of::<usize>() as u64 * u64::from(Keeper::instances(&setup.task));
    let functions = report.convention == Convention::Function || !report.functions.is_empty();
    let each = if functions { BYTES_OF_A_VALUE } else { COPIES };
    let buffers = (MAX_INPUT as u64).saturating_add(limits.output).saturating_mul(each);
    let core_dump = if setup.task.post_mortem { limits.memory.min(MAX_CORE_DUMP as u64) * COPIES } else { 0 };
    guests
        .saturating_add(watch)
        .saturating_add(tables)
        .saturating_add(buffers)
        .saturating_add(core_dump)
        .saturating_add(SLACK)
}
