//! The settings that a policy has ceilings for: where they stand, and what they are when they are left out.

use std::time::Duration;

use super::{Init, PoolConfig, default_workers};
use crate::model::limits::{CompileLimits, DETERMINISTIC_FUEL, Limits};
use crate::model::settings::Setting;

impl PoolConfig {
    /// The amount of a setting. `None` is no limit, or nothing of the kind.
    pub(super) fn amount(&self, setting: Setting) -> Option<u64> {
        let limits = &self.task.limits;
        match setting {
            Setting::Deadline => limits.deadline.map(nanos),
            Setting::CpuTime => limits.cpu.map(nanos),
            Setting::Lifetime => self.lifetime.map(nanos),
            Setting::Fuel => limits.fuel,
            Setting::Memory => Some(limits.memory),
            Setting::Output => Some(limits.output),
            Setting::Scratch => self.task.grants.scratch.as_ref().map(|scratch| scratch.size),
            Setting::Workers => Some(self.workers as u64),
            Setting::Retries => Some(self.retry.times.into()),
            Setting::CrashLimit => Some(self.crash_limit.into()),
            Setting::InitTimeout => self.init.as_ref().map(|init| nanos(init.timeout)),
            Setting::CompileTime => Some(nanos(self.compile_limits.time)),
            Setting::CompileMemory => Some(self.compile_limits.memory),
            _ => None,
        }
    }

    /// Gives a setting an amount that is not larger than the one that it has, or one where it has none.
    pub(super) fn lower(&mut self, setting: Setting, amount: u64) {
        let time = Duration::from_nanos(amount);
        // It was compared with a value of the narrower type.
        let narrow = u32::try_from(amount).unwrap_or(u32::MAX);
        match setting {
            Setting::Deadline => self.task.limits.deadline = Some(time),
            Setting::CpuTime => self.task.limits.cpu = Some(time),
            Setting::Lifetime => self.lifetime = Some(time),
            Setting::Fuel => self.task.limits.fuel = Some(amount),
            Setting::Memory => self.task.limits.memory = amount,
            Setting::Output => self.task.limits.output = amount,
            Setting::Scratch => self.task.grants.scratch.iter_mut().for_each(|scratch| scratch.size = amount),
            Setting::Workers => self.workers = usize::try_from(amount).unwrap_or(usize::MAX),
            Setting::Retries => self.retry.times = narrow,
            Setting::CrashLimit => self.crash_limit = narrow,
            Setting::InitTimeout => self.init.iter_mut().for_each(|init| init.timeout = time),
            Setting::CompileTime => self.compile_limits.time = time,
            Setting::CompileMemory => self.compile_limits.memory = amount,
            _ => {}
        }
    }

    /// The amount of a setting that was left out. A setting that has this amount counts as left out.
    pub(super) fn left_out(&self, setting: Setting) -> Option<u64> {
        match setting {
            Setting::Fuel => self.task.deterministic.as_ref().map(|_| DETERMINISTIC_FUEL),
            Setting::Memory => Some(Limits::default().memory),
            Setting::Output => Some(Limits::default().output),
            Setting::Scratch => Some(crate::model::grants::DEFAULT_SCRATCH),
            Setting::Workers => Some(default_workers() as u64),
            Setting::Retries => Some(0),
            Setting::CrashLimit => Some(3),
            Setting::InitTimeout => Some(nanos(Init::default().timeout)),
            Setting::CompileTime => Some(nanos(CompileLimits::default().time)),
            Setting::CompileMemory => Some(CompileLimits::default().memory),
            _ => None,
        }
    }

    /// Whether there is nothing to bound unless the setting is there.
    pub(super) fn is_absent(&self, setting: Setting) -> bool {
        match setting {
            Setting::Scratch => self.task.grants.scratch.is_none(),
            // `init_within` bounds the one that is not set.
            Setting::InitTimeout => self.init.is_none(),
            _ => false,
        }
    }
}

pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
