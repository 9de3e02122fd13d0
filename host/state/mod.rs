//! State that the tasks of a run share: keys and values, held by the host. Tasks reach it as `wasi:keyvalue`.
//!
//! Every call of a task is a round trip over its worker's own pipe. Calls are carried out at once, one after another,
//! so all tasks see the same order of changes: the map is linearizable, and no value in it is ever torn.

#[doc(hidden)]
mod json;
mod store;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;

use store::Store;

use crate::model::lock::lock;
use crate::protocol::state_calls::{Reply, Request};
pub use crate::protocol::state_limits::{ENTRY_COST, MAX_KEY, MAX_STATE, MAX_VALUE, StateError};

/// Shared state: a handle, whose clones are the same state. A pool gives it to its tasks
/// ([`PoolConfig::state`](crate::PoolConfig::state)); several pools may share one. The host may read and write it at
/// any time.
///
/// ```
/// use wpool::state::SharedState;
///
/// let state = SharedState::from_json(br#"{"counter": 0}"#)?;
/// state.set("greeting", "hello")?;
/// assert_eq!(state.get("counter").as_deref(), Some(&b"0"[..]));
/// assert_eq!(state.keys(), ["counter", "greeting"]);
/// # Ok::<(), wpool::state::StateError>(())
/// ```
#[derive(Clone, Default)]
pub struct SharedState(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    store: Store,
    stats: StateStats,
}

/// Tasks' use of shared state. The host's own calls do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateStats {
    /// Calls that were carried out or refused.
    pub calls: u64,
    /// Calls that changed something.
    pub writes: u64,
    /// Increments that were carried out; they are among the writes.
    pub increments: u64,
    /// Time that tasks waited for their calls, together, as measured by their workers within these workers' lives. The
    /// wait for a worker's last call is missing.
    pub time: Duration,
}

impl SharedState {
    /// Empty state.
    pub fn new() -> SharedState {
        SharedState::default()
    }

    /// State from a JSON object. A string is a value's text, and `{"base64":"…"}` is any bytes. Anything else is its
    /// JSON text, so `{"counter": 0}` begins a counter.
    ///
    /// # Errors
    /// If the text is not such an object, or exceeds a limit.
    pub fn from_json(text: &[u8]) -> Result<SharedState, StateError> {
        let state = SharedState::new();
        json::read(text, |key, value| state.lock().store.set(key, value))?;
        Ok(state)
    }

    /// The state as a JSON object, with its keys in order, one a line. A value in UTF-8 is a string, any other
    /// `{"base64":"…"}`. [`SharedState::from_json`] reads the same state from it, byte for byte.
    pub fn to_json(&self) -> Vec<u8> {
        let entries = self.lock().store.entries();
        json::write(entries)
    }

    /// The value of a key, if it is there.
    pub fn get(&self, key: &str) -> Option<Bytes> {
        self.lock().store.get(key)
    }

    /// Sets a value.
    ///
    /// # Errors
    /// If a limit is exceeded.
    pub fn set(&self, key: &str, value: impl Into<Bytes>) -> Result<(), StateError> {
        self.lock().store.set(key, value.into())
    }

    /// All keys, in order.
    pub fn keys(&self) -> Vec<String> {
        self.lock().store.entries().into_iter().map(|(key, _)| key.into()).collect()
    }

    /// The tasks' use of the state so far.
    pub fn stats(&self) -> StateStats {
        self.lock().stats
    }

    /// Carries out a task's call. Also returns whether it changed anything.
    pub(crate) fn call(&self, request: Request) -> (Reply, bool) {
        let mut inner = self.lock();
        let is_increment = matches!(request, Request::Increment { .. });
        let before = inner.store.changes();
        let reply = inner.store.apply(request).unwrap_or_else(|error| Reply::Refused(error.to_string()));
        let changed = inner.store.changes() != before;
        inner.stats.calls += 1;
        inner.stats.writes += u64::from(changed);
        inner.stats.increments += u64::from(changed && is_increment);
        (reply, changed)
    }

    pub(crate) fn waited(&self, time: Duration) {
        self.lock().stats.time += time;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that is done under the lock leaves an entry half written.
        lock(&self.0)
    }
}

impl fmt::Debug for SharedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedState").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
