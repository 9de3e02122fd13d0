//! The map and its limits: no locks, no clocks, no pipes.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;

use crate::protocol::state_calls::{Delta, PAIR_OVERHEAD, Reply, Request};
use crate::protocol::state_limits::{ENTRY_COST, MAX_CALL, MAX_STATE, StateError, check_key, check_value};

/// Bytes of keys in one page of a listing. A page has at least one key.
const PAGE: usize = 64 << 10;

#[derive(Debug, Default)]
pub(super) struct Store {
    entries: BTreeMap<Box<str>, Entry>,
    /// The bytes that count against [`MAX_STATE`].
    pub size: usize,
    /// The number of changes so far. A value's version is the number of its last change, so no version is used twice.
    changes: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    value: Bytes,
    version: u64,
}

impl Store {
    pub fn changes(&self) -> u64 {
        self.changes
    }

    pub fn get(&self, key: &str) -> Option<Bytes> {
        self.entries.get(key).map(|entry| entry.value.clone())
    }

    pub fn entries(&self) -> Vec<(Box<str>, Bytes)> {
        self.entries.iter().map(|(key, entry)| (key.clone(), entry.value.clone())).collect()
    }

    pub fn set(&mut self, key: &str, value: Bytes) -> Result<(), StateError> {
        check_key(key)?;
        check_value(&value)?;
        let freed = self.entries.get(key).map_or(0, |old| cost(key, &old.value));
        let size = self.size - freed + cost(key, &value);
        if size > MAX_STATE {
            return Err(StateError::Full);
        }
        self.size = size;
        self.changes += 1;
        let entry = Entry { value, version: self.changes };
        match self.entries.get_mut(key) {
            Some(place) => *place = entry,
            None => drop(self.entries.insert(key.into(), entry)),
        }
        Ok(())
    }

    fn delete(&mut self, key: &str) {
        if let Some(old) = self.entries.remove(key) {
            self.size -= cost(key, &old.value);
            self.changes += 1;
        }
    }

    /// Carries out a task's request.
    pub fn apply(&mut self, request: Request) -> Result<Reply, StateError> {
        request.check()?;
        Ok(match request {
            Request::Get { key } => Reply::Value(self.get(&key)),
            Request::Set { key, value } => {
                self.set(&key, value)?;
                Reply::Done
            }
            Request::Delete { key } => {
                self.delete(&key);
                Reply::Done
            }
            Request::Exists { key } => Reply::Exists(self.entries.contains_key(key.as_str())),
            Request::ListKeys { after } => self.page(after.as_deref()),
            Request::Increment { key, delta } => Reply::Number(self.increment(&key, delta)?),
            Request::Watch { key } => self.watched(&key),
            Request::Swap { key, version, value } => {
                if self.version(&key) != version {
                    return Ok(self.watched(&key));
                }
                self.set(&key, value)?;
                Reply::Done
            }
            Request::GetMany { keys } => self.get_many(&keys)?,
            Request::SetMany { pairs } => {
                for (key, value) in pairs {
                    self.set(&key, value)?;
                }
                Reply::Done
            }
            Request::DeleteMany { keys } => {
                keys.iter().for_each(|key| self.delete(key));
                Reply::Done
            }
        })
    }

    /// The version of a value; 0 for a missing value.
    fn version(&self, key: &str) -> u64 {
        self.entries.get(key).map_or(0, |entry| entry.version)
    }

    fn watched(&self, key: &str) -> Reply {
        Reply::Versioned { version: self.version(key), value: self.get(key) }
    }

    /// Adds to a decimal integer. A missing value counts as 0.
    fn increment(&mut self, key: &str, delta: Delta) -> Result<i128, StateError> {
        let number = match self.entries.get(key) {
            Some(entry) => number(&entry.value).ok_or_else(|| StateError::NotANumber(key.into()))?,
            None => 0,
        };
        let (delta, range) = match delta {
            Delta::Signed(delta) => (delta.into(), i64::MIN.into()..=i64::MAX.into()),
            Delta::Unsigned(delta) => (i128::from(delta), 0..=u64::MAX.into()),
        };
        let sum = number + delta;
        if !range.contains(&sum) {
            return Err(StateError::Overflow(key.into()));
        }
        self.set(key, sum.to_string().into())?;
        Ok(sum)
    }

    fn get_many(&self, keys: &[String]) -> Result<Reply, StateError> {
        let values: Vec<_> = keys.iter().map(|key| self.get(key)).collect();
        let size = values.iter().map(|value| PAIR_OVERHEAD + value.as_ref().map_or(0, Bytes::len)).sum();
        if size > MAX_CALL {
            return Err(StateError::Batch(size));
        }
        Ok(Reply::Values(values))
    }

    /// The keys that follow `after`, in order.
    fn page(&self, after: Option<&str>) -> Reply {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = self.entries.range::<str, _>((from, Bound::Unbounded)).map(|(key, _)| key).peekable();
        let (mut keys, mut size) = (Vec::new(), 0);
        while let Some(key) = rest.next_if(|_| size < PAGE) {
            size += PAIR_OVERHEAD + key.len();
            keys.push(key.to_string());
        }
        Reply::Keys { keys, more: rest.peek().is_some() }
    }
}

fn cost(key: &str, value: &Bytes) -> usize {
    key.len() + value.len() + ENTRY_COST
}

/// An integer within the ranges that can be incremented.
fn number(value: &[u8]) -> Option<i128> {
    let number: i128 = std::str::from_utf8(value).ok()?.parse().ok()?;
    (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&number).then_some(number)
}
