//! Samples of a task's stack, taken where guest code looks whether its time is over: at the beginnings of functions and
//! loops. A task in a call of the host is not seen.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use wasmtime::{AsContext, FrameInfo, WasmBacktrace};

use super::texts;
use crate::child::demangle::demangled;
use crate::model::profile::{Call, Profile, Sample};

/// Most samples. When there are so many, every second one goes, and half as many are taken from then on.
const MOST_SAMPLES: usize = 1 << 15;
/// Most different calls. Those that are found later count for their caller.
const MOST_CALLS: usize = 1 << 15;
/// Most bytes of a function's name, and of all names, each with what stands around it. All of this is less than a text on
/// the wire may be, however many escapes it needs.
const MOST_OF_A_NAME: usize = 1 << 10;
const MOST_OF_NAMES: usize = 768 << 10;
const AROUND_A_NAME: usize = 3;

/// Samples the stack of the running task.
#[derive(Clone, Debug)]
pub(crate) struct Profiler(Arc<Mutex<Samples>>);

#[derive(Debug)]
struct Samples {
    interval: Duration,
    began: Instant,
    profile: Profile,
    /// Functions by the place of their module's code, and their index.
    functions: HashMap<(usize, u32), u32>,
    calls: HashMap<Call, u32>,
    /// Bytes of names.
    names: usize,
    /// One of so many looks is a sample.
    every: u64,
    looks: u64,
}

impl Samples {
    fn new(interval: Duration) -> Samples {
        Samples {
            interval,
            began: Instant::now(),
            profile: Profile::default(),
            functions: HashMap::new(),
            calls: HashMap::new(),
            names: 0,
            every: 1,
            looks: 0,
        }
    }

    fn add(&mut self, frames: &[FrameInfo]) {
        self.looks += 1;
        if !self.looks.is_multiple_of(self.every) {
            return;
        }
        let mut call = None;
        for frame in frames.iter().rev() {
            let Some(function) = self.function(frame) else { break };
            let Some(inner) = self.call(Call { caller: call, function }) else { break };
            call = Some(inner);
        }
        let Some(call) = call else { return };
        let at_us = self.began.elapsed().as_micros() as u64;
        self.profile.samples.push(Sample { at_us, call });
        if self.profile.samples.len() >= MOST_SAMPLES {
            let mut number = 0;
            self.profile.samples.retain(|_| {
                number += 1;
                number % 2 == 0
            });
            self.every *= 2;
        }
    }

    fn function(&mut self, frame: &FrameInfo) -> Option<u32> {
        let key = (frame.module().text().as_ptr() as usize, frame.func_index());
        if let Some(known) = self.functions.get(&key) {
            return Some(*known);
        }
        let name = frame.func_name().map(|name| texts::ends(name.to_owned(), MOST_OF_A_NAME));
        let name = name.map(|name| demangled(name, MOST_OF_A_NAME));
        let name = name.unwrap_or_else(|| format!("<function {}>", frame.func_index()));
        self.names += name.len() + AROUND_A_NAME;
        if self.names > MOST_OF_NAMES {
            return None;
        }
        let index = self.profile.functions.len() as u32;
        self.profile.functions.push(name);
        self.functions.insert(key, index);
        Some(index)
    }

    fn call(&mut self, call: Call) -> Option<u32> {
        if let Some(known) = self.calls.get(&call) {
            return Some(*known);
        }
        let index = self.profile.calls.len();
        if index >= MOST_CALLS {
            return None;
        }
        self.profile.calls.push(call);
        self.calls.insert(call, index as u32);
        Some(index as u32)
    }
}

impl Profiler {
    /// A profiler that is called after equal times, about.
    pub fn new(interval: Duration) -> Profiler {
        Profiler(Arc::new(Mutex::new(Samples::new(interval))))
    }

    /// Begins a task.
    pub fn begin(&self) {
        let mut samples = self.lock();
        *samples = Samples::new(samples.interval);
    }

    /// Looks at the stack.
    pub(super) fn look(&self, store: impl AsContext) {
        let trace = WasmBacktrace::force_capture(store);
        self.lock().add(trace.frames());
    }

    /// The profile of the task, as JSON.
    pub fn end(&self) -> Vec<u8> {
        let mut samples = self.lock();
        let interval = samples.interval.as_micros() as u64 * samples.every;
        let profile = Profile { interval_us: interval, ..std::mem::take(&mut samples.profile) };
        serde_json::to_vec(&profile).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Samples> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
