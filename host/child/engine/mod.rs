//! The engine's settings, the same for the compiler that makes an image and the worker that maps it.

pub(crate) mod layer;
pub(crate) mod memories;
mod stacks;
pub(crate) mod watch;

use std::num::NonZeroUsize;
use std::sync::Arc;

use wasmtime::{
    Collector, Config, CustomCodeMemory, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
};

use self::memories::{GUARD, Memories};
use self::stacks::Stacks;
use crate::model::limits::{MAX_MEMORY, MAX_TABLE_ELEMENTS};
use crate::model::report::Resources;
use crate::protocol::setup::{ImageSettings, Proposals};

/// The version of Wasmtime and of all its parts.
pub const VERSION: &str = wasmtime_environ::VERSION;

/// Stack of a guest: Wasmtime's own default. Deeper recursion is a trap.
const GUEST_STACK: usize = 512 << 10;
/// Stack of a runtime of scripts, as large as that of a native program: an interpreter takes several frames for each call
/// of a script. Only used pages of it are in memory.
const DEEP_STACK: usize = 8 << 20;

/// Bytes of a memory that are set to zero after a task, instead of being given back to the kernel and faulted in again.
/// With 4 MiB a WASI command starts in a third of the time, and a program of 1 MB in a fifth.
const KEEP_RESIDENT: usize = 4 << 20;

/// Smallest initial memory for which the kernel is asked which pages were touched. Measured on two processors: on one
/// it pays from 64 KiB (2.9 against 3.9 µs a task), on the other it costs 0.7 µs there and is even at 128 KiB.
const PAGEMAP_FROM: u64 = 128 << 10;

/// Most frames in a backtrace: enough to find the place, and a record stays readable.
const MAX_FRAMES: usize = 32;
/// Most frames in a backtrace of a post-mortem: a guest's whole stack, unless its frames are very small.
const ALL_FRAMES: usize = 10_000;

/// Most core instances in a component: more than any toolchain makes, and only a counter.
const CORE_INSTANCES: u32 = 1_000;
/// Most bytes of an instance's own data. Real instances have less than 100 KiB.
const INSTANCE_BYTES: usize = 16 << 20;

/// Settings of a process that runs programs. They do not change an image.
pub(crate) struct Use<'a> {
    /// The needs of an instance.
    pub resources: &'a Resources,
    /// Most instances at a time.
    pub count: u32,
    /// Whether the program is a runtime of scripts, and runs on an asynchronous stack. Others may run on that of the
    /// process, which is not larger.
    pub is_deep: bool,
    /// Whether to keep the whole state of a guest that is stopped.
    pub post_mortem: bool,
    /// The source of memories that are wpool's own.
    pub memories: &'a Arc<Memories>,
}

/// Makes an engine. The compiler instantiates nothing, so it passes no `used`.
pub(crate) fn engine(settings: ImageSettings, proposals: Proposals, used: Option<Use<'_>>) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    let stack = if used.as_ref().is_some_and(|used| used.is_deep) { DEEP_STACK } else { GUEST_STACK };
    if let Some(Use { resources, count, is_deep: _, post_mortem, memories }) = used {
        if settings.reset {
            config.with_host_memory(memories.clone()).with_host_stack(Arc::new(Stacks::default()));
        } else {
            let heaps = if proposals.heap { count } else { 0 };
            let mut pool = pool(resources, count, heaps);
            pool.async_stack_keep_resident(async_stack(stack));
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        }
        config.coredump_on_trap(post_mortem);
        config.wasm_backtrace_max_frames(NonZeroUsize::new(max_frames(post_mortem)));
    } else {
        config.with_custom_code_memory(Some(Arc::new(NeverRun)));
    }
    config
        .concurrency_support(proposals.tasks)
        .gc_support(proposals.heap)
        .wasm_exceptions(proposals.heap)
        // It collects cycles, which the programs of managed languages make, and is the engine's own choice.
        .collector(Collector::Copying)
        .wasm_wide_arithmetic(true)
        .epoch_interruption(settings.epochs)
        .consume_fuel(settings.fuel)
        .cranelift_nan_canonicalization(settings.deterministic)
        .relaxed_simd_deterministic(settings.deterministic)
        .max_wasm_stack(stack)
        .async_stack_size(async_stack(stack))
        // Guard pages do the bounds checks, so the whole address space of a 32-bit memory is reserved.
        .memory_reservation(MAX_MEMORY)
        .memory_guard_size(GUARD as u64)
        // A memory that the engine maps cannot be watched.
        .memory_init_cow(!settings.reset);
    Engine::new(&config)
}

/// Stack of a guest that runs asynchronously, with as much again for the host functions that it calls.
fn async_stack(guest: usize) -> usize {
    2 * guest
}

/// Keeps the compiler's code as data. The compiler's fence lets it make no memory executable.
struct NeverRun;

impl CustomCodeMemory for NeverRun {
    fn required_alignment(&self) -> usize {
        1
    }

    fn publish_executable(&self, _code: *const u8, _length: usize) -> wasmtime::Result<()> {
        Ok(())
    }

    fn unpublish_executable(&self, _code: *const u8, _length: usize) -> wasmtime::Result<()> {
        Ok(())
    }
}

/// Most frames in a backtrace.
pub(crate) fn max_frames(post_mortem: bool) -> usize {
    if post_mortem { ALL_FRAMES } else { MAX_FRAMES }
}

/// A pool for exactly the instances that a worker has at a time. A heap of the collector lies in a memory of the pool.
fn pool(resources: &Resources, count: u32, heaps: u32) -> PoolingAllocationConfig {
    let (memories, tables) = (resources.memories.max(1), resources.tables.max(1));
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(count)
        .total_core_instances(count * CORE_INSTANCES)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_core_instance_size(INSTANCE_BYTES)
        .max_component_instance_size(INSTANCE_BYTES)
        .total_memories(count * memories + heaps)
        .total_gc_heaps(heaps)
        .max_memories_per_component(memories)
        .max_memories_per_module(memories)
        .max_memory_size(MAX_MEMORY as usize)
        .total_tables(count * tables)
        .max_tables_per_component(tables)
        .max_tables_per_module(tables)
        .table_elements(MAX_TABLE_ELEMENTS as usize)
        .total_stacks(count)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        .pagemap_scan(if resources.initial_memory >= PAGEMAP_FROM { Enabled::Auto } else { Enabled::No });
    pool
}
