//! Settles a pool's settings before the program is known: rejects values out of range and settings that contradict each
//! other, and fills in settings that follow from others.

use std::time::Duration;

use super::{MAX_WORKERS, PoolConfig};
use crate::model::error::Error;
use crate::model::grants::SCRATCH_SIZES;
use crate::model::isolation::{Interrupt, Isolation, WATCHED_PAGE};
use crate::model::limits::{DETERMINISTIC_FUEL, Limits, MAX_MEMORY, MAX_OUTPUT, in_words};
use crate::model::policy::Bound;
use crate::model::settings::{Setting, SettingError};

/// The shortest deadline that a kill can enforce. A worker sends answers that wait behind a long task only after some
/// 10 ms, and the host may see the task as late as 10 ms after its start. At a shorter deadline, a kill for a later
/// task could lose these answers, and their tasks would run twice.
pub(crate) const SHORTEST_KILL: Duration = Duration::from_millis(30);

impl PoolConfig {
    /// Checks the settings as far as this is possible without the program. [`crate::Builder::build`] makes the same
    /// check first.
    ///
    /// # Errors
    /// When a value is out of range, or two settings contradict each other.
    pub fn check(&self) -> Result<(), SettingError> {
        self.check_ranges()?;
        self.check_kills()?;
        self.check_scratch()?;
        self.check_determinism()
    }

    /// Applies the policy, checks the settings, and fills in what follows from them. Gives what the policy has changed.
    ///
    /// # Errors
    /// As [`PoolConfig::bind`] and [`PoolConfig::check`].
    pub(crate) fn settle(&mut self) -> Result<Vec<Bound>, Error> {
        let bounds = self.bind()?;
        self.check()?;
        self.task.post_mortem |= self.task.profile.is_some();
        self.task.receipts |= self.task.post_mortem || self.task.learn.is_some();
        if self.task.deterministic.is_some() {
            self.task.limits.fuel.get_or_insert(DETERMINISTIC_FUEL);
        }
        Ok(bounds)
    }

    fn check_ranges(&self) -> Result<(), SettingError> {
        let limits = &self.task.limits;
        let (setting, range, value) = match () {
            () if !(1..=MAX_WORKERS).contains(&self.workers) => {
                (Setting::Workers, format!("from 1 to {MAX_WORKERS}"), self.workers.to_string())
            }
            () if limits.deadline.is_some_and(|deadline| deadline.is_zero()) => {
                (Setting::Deadline, "over 0".to_owned(), "0".to_owned())
            }
            () if limits.cpu.is_some_and(|time| time.is_zero()) => {
                (Setting::CpuTime, "over 0".to_owned(), "0".to_owned())
            }
            () if limits.fuel == Some(0) => (Setting::Fuel, "at least 1".to_owned(), "0".to_owned()),
            () if limits.memory > MAX_MEMORY => {
                let range = format!("{} GiB at most, which is all that a guest can address", MAX_MEMORY >> 30);
                (Setting::Memory, range, limits.memory.to_string())
            }
            () if limits.output > MAX_OUTPUT => {
                (Setting::Output, format!("{} MiB at most", MAX_OUTPUT >> 20), limits.output.to_string())
            }
            () if self.task.grants.scratch.as_ref().is_some_and(|scratch| !SCRATCH_SIZES.contains(&scratch.size)) => {
                let size = self.task.grants.scratch.as_ref().map_or(0, |scratch| scratch.size);
                let range = format!("from {} to {}", in_words(*SCRATCH_SIZES.start()), in_words(*SCRATCH_SIZES.end()));
                (Setting::Scratch, range, format!("{size} bytes"))
            }
            () if self.crash_limit == 0 => (Setting::CrashLimit, "at least 1".to_owned(), "0".to_owned()),
            () => return Ok(()),
        };
        Err(SettingError::Range { setting, range, value })
    }

    /// Rejects kills at deadlines together with settings that they would harm.
    fn check_kills(&self) -> Result<(), SettingError> {
        let Some(deadline) = self.task.limits.deadline.filter(|_| self.kills_at_deadline()) else { return Ok(()) };
        if deadline < SHORTEST_KILL {
            let range =
                format!("at least {SHORTEST_KILL:?} when kills keep it: an earlier kill may lose answers of others");
            return Err(SettingError::Range { setting: Setting::Deadline, range, value: format!("{deadline:?}") });
        }
        let (other, why) = match () {
            () if self.task.isolation == Isolation::Checked => (
                Setting::Isolation,
                "a task that runs a second time only to be compared would be killed at its deadline",
            ),
            () if self.task.verify_isolation => (
                Setting::VerifyIsolation,
                "the time of a comparison would count as its task's; let workers keep the deadline",
            ),
            () => return Ok(()),
        };
        Err(SettingError::Conflict { setting: Setting::Interrupt, other, why: why.to_owned() })
    }

    /// An instance that is used again keeps the directories that it has.
    fn check_scratch(&self) -> Result<(), SettingError> {
        if self.task.grants.scratch.is_none() || self.task.isolation.isolates() {
            return Ok(());
        }
        let why = "an instance that is used as tasks leave it would keep the directory of its first task".to_owned();
        Err(SettingError::Conflict { setting: Setting::Scratch, other: Setting::Isolation, why })
    }

    pub(super) fn check_determinism(&self) -> Result<(), SettingError> {
        if self.task.deterministic.is_none() {
            return Ok(());
        }
        let each_other = "tasks would see each other";
        let machine = "time depends on the machine; limit work, by fuel, instead";
        let (other, why) = match () {
            () if self.task.limits.deadline.is_some() => (Setting::Deadline, machine),
            () if self.task.limits.cpu.is_some() => (Setting::CpuTime, machine),
            () if self.state.is_some() => (Setting::State, "it depends on the order of tasks"),
            () if !self.task.isolation.isolates() => (Setting::Isolation, each_other),
            () if self.task.grants.has_writable_dir() => (Setting::Dirs, each_other),
            () if self.task.grants.scratch.is_some() => {
                (Setting::Scratch, "its files have the dates and numbers of the machine")
            }
            () => return Ok(()),
        };
        Err(SettingError::Conflict { setting: Setting::Deterministic, other, why: why.to_owned() })
    }

    /// Whether instances are restored after each task if their program allows it, or why not.
    pub(crate) fn puts_back(&self) -> Result<(), String> {
        let why = match () {
            () if !matches!(self.task.isolation, Isolation::Auto | Isolation::Reset) => {
                "they are to be fresh, or used again"
            }
            () if !self.task.grants.dirs.is_empty() || self.task.learn.is_some() => "it has directories",
            () if self.task.grants.scratch.is_some() => "it has a scratch directory",
            () if self.init.as_ref().is_some_and(|init| init.each) => "`init` is to run in each instance",
            // The engine counts to this number, with the work of copying data into an instance on top.
            () if self.task.limits.fuel.is_some_and(|fuel| fuel > i64::MAX as u64) => "there is no end to its fuel",
            () if self.task.post_mortem => "everything is kept of a task that is stopped",
            () if self.state.is_some() => "tasks share state, through handles",
            // On x86-64 they are always of this size.
            () if !cfg!(target_arch = "x86_64") && rustix::param::page_size() != WATCHED_PAGE => {
                "this machine's pages of memory are not of 4 KiB"
            }
            () => return Ok(()),
        };
        Err(why.to_owned())
    }

    /// The limits that workers enforce. The host itself enforces a deadline by kills.
    pub(crate) fn worker_limits(&self) -> Limits {
        let deadline = self.task.limits.deadline.filter(|_| !self.kills_at_deadline());
        Limits { deadline, ..self.task.limits.clone() }
    }

    /// Whether kills enforce the pool's deadline.
    pub(crate) fn kills_at_deadline(&self) -> bool {
        self.interrupt == Interrupt::Kill && self.task.limits.deadline.is_some()
    }
}
