//! Tasks in the order of their keys: single tasks, and stretches of plain tasks that nothing has happened to.
//!
//! An event of a task in a stretch cuts the task out. It is a single task from then on.

use std::collections::VecDeque;
use std::time::Duration;

use super::runs::RunId;
use super::task::{Home, Task};
use crate::model::span::Span;
use crate::model::task::TaskId;

/// Tasks that follow each other.
#[derive(Debug)]
pub(super) enum Work {
    One(Task),
    Many(Stretch),
}

/// Plain tasks of one run that no worker has begun, as far as the host knows. Keys and ids count up from the first.
#[derive(Debug)]
pub(super) struct Stretch {
    pub key: u64,
    pub id: u64,
    pub run: RunId,
    pub accepted: u64,
    pub rows: Span,
}

/// Facts about a task that may be in a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pool) struct Seen {
    pub key: u64,
    pub id: TaskId,
    /// Its own deadline.
    pub deadline: Option<Duration>,
}

impl Work {
    pub fn len(&self) -> usize {
        match self {
            Work::One(_) => 1,
            Work::Many(stretch) => stretch.rows.len(),
        }
    }

    /// The first of its keys.
    pub fn key(&self) -> u64 {
        match self {
            Work::One(task) => task.key,
            Work::Many(stretch) => stretch.key,
        }
    }

    fn end(&self) -> u64 {
        self.key() + self.len() as u64
    }

    pub fn run(&self) -> Option<RunId> {
        match self {
            Work::One(task) => task.run(),
            Work::Many(stretch) => Some(stretch.run),
        }
    }

    /// The id of the first task.
    pub fn id(&self) -> TaskId {
        match self {
            Work::One(task) => task.id,
            Work::Many(stretch) => TaskId(stretch.id),
        }
    }

    fn seen(&self, at: usize) -> Seen {
        match self {
            Work::One(task) => Seen { key: task.key, id: task.id, deadline: task.input.deadline() },
            Work::Many(Stretch { key, id, .. }) => {
                Seen { key: key + at as u64, id: TaskId(id + at as u64), deadline: None }
            }
        }
    }

    /// The tasks, each as a single one.
    pub fn into_tasks(self) -> impl DoubleEndedIterator<Item = Task> {
        let (one, stretch) = match self {
            Work::One(task) => (Some(task), None),
            Work::Many(stretch) => (None, Some(stretch)),
        };
        let many = stretch.into_iter().flat_map(|stretch| (0..stretch.rows.len()).map(move |at| stretch.task(at)));
        one.into_iter().chain(many)
    }
}

impl Stretch {
    fn task(&self, at: usize) -> Task {
        Task {
            key: self.key + at as u64,
            id: TaskId(self.id + at as u64),
            home: Home::Run(self.run),
            input: self.rows.lone_input(at),
            accepted: self.accepted,
            attempts: 0,
            history: None,
            dirty: false,
            cancelled: false,
        }
    }

    /// Takes out the first tasks, up to `most`.
    pub fn split_to(&mut self, most: usize) -> Stretch {
        let rows = self.rows.split_to(most);
        let first = Stretch { key: self.key, id: self.id, run: self.run, accepted: self.accepted, rows };
        self.key += first.rows.len() as u64;
        self.id += first.rows.len() as u64;
        first
    }
}

/// Tasks, oldest first.
#[derive(Debug, Default)]
pub(super) struct Works {
    /// No item is empty, and keys count up.
    items: VecDeque<Work>,
    /// Tasks in all items.
    tasks: usize,
}

impl Works {
    pub fn len(&self) -> usize {
        self.tasks
    }

    pub fn is_empty(&self) -> bool {
        self.tasks == 0
    }

    pub fn iter(&self) -> impl Iterator<Item = &Work> {
        self.items.iter()
    }

    /// Adds work that is younger than all items.
    pub fn push_back(&mut self, work: Work) {
        debug_assert!(self.items.back().is_none_or(|last| last.end() <= work.key()), "out of order");
        if work.len() > 0 {
            self.tasks += work.len();
            self.items.push_back(work);
        }
    }

    /// Adds work at the place of its key.
    pub fn insert(&mut self, work: Work) {
        // New tasks have the highest key.
        if self.items.back().is_none_or(|last| last.key() < work.key()) {
            return self.push_back(work);
        }
        let at = self.items.partition_point(|other| other.key() < work.key());
        self.tasks += work.len();
        self.items.insert(at, work);
    }

    /// Takes tasks off the front of an item, up to `most`.
    pub fn take(&mut self, item: usize, most: usize) -> Option<Work> {
        let taken = match self.items.get_mut(item)? {
            Work::Many(stretch) if stretch.rows.len() > most => Work::Many(stretch.split_to(most)),
            _ => self.items.remove(item)?,
        };
        self.tasks -= taken.len();
        Some(taken)
    }

    pub fn pop(&mut self) -> Option<Task> {
        self.take(0, 1)?.into_tasks().next()
    }

    /// The stretch at the front, if the first item is a stretch.
    pub fn stretch(&self) -> Option<&Stretch> {
        match self.items.front()? {
            Work::Many(stretch) => Some(stretch),
            Work::One(_) => None,
        }
    }

    /// The item of the task at position `at`, and the task's place in the item.
    fn place(&self, at: usize) -> Option<(usize, usize)> {
        if self.items.len() == self.tasks {
            return (at < self.tasks).then_some((at, 0));
        }
        let mut left = at;
        for (item, work) in self.items.iter().enumerate() {
            if left < work.len() {
                return Some((item, left));
            }
            left -= work.len();
        }
        None
    }

    /// The task at a place.
    pub fn get(&self, at: usize) -> Option<Seen> {
        let (item, within) = self.place(at)?;
        Some(self.items[item].seen(within))
    }

    /// Cuts the task at a place out of its stretch, and returns it.
    pub fn get_mut(&mut self, at: usize) -> Option<&mut Task> {
        self.place(at).and_then(|place| self.cut_out(place))
    }

    fn cut_out(&mut self, (item, within): (usize, usize)) -> Option<&mut Task> {
        self.cut_at(item, within + 1);
        let item = if self.cut_at(item, within) { item + 1 } else { item };
        if let Work::Many(stretch) = &self.items[item] {
            self.items[item] = Work::One(stretch.task(0));
        }
        match &mut self.items[item] {
            Work::One(task) => Some(task),
            Work::Many(_) => None,
        }
    }

    /// Splits an item at a place, unless the place is at its start or end. Returns whether it did.
    fn cut_at(&mut self, item: usize, within: usize) -> bool {
        if let Some(Work::Many(stretch)) = self.items.get_mut(item)
            && (1..stretch.rows.len()).contains(&within)
        {
            let first = stretch.split_to(within);
            self.items.insert(item, Work::Many(first));
            return true;
        }
        false
    }

    /// The item and the place in it of a task by its key. Does not count tasks, because callers look for many in a row.
    fn find(&self, key: u64) -> Option<(usize, usize)> {
        let item = self.items.partition_point(|work| work.end() <= key);
        let work = self.items.get(item).filter(|work| work.key() <= key)?;
        Some((item, (key - work.key()) as usize))
    }

    pub fn has(&self, key: u64) -> bool {
        self.find(key).is_some()
    }

    /// The task with a key, cut out of its stretch.
    pub fn by_key(&mut self, key: u64) -> Option<&mut Task> {
        self.find(key).and_then(|place| self.cut_out(place))
    }

    /// Removes the task with a key.
    pub fn remove(&mut self, key: u64) -> Option<Task> {
        self.by_key(key)?;
        let item = self.items.partition_point(|work| work.key() < key);
        self.take(item, 1)?.into_tasks().next()
    }

    /// Removes the tasks from a place on.
    pub fn split_off(&mut self, at: usize) -> Works {
        let Some((item, within)) = self.place(at) else { return Works::default() };
        let item = if self.cut_at(item, within) { item + 1 } else { item };
        let items = self.items.split_off(item);
        let tasks = self.tasks - at;
        self.tasks = at;
        Works { items, tasks }
    }

    /// All items, oldest first.
    pub fn into_works(self) -> impl DoubleEndedIterator<Item = Work> {
        self.items.into_iter()
    }

    /// All tasks, each as a single one.
    pub fn into_tasks(self) -> impl DoubleEndedIterator<Item = Task> {
        self.items.into_iter().flat_map(Work::into_tasks)
    }

    /// The keys of all tasks of the items for which `of` returns true.
    pub fn keys(&self, of: impl Fn(&Work) -> bool) -> impl Iterator<Item = u64> {
        self.items.iter().filter(move |work| of(work)).flat_map(|work| work.key()..work.end())
    }
}

impl From<Task> for Works {
    fn from(task: Task) -> Self {
        Works { items: [Work::One(task)].into(), tasks: 1 }
    }
}
