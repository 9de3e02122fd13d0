//! What some tasks have touched, and what they were denied, together.

use std::collections::{BTreeMap, BTreeSet};

use wpool::outcome::{Access, Denial};
use wpool::{Outcome, Status, TaskResult};

/// Most denials that are kept: programs choose them.
const MOST: usize = 4096;

#[derive(Debug, Default)]
pub struct Seen {
    pub rows: u64,
    pub ends: BTreeMap<Status, u64>,
    pub denied: BTreeMap<Denial, Denied>,
    /// Denials that are not kept.
    pub more: u64,
    /// Paths of granted directories in the guest, and whether they were written to.
    pub dirs: BTreeMap<String, bool>,
    /// The environment was asked for.
    pub env: bool,
    pub interfaces: BTreeSet<String>,
    /// Tasks that ended with their worker, of which nothing is known.
    pub unknown: u64,
    /// The error of the first task that is not ok.
    pub first_error: Option<String>,
}

/// How many tasks were denied something.
#[derive(Clone, Copy, Debug, Default)]
pub struct Denied {
    pub tasks: u64,
    /// Those that are not ok.
    pub not_ok: u64,
}

impl Seen {
    pub fn add(&mut self, result: &TaskResult) {
        let status = result.outcome.status();
        self.rows += 1;
        *self.ends.entry(status).or_default() += 1;
        if let Outcome::NotOk(failure) = &result.outcome {
            let error = || format!("{}: {}", failure.status, failure.error.message);
            self.first_error.get_or_insert_with(error);
        }
        let Some(measured) = &result.receipt.measured else {
            self.unknown += u64::from(result.receipt.attempts > 0);
            return;
        };
        let Some(touched) = &measured.touched else { return };
        for denial in &touched.denied {
            self.deny(denial, status);
        }
        self.more += u64::from(touched.denied_more);
        for dir in &touched.dirs {
            *self.dirs.entry(dir.guest.clone()).or_default() |= dir.written;
        }
        self.env |= touched.env.is_some();
        self.interfaces.extend(touched.interfaces.iter().cloned());
    }

    fn deny(&mut self, denial: &Denial, status: Status) {
        if self.denied.len() >= MOST && !self.denied.contains_key(denial) {
            self.more += 1;
            return;
        }
        let denied = self.denied.entry(denial.clone()).or_default();
        denied.tasks += 1;
        denied.not_ok += u64::from(status != Status::Ok);
    }

    /// The paths that were denied.
    pub fn paths(&self) -> impl Iterator<Item = (Access, &str, Denied)> {
        let paths = self.denied.iter().filter(|(denial, _)| denial.access != Access::Interface);
        paths.map(|(denial, denied)| (denial.access, &*denial.name, *denied))
    }

    /// The interfaces that were denied.
    pub fn denied_interfaces(&self) -> impl Iterator<Item = &str> {
        let interfaces = self.denied.keys().filter(|denial| denial.access == Access::Interface);
        interfaces.map(|denial| &*denial.name)
    }

    pub fn reads_stdin(&self) -> bool {
        self.calls(&["wasi_snapshot_preview1.fd_read", "wasi:cli/stdin"])
    }

    /// Whether its outputs may differ from run to run.
    pub fn has_chance(&self) -> bool {
        let of_preview_1 = ["wasi_snapshot_preview1.clock_time_get", "wasi_snapshot_preview1.random_get"];
        let prefixes = ["wasi:clocks/", "wasi:random/"];
        let is_of = |interface: &String| prefixes.iter().any(|prefix| interface.starts_with(prefix));
        self.calls(&of_preview_1) || self.interfaces.iter().any(is_of)
    }

    pub fn calls(&self, interfaces: &[&str]) -> bool {
        interfaces.iter().any(|interface| self.interfaces.contains(*interface))
    }
}
