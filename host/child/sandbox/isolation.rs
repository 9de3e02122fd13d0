//! The lifetime of instances, and checks that a kept instance acts like a fresh one.

use crate::model::isolation::Isolation;
use crate::model::settings::TaskSettings;

/// A worker compares this many of its first tasks, which finds state that changes from one task to the next.
const COMPARED_FIRST: u64 = 32;
/// After them it compares one task of this many, which finds state that builds up, and costs less than half a percent.
const COMPARED_EVERY: u64 = 256;

/// An instance that could not be restored cancels this many that could.
const LOSS: u32 = 4;
/// Credit for losses before instances are no longer restored for a while.
const CREDIT: u32 = 8 * LOSS;
/// Tasks before the next try, the first time. Each further pause is twice as long.
const PAUSE: u32 = 1 << 10;

/// The treatment of an instance after its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Drops the instance.
    Nothing,
    /// Keeps the instance as its tasks leave it, for this many tasks.
    AsItIs { most: u32 },
    /// Restores the instance to its state before the first task.
    PutBack,
}

/// Decides for each task of a worker how it gets its instance.
#[derive(Debug)]
pub(crate) struct Keeper {
    isolation: Isolation,
    /// Each restored instance is compared with a fresh one.
    verify: bool,
    tasks: u64,
    credit: u32,
    /// Tasks until instances are restored again.
    paused: u32,
    pause: u32,
}

impl Keeper {
    pub fn new(settings: &TaskSettings) -> Self {
        Keeper {
            isolation: settings.isolation,
            verify: settings.verify_isolation,
            tasks: 0,
            credit: CREDIT,
            paused: 0,
            pause: PAUSE,
        }
    }

    /// The most instances that exist at a time.
    pub fn instances(settings: &TaskSettings) -> u32 {
        if settings.isolation == Isolation::Checked || settings.verify_isolation { 2 } else { 1 }
    }

    /// The treatment of the next task's instance.
    pub(crate) fn keep(&self) -> Keep {
        match self.isolation {
            Isolation::Fresh => Keep::Nothing,
            Isolation::Auto | Isolation::Reset if self.paused > 0 => Keep::Nothing,
            Isolation::Auto | Isolation::Reset => Keep::PutBack,
            Isolation::Reuse(most) => Keep::AsItIs { most: most.map_or(u32::MAX, u32::from) },
            Isolation::Checked => Keep::AsItIs { most: u32::MAX },
        }
    }

    /// Records whether an instance was kept after its task. Pauses when most instances cannot be restored, because a
    /// failed restore costs more than a fresh instance.
    pub(crate) fn kept(&mut self, kept: bool) {
        self.paused = self.paused.saturating_sub(1);
        if self.keep() != Keep::PutBack {
            return;
        }
        self.credit = if kept { CREDIT.min(self.credit + 1) } else { self.credit.saturating_sub(LOSS) };
        if self.credit == 0 {
            (self.credit, self.paused) = (CREDIT, self.pause);
            self.pause = self.pause.saturating_mul(2);
        }
    }

    /// Counts a task. Returns whether it is to be compared.
    pub fn begin(&mut self) -> bool {
        if self.isolation != Isolation::Checked {
            return false;
        }
        let index = self.tasks;
        self.tasks += 1;
        index < COMPARED_FIRST || index.is_multiple_of(COMPARED_EVERY)
    }

    /// Whether kept instances are to be compared with fresh ones.
    pub fn verifies(&self) -> bool {
        self.verify && self.keep() == Keep::PutBack
    }

    /// Keeps no instance from here on.
    pub fn give_up(&mut self) {
        self.isolation = Isolation::Fresh;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeper(isolation: Isolation) -> Keeper {
        Keeper { isolation, verify: false, tasks: 0, credit: CREDIT, paused: 0, pause: PAUSE }
    }

    #[test]
    fn a_sample_of_the_tasks_is_compared_until_one_differs() {
        let mut keeper = keeper(Isolation::Checked);
        let compared: Vec<_> = (0..1_000).filter(|_| keeper.begin()).collect();
        assert_eq!(compared, (0..32).chain([256, 512, 768]).collect::<Vec<_>>());
        keeper.give_up();
        assert!(!keeper.begin());
        assert_eq!(keeper.keep(), Keep::Nothing);
    }

    #[test]
    fn putting_back_pauses_longer_and_longer_when_it_mostly_fails() {
        let mut keeper = keeper(Isolation::Auto);
        (0..1_000).for_each(|task| keeper.kept(task % 8 != 0));
        assert_eq!(keeper.keep(), Keep::PutBack, "one in eight is worth it");
        let mut tried = 0;
        for task in 0..10_000 {
            tried += u32::from(keeper.keep() == Keep::PutBack);
            keeper.kept(task % 2 == 0);
        }
        assert!((1..200).contains(&tried), "{tried}");
        (0..u32::from(u16::MAX)).for_each(|_| keeper.kept(true));
        assert_eq!(keeper.keep(), Keep::PutBack, "it is tried again");
    }
}
