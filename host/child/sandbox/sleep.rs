//! Sleep of preview 1 programs: `poll_oneoff` with one clock and nothing else, which is the call that `sleep` of every
//! libc makes.
//!
//! The engine's own sleep has a timer of whole milliseconds, so that 10 ms take 11, and a long path to it. A worker has
//! nothing else to do while its only task sleeps, so its thread can sleep, too.

use std::thread;
use std::time::{Duration, Instant};

use wasmtime::{AsContextMut, Caller, Extern, Linker};
use wasmtime_wasi::p1::wasi_snapshot_preview1::{self as p1, WasiSnapshotPreview1};
use wiggle::GuestMemory;

use super::core_store::{CoreStore, MODULE};
use super::guard::{Deadline, Stopped};
use super::kind::GuestStore as _;
use super::time::{ActiveTime, TICK};

const FUNCTION: &str = "poll_oneoff";

/// Bytes of a subscription and of an event, and the alignment of both.
const SUBSCRIPTION: usize = 48;
const EVENT: usize = 32;
const ALIGNMENT: usize = 8;

/// Clocks on which a relative time means the same: wall clock and monotonic clock.
const CLOCKS: [u32; 2] = [0, 1];

/// Replaces the engine's `poll_oneoff`, which still handles every call that is not a sleep.
pub(super) fn add_to_linker(linker: &mut Linker<CoreStore>, clock: ActiveTime) -> wasmtime::Result<()> {
    linker.func_wrap_async(
        MODULE,
        FUNCTION,
        move |mut caller: Caller<'_, CoreStore>, args: (i32, i32, i32, i32)| {
            let clock = clock.clone();
            Box::new(async move {
                let deadline = caller.data_mut().guard().times.deadline;
                let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
                    return Err(wasmtime::Error::msg("missing required memory export"));
                };
                let fuel = caller.as_context_mut().hostcall_fuel();
                let (memory, state) = memory.data_and_store_mut(&mut caller);
                if let Some(nap) = Nap::of(memory, args) {
                    sleep(nap.time, deadline, &clock)?;
                    nap.end(memory);
                    return Ok(0);
                }
                let world = state.wasi();
                world.set_hostcall_fuel(fuel);
                p1::poll_oneoff(world, &mut GuestMemory::Unshared(memory), args.0, args.1, args.2, args.3).await
            })
        },
    )?;
    Ok(())
}

/// One relative time, and the place in memory for its event.
struct Nap {
    time: Duration,
    user_data: [u8; 8],
    event: usize,
    count: usize,
}

impl Nap {
    /// `None` for any other call, for an invalid one, and for a time of zero, where the engine checks the deadline.
    fn of(memory: &[u8], (subscription, event, asked, count): (i32, i32, i32, i32)) -> Option<Nap> {
        let [subscription, event, count] = [subscription, event, count].map(|at| at as u32 as usize);
        let is_aligned = (subscription | event).is_multiple_of(ALIGNMENT) && count.is_multiple_of(size_of::<u32>());
        let fits = memory.get(event..event + EVENT).is_some() && memory.get(count..count + size_of::<u32>()).is_some();
        let asks = memory.get(subscription..subscription + SUBSCRIPTION)?;
        let is_clock = asks[8] == 0 && CLOCKS.map(u32::to_le_bytes).iter().any(|clock| asks[16..20] == *clock);
        let is_relative = asks[40..42] == [0, 0];
        if !(asked == 1 && is_aligned && fits && is_clock && is_relative) {
            return None;
        }
        let time = Duration::from_nanos(u64::from_le_bytes(asks[24..32].try_into().ok()?));
        let user_data = asks[..8].try_into().ok()?;
        (!time.is_zero()).then_some(Nap { time, user_data, event, count })
    }

    /// Writes the event at the end of the sleep.
    fn end(&self, memory: &mut [u8]) {
        let event = &mut memory[self.event..self.event + EVENT];
        event[..8].copy_from_slice(&self.user_data);
        // No error, kind clock, no bytes, no flags. The gap is padding, which the engine does not write either.
        event[8..11].fill(0);
        event[16..26].fill(0);
        memory[self.count..self.count + size_of::<u32>()].copy_from_slice(&1u32.to_le_bytes());
    }
}

/// Sleeps, but not beyond the task's deadline, which counts the worker's time.
fn sleep(time: Duration, deadline: Option<Deadline>, clock: &ActiveTime) -> Result<(), Stopped> {
    let until = Instant::now().checked_add(time);
    loop {
        let left = until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return Ok(());
        }
        let allowed = deadline.map_or(Duration::MAX, |deadline| deadline.left(clock));
        if allowed.is_zero() {
            return Err(Stopped::Timer);
        }
        // Active time passes in ticks, so a shorter sleep finds nothing new.
        thread::sleep(left.min(allowed.max(TICK)));
    }
}
