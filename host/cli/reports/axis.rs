//! When rows ran, on one axis for all sessions of a run.
//!
//! The axis begins with the first task. Sessions that follow each other (an interrupted run that was resumed) follow each
//! other there; sessions at the same time (shards that were merged) stand beside each other, in lanes of their own. The
//! times in which no session ran anything may be days, so a page shows them shortened: see [`Axis::shown`].
//!
//! Times are whole nanoseconds. Memory grows with the number of sessions and workers, not with that of rows.

use std::time::{Duration, SystemTime};

use anyhow::Result;

use crate::cli::journal::{Timed, Timing};
use crate::cli::reports::account::Account;

/// Workers that a history tells apart, and one that it does not know.
const WORKERS: usize = 256;
const UNKNOWN: usize = WORKERS - 1;

/// All sessions of a run.
#[derive(Debug)]
pub struct Axis {
    /// When the first task began.
    pub zero: SystemTime,
    /// Tasks that a worker was given.
    pub tasks: u64,
    /// Of them, those that are not ok.
    pub not_ok: u64,
    sessions: Vec<Session>,
    /// The times in which something ran, in their order.
    stretches: Vec<Stretch>,
    lanes: Vec<Lane>,
    /// Of each group of sessions, the lanes of its workers.
    tables: Vec<[u32; WORKERS]>,
}

/// A process that ran rows, from its first task to the end of its last.
#[derive(Clone, Debug)]
struct Session {
    start: SystemTime,
    /// Since its start.
    began: u64,
    ended: u64,
    workers: [u64; WORKERS / 64],
    /// From its start to the zero of the axis; it may have started before.
    offset: i64,
    /// What the page leaves out before it.
    shortened: u64,
    /// Sessions at the same time are in different groups.
    group: usize,
}

/// A time in which something ran.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    begin: u64,
    end: u64,
    /// What the page leaves out before it.
    shortened: u64,
}

/// A worker of a group of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    pub group: usize,
    /// `None` for all whose slot is not known.
    pub worker: Option<u8>,
}

/// When a task ran, since the zero of the axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    pub lane: usize,
    pub begin: u64,
    pub end: u64,
}

/// A gap that a page shows shortened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Where it stands on the page.
    pub shown: u64,
    pub length: Duration,
}

/// Whether a worker was given the row. All others have no time.
pub fn ran(timing: &Timing) -> bool {
    timing.attempts > 0
}

impl Axis {
    /// The axis of a run. `None` where nothing ran.
    pub fn of(account: &Account) -> Result<Option<Axis>> {
        let (mut sessions, mut tasks, mut not_ok) = (Vec::<Option<Session>>::new(), 0, 0);
        for timed in account.timings()?.filter(|timed| ran(&timed.timing)) {
            let at = timed.session as usize - 1;
            if sessions.len() <= at {
                sessions.resize(at + 1, None);
            }
            tasks += 1;
            not_ok += u64::from(timed.timing.status != wpool::Status::Ok);
            sessions[at].get_or_insert_with(|| Session::of(timed.start)).add(&timed.timing);
        }
        let zero = sessions.iter().flatten().map(|session| session.start + Duration::from_nanos(session.began)).min();
        let Some(zero) = zero else { return Ok(None) };
        let sessions = sessions.into_iter().map(|session| session.unwrap_or_else(|| Session::of(zero))).collect();
        let (stretches, lanes, tables) = (Vec::new(), Vec::new(), Vec::new());
        let mut axis = Axis { zero, tasks, not_ok, sessions, stretches, lanes, tables };
        axis.arrange();
        axis.shorten();
        axis.enlane();
        Ok(Some(axis))
    }

    /// Gives the sessions their places and groups.
    fn arrange(&mut self) {
        for session in &mut self.sessions {
            session.offset = match session.start.duration_since(self.zero) {
                Ok(later) => nanos(later) as i64,
                Err(earlier) => -(nanos(earlier.duration()) as i64),
            };
        }
        let mut order: Vec<usize> = (0..self.sessions.len()).filter(|at| self.sessions[*at].has_rows()).collect();
        order.sort_by_key(|at| self.sessions[*at].real().0);
        let mut ends: Vec<u64> = Vec::new();
        for at in order {
            let (begin, end) = self.sessions[at].real();
            let free = ends.iter().position(|busy_until| *busy_until <= begin);
            let group = free.unwrap_or_else(|| {
                ends.push(0);
                ends.len() - 1
            });
            ends[group] = end;
            self.sessions[at].group = group;
            match self.stretches.last_mut().filter(|last| begin <= last.end) {
                Some(last) => last.end = last.end.max(end),
                None => self.stretches.push(Stretch { begin, end, shortened: 0 }),
            }
        }
        self.tables = vec![[u32::MAX; WORKERS]; ends.len()];
    }

    /// Leaves all gaps together at most a fourth of the page.
    fn shorten(&mut self) {
        let running: u64 = self.stretches.iter().map(|stretch| stretch.end - stretch.begin).sum();
        let most = (running / 25).min(running / (4 * self.stretches.len() as u64).max(1));
        let (mut end, mut shortened) = (0, 0);
        for stretch in &mut self.stretches {
            shortened += (stretch.begin - end).saturating_sub(most);
            stretch.shortened = shortened;
            end = stretch.end;
        }
        for session in self.sessions.iter_mut().filter(|session| session.has_rows()) {
            let after = self.stretches.partition_point(|stretch| stretch.begin <= session.real().0);
            session.shortened = self.stretches[after - 1].shortened;
        }
    }

    fn enlane(&mut self) {
        for (group, table) in self.tables.iter_mut().enumerate() {
            let of_group = self.sessions.iter().filter(|session| session.has_rows() && session.group == group);
            let workers = of_group
                .fold([0; WORKERS / 64], |all, session| std::array::from_fn(|at| all[at] | session.workers[at]));
            for slot in (0..WORKERS).filter(|slot| workers[slot / 64] >> (slot % 64) & 1 == 1) {
                table[slot] = self.lanes.len() as u32;
                self.lanes.push(Lane { group, worker: (slot != UNKNOWN).then_some(slot as u8) });
            }
        }
    }

    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// Groups of sessions that ran at the same time.
    pub fn groups(&self) -> usize {
        self.tables.len()
    }

    /// Sessions that ran something.
    pub fn sessions(&self) -> usize {
        self.sessions.iter().filter(|session| session.has_rows()).count()
    }

    /// When a task ran.
    pub fn stay(&self, timed: &Timed) -> Stay {
        let session = &self.sessions[timed.session as usize - 1];
        let begin = session.at(nanos(timed.timing.began));
        let lane = self.tables[session.group][slot(&timed.timing)] as usize;
        Stay { lane, begin, end: begin + nanos(timed.timing.wall) }
    }

    /// The same as it is shown on a page.
    pub fn shown(&self, timed: &Timed) -> Stay {
        let Stay { lane, begin, end } = self.stay(timed);
        let shortened = self.sessions[timed.session as usize - 1].shortened;
        Stay { lane, begin: begin.saturating_sub(shortened), end: end.saturating_sub(shortened) }
    }

    /// Length of the axis as it is shown; over 0.
    pub fn length(&self) -> u64 {
        self.stretches.last().map_or(1, |last| (last.end - last.shortened).max(1))
    }

    /// The time since the first task, of a place on the page.
    pub fn real(&self, shown: u64) -> u64 {
        let after = self.stretches.partition_point(|stretch| stretch.begin - stretch.shortened <= shown);
        shown + self.stretches.get(after.saturating_sub(1)).map_or(0, |stretch| stretch.shortened)
    }

    /// The gaps that are shown shortened.
    pub fn gaps(&self) -> Vec<Gap> {
        let pairs = self.stretches.windows(2).filter(|pair| pair[1].shortened > pair[0].shortened);
        let gap = |pair: &[Stretch]| {
            let (shown, length) = (pair[0].end - pair[0].shortened, pair[1].begin - pair[0].end);
            Gap { shown, length: Duration::from_nanos(length) }
        };
        pairs.map(gap).collect()
    }
}

impl Session {
    fn of(start: SystemTime) -> Session {
        let workers = [0; WORKERS / 64];
        Session { start, began: u64::MAX, ended: 0, workers, offset: 0, shortened: 0, group: 0 }
    }

    fn add(&mut self, timing: &Timing) {
        let began = nanos(timing.began);
        self.began = self.began.min(began);
        self.ended = self.ended.max(began + nanos(timing.wall));
        let slot = slot(timing);
        self.workers[slot / 64] |= 1 << (slot % 64);
    }

    fn has_rows(&self) -> bool {
        self.began <= self.ended
    }

    /// When its first task began and its last one ended, on the axis.
    fn real(&self) -> (u64, u64) {
        (self.at(self.began), self.at(self.ended))
    }

    fn at(&self, since_start: u64) -> u64 {
        since_start.saturating_add_signed(self.offset)
    }
}

fn slot(timing: &Timing) -> usize {
    timing.worker.map_or(UNKNOWN, usize::from)
}

/// At most a quarter of the range, so that sums of such times stay in half of it: a hundred years.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).min(u64::MAX / 4)
}
