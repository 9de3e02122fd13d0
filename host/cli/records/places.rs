//! The positions that rows of the pool have in the input. The pool counts from 0 whatever it gets; rows of other shards,
//! and rows that an earlier run has done, stand between its own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use wpool::TaskId;

/// Neighbouring rows of the input, and of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Position of the first.
    pub first: u64,
    pub count: u64,
}

/// The first task of the rows that are started before all others.
pub const FRONT: u64 = 1 << 62;

/// From tasks to positions.
#[derive(Clone, Debug, Default)]
pub struct Places(Arc<Mutex<Stretches>>);

#[derive(Debug, Default)]
struct Stretches {
    /// The first task of each stretch of neighbouring rows, and its position. In an ordered run those that are over are
    /// dropped; in another there is one, of 16 bytes, for each time that other rows came between.
    list: VecDeque<(u64, u64)>,
    tasks: u64,
    /// The positions of the rows that are started before all others.
    front: Vec<u64>,
}

impl Places {
    /// Adds the rows that the pool gets before all others.
    pub fn lead(&self, positions: Vec<u64>) {
        self.lock().front = positions;
    }

    /// Adds the rows that the pool gets next.
    pub fn push(&self, rows: Stretch) {
        let mut all = self.lock();
        let (task, last) = (all.tasks, all.list.back().copied());
        if last.is_none_or(|(first, start)| start + (task - first) != rows.first) {
            all.list.push_back((task, rows.first));
        }
        all.tasks += rows.count;
    }

    /// The position of a task's row; `None` of one that was not read yet.
    pub fn position(&self, task: u64) -> Option<u64> {
        let all = self.lock();
        if task >= FRONT {
            return all.front.get((task - FRONT) as usize).copied();
        }
        let (first, start) = *all.list.get(all.stretch(task)?)?;
        Some(start + (task - first))
    }

    /// The positions of neighbouring tasks, which were read.
    pub fn stretches(&self, mut task: u64, count: usize) -> Vec<Stretch> {
        let end = task + count as u64;
        let all = self.lock();
        let mut found = Vec::new();
        while task < end
            && let Some(at) = all.stretch(task)
        {
            let (first, start) = all.list[at];
            let next = all.list.get(at + 1).map_or(all.tasks, |(next, _)| *next).min(end);
            found.push(Stretch { first: start + (task - first), count: next - task });
            task = next;
        }
        found
    }

    /// Says that no task before this one will be asked for.
    pub fn pass(&self, task: u64) {
        let mut all = self.lock();
        while all.list.get(1).is_some_and(|(first, _)| *first <= task) {
            all.list.pop_front();
        }
    }

    /// A task as the input counts it.
    pub fn of(&self, task: TaskId) -> TaskId {
        self.position(task.0).map_or(task, TaskId)
    }

    fn lock(&self) -> MutexGuard<'_, Stretches> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Stretches {
    /// The place in the list of the stretch with a task.
    fn stretch(&self, task: u64) -> Option<usize> {
        if task >= self.tasks {
            return None;
        }
        self.list.partition_point(|(first, _)| *first <= task).checked_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_have_the_positions_of_their_rows() {
        let places = Places::default();
        for (first, count) in [(2, 3), (5, 1), (9, 2)] {
            places.push(Stretch { first, count });
        }
        let all: Vec<_> = (0..7).map(|task| places.position(task)).collect();
        assert_eq!(all, [Some(2), Some(3), Some(4), Some(5), Some(9), Some(10), None]);
        let stretch = |first, count| Stretch { first, count };
        assert_eq!(places.stretches(1, 4), [stretch(3, 3), stretch(9, 1)]);
        places.lead(vec![7, 1]);
        assert_eq!((places.position(FRONT + 1), places.position(FRONT + 2)), (Some(1), None));
        places.pass(5);
        assert_eq!((places.position(3), places.position(5)), (None, Some(10)), "what has passed is forgotten");
    }
}
