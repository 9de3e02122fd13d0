//! How long instances live, and whether a kept one does what a fresh one does.

use crate::config::Isolation;

/// Of a worker's tasks, the first so many are compared, which finds what changes from one task to the next.
const COMPARED_FIRST: u64 = 32;
/// After them one of so many, which finds what builds up, and costs less than half a percent.
const COMPARED_EVERY: u64 = 256;

/// Says of each task of a worker how its instance is to be had.
#[derive(Debug)]
pub(in crate::worker) struct Keeper {
    isolation: Isolation,
    tasks: u64,
}

impl Keeper {
    pub fn new(isolation: Isolation) -> Self {
        Keeper { isolation, tasks: 0 }
    }

    /// Instances that there can be at a time.
    pub fn instances(isolation: Isolation) -> u32 {
        if isolation == Isolation::Checked { 2 } else { 1 }
    }

    /// Most tasks that one instance serves.
    pub fn most(&self) -> u32 {
        match self.isolation {
            Isolation::Fresh => 1,
            Isolation::Reuse(most) => most.map_or(u32::MAX, u32::from),
            Isolation::Checked => u32::MAX,
        }
    }

    /// A task begins. Says whether it is to be compared.
    pub fn begin(&mut self) -> bool {
        if self.isolation != Isolation::Checked {
            return false;
        }
        let index = self.tasks;
        self.tasks += 1;
        index < COMPARED_FIRST || index.is_multiple_of(COMPARED_EVERY)
    }

    /// A kept instance did what a fresh one does not: none is kept from here on.
    pub fn give_up(&mut self) {
        self.isolation = Isolation::Fresh;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_of_the_tasks_is_compared_until_one_differs() {
        let mut keeper = Keeper::new(Isolation::Checked);
        let compared: Vec<_> = (0..1_000).filter(|_| keeper.begin()).collect();
        assert_eq!(compared, (0..32).chain([256, 512, 768]).collect::<Vec<_>>());
        keeper.give_up();
        assert!(!keeper.begin());
        assert_eq!(keeper.most(), 1);
    }
}
