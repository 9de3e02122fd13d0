//! Where a task has spent its time: samples of its stack.

use serde::{Deserialize, Serialize};

/// Samples of the stack of one task. Those who look at it need not check its indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Microseconds between two samples, about.
    pub interval_us: u64,
    /// Names of functions.
    pub functions: Vec<String>,
    /// Calls, each behind the one that it was made from.
    pub calls: Vec<Call>,
    /// In the order of their times.
    pub samples: Vec<Sample>,
}

/// A function on a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Call {
    /// The call in [`Profile::calls`] that called it; `None` for the first on the stack.
    pub caller: Option<u32>,
    /// Its function in [`Profile::functions`].
    pub function: u32,
}

/// The functions that were running at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Microseconds since the beginning of the task.
    pub at_us: u64,
    /// The innermost call in [`Profile::calls`].
    pub call: u32,
}

impl Profile {
    /// Whether all indexes lead somewhere, and every stack has an end.
    pub(crate) fn is_sound(&self) -> bool {
        let is_call = |(at, call): (usize, &Call)| {
            (call.function as usize) < self.functions.len() && call.caller.is_none_or(|caller| (caller as usize) < at)
        };
        let is_sample = |sample: &Sample| (sample.call as usize) < self.calls.len();
        self.calls.iter().enumerate().all(is_call) && self.samples.iter().all(is_sample)
    }

    /// The functions of a stack, from the first to the innermost, by their indexes.
    pub fn stack(&self, sample: &Sample) -> Vec<u32> {
        let call = |at: u32| self.calls.get(at as usize);
        let callers = std::iter::successors(call(sample.call), |inner| inner.caller.and_then(call));
        let mut stack: Vec<_> = callers.map(|call| call.function).collect();
        stack.reverse();
        stack
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_of_a_worker_lead_nowhere_else() {
        let call = |caller, function| Call { caller, function };
        let profile = |calls: Vec<Call>, call| Profile {
            interval_us: 1,
            functions: vec!["a".into(), "b".into()],
            calls,
            samples: vec![Sample { at_us: 0, call }],
        };
        let sound = profile(vec![call(None, 0), call(Some(0), 1)], 1);
        assert!(sound.is_sound() && sound.stack(&sound.samples[0]) == [0, 1]);
        assert!(!profile(vec![call(None, 0)], 1).is_sound(), "a sample of nothing");
        assert!(!profile(vec![call(None, 2)], 0).is_sound(), "a call of nothing");
        assert!(!profile(vec![call(Some(0), 0)], 0).is_sound(), "a circle");
    }
}
