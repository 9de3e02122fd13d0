//! Applies a policy to the settings of a pool.

use std::fs::canonicalize;
use std::path::Component;
use std::sync::Arc;
use std::time::Duration;

use super::{Init, PoolConfig};
use crate::model::fence::SandboxMode;
use crate::model::grants::DirGrant;
use crate::model::isolation::{Determinism, Isolation};
use crate::model::policy::{Bound, Denial, PolicyError};
use crate::model::settings::{Setting, SettingError};
use crate::policy::{Ceiling, Rules, Unit};

/// The time of `init` that a policy allows which says nothing of it but bounds the time of tasks, or a task's work could be
/// done there.
const INIT: Duration = Duration::from_secs(60);

impl PoolConfig {
    /// Applies [`PoolConfig::policy`]: fills in what is left out, refuses what is over a ceiling or not allowed, and cuts it
    /// where the policy says so. [`crate::Builder::build`] does the same first, and there is nothing to change the second time.
    ///
    /// A value that equals the default counts as left out.
    ///
    /// # Errors
    /// [`PolicyError::Refused`], with every setting that is refused.
    pub fn bind(&mut self) -> Result<Vec<Bound>, PolicyError> {
        // Once, so that workers open the directories that the policy was asked about.
        self.resolve_dirs();
        let policy = self.policy.clone();
        let asked = self.clone();
        let mut binding = Binding { asked, config: self, bounds: Vec::new(), denials: Vec::new() };
        for rules in policy.rules() {
            binding.require(rules);
        }
        // With what is required now, which has defaults of its own.
        binding.asked = binding.config.clone();
        for rules in policy.rules() {
            binding.allow(rules);
            rules.max.iter().for_each(|ceiling| binding.hold(rules, *ceiling));
            binding.hold_init(rules);
        }
        let Binding { bounds, denials, .. } = binding;
        if denials.is_empty() { Ok(bounds) } else { Err(PolicyError::Refused(denials)) }
    }

    /// Makes the paths of directories free of links, since workers follow none: whoever may write beside a directory could put
    /// a link to another one in its place. A directory that is missing is reported by the task that needs it.
    fn resolve_dirs(&mut self) {
        for dir in &mut self.task.grants.dirs {
            if let Ok(real) = canonicalize(&dir.host) {
                dir.host = real;
            }
        }
    }

    /// The way in which `init` runs, within the policy also where it is not set.
    pub(crate) fn init_within(&self) -> Init {
        let init = self.init.clone().unwrap_or_default();
        let most = self.policy.ceiling(Setting::InitTimeout).map_or(init.timeout, Duration::from_nanos);
        Init { timeout: init.timeout.min(most), ..init }
    }

    /// The longest deadline that an input may bring along.
    pub(crate) fn longest_deadline(&self) -> Option<Duration> {
        self.policy.ceiling(Setting::Deadline).map(Duration::from_nanos)
    }
}

/// The application of a policy, rule by rule.
struct Binding<'a> {
    /// The settings as they were asked for, which each file of the policy judges.
    asked: PoolConfig,
    config: &'a mut PoolConfig,
    bounds: Vec<Bound>,
    denials: Vec<Denial>,
}

impl Binding<'_> {
    fn deny(&mut self, rules: &Rules, setting: Setting, line: usize, what: impl Into<String>) {
        self.denials.push(rules.denial(setting, line, what));
    }

    fn changed(&mut self, rules: &Rules, setting: Setting, line: usize, from: Option<String>, to: String) {
        // The last of several changes counts.
        self.bounds.retain(|bound| bound.setting != setting);
        self.bounds.push(Bound { setting, from, to, file: rules.path.clone(), line });
    }

    fn require(&mut self, rules: &Arc<Rules>) {
        if let Some(sandbox) = &rules.sandbox
            && strength(self.config.sandbox) < strength(sandbox.value)
        {
            match self.asked.sandbox {
                // A setting that is left out.
                SandboxMode::Auto => {
                    self.config.sandbox = sandbox.value;
                    self.changed(rules, Setting::Sandbox, sandbox.line, None, word(sandbox.value).to_owned());
                }
                other => {
                    let what = format!("{} is less than {}", word(other), word(sandbox.value));
                    self.deny(rules, Setting::Sandbox, sandbox.line, what);
                }
            }
        }
        if let Some(isolation) = &rules.isolation {
            self.isolate(rules, &isolation.value, isolation.line);
        }
        if let Some(deterministic) = rules.deterministic.as_ref().filter(|it| it.value)
            && self.config.task.deterministic.is_none()
        {
            self.config.task.deterministic = Some(Determinism::default());
            if let Err(SettingError::Conflict { other, why, .. }) = self.config.check_determinism() {
                let what = format!("is required, and cannot be combined with {other}: {why}");
                self.deny(rules, Setting::Deterministic, deterministic.line, what);
            }
            self.changed(rules, Setting::Deterministic, deterministic.line, None, "true".to_owned());
        }
    }

    fn isolate(&mut self, rules: &Rules, allowed: &[Isolation], line: usize) {
        let (fresh, reset) = (allowed.contains(&Isolation::Fresh), allowed.contains(&Isolation::Reset));
        let name = if fresh { "fresh" } else { "reset" };
        match self.config.task.isolation {
            Isolation::Auto if fresh && reset => {}
            Isolation::Auto => {
                self.config.task.isolation = if fresh { Isolation::Fresh } else { Isolation::Reset };
                self.changed(rules, Setting::Isolation, line, None, name.to_owned());
            }
            Isolation::Fresh if fresh => {}
            Isolation::Reset if reset => {}
            other => {
                let other = match other {
                    Isolation::Fresh => "fresh",
                    Isolation::Reset => "reset",
                    _ => "reuse",
                };
                let names = if fresh && reset { "fresh or reset" } else { name };
                self.deny(rules, Setting::Isolation, line, format!("{other} is not {names}, which is required"));
            }
        }
    }

    fn allow(&mut self, rules: &Arc<Rules>) {
        let grants = self.asked.task.grants.clone();
        for dir in &grants.dirs {
            self.allow_dir(rules, dir);
        }
        if let Some(env) = &rules.env {
            for (name, _) in grants.env.iter().filter(|(name, _)| !env.value.iter().any(|known| known.fits(name))) {
                self.deny(rules, Setting::Env, env.line, format!("{name} is not an allowed name"));
            }
        }
        let flags = [
            (&rules.state, Setting::State, self.asked.state.is_some()),
            (&rules.scratch, Setting::Scratch, grants.scratch.is_some()),
        ];
        for (rule, setting, is_used) in flags {
            if let Some(rule) = rule.as_ref().filter(|rule| !rule.value && is_used) {
                self.deny(rules, setting, rule.line, "is not allowed");
            }
        }
    }

    /// The path of a directory is real by now, and workers follow no link on it.
    fn allow_dir(&mut self, rules: &Rules, dir: &DirGrant) {
        let Some(dirs) = &rules.dirs else { return };
        let real = &dir.host;
        if !real.is_absolute() || real.components().any(|part| part == Component::ParentDir) {
            return self.deny(rules, Setting::Directory, dirs.line, format!("cannot find {}", real.display()));
        }
        let holds = dirs.value.iter().filter(|rule| real.starts_with(&rule.path));
        if holds.clone().any(|rule| rule.writable || !dir.writable) {
            return;
        }
        let what = match holds.count() {
            0 => format!("{} lies in no allowed directory", real.display()),
            _ => format!("{} is allowed to be read, not to be written to", real.display()),
        };
        self.deny(rules, Setting::Directory, dirs.line, what);
    }

    fn hold(&mut self, rules: &Arc<Rules>, ceiling: Ceiling) {
        let Ceiling { setting, unit, most, line } = ceiling;
        if self.asked.is_absent(setting) {
            return;
        }
        if matches!(setting, Setting::Deadline | Setting::CpuTime) && self.asked.task.deterministic.is_some() {
            self.hold_backstop(rules, ceiling);
            if self.asked.amount(setting).is_none() {
                return;
            }
        }
        let asked = self.asked.amount(setting);
        let left_out = asked.is_none() || asked == self.asked.left_out(setting);
        let base = asked.or(self.asked.left_out(setting)).unwrap_or(u64::MAX);
        if base <= most {
            return;
        }
        if !left_out && !rules.cuts {
            let what = format!("{} is over {}", unit.show(base), unit.show(most));
            return self.deny(rules, setting, line, what);
        }
        let now = self.config.amount(setting).unwrap_or(u64::MAX);
        if now > most.min(base) {
            let to = most.min(base);
            self.config.lower(setting, to);
            let from = (!left_out).then(|| unit.show(base));
            self.changed(rules, setting, line, from, unit.show(to));
        }
    }

    /// A deterministic pool has fuel instead of time. Its backstop is a time all the same.
    fn hold_backstop(&mut self, rules: &Arc<Rules>, Ceiling { setting, most, line, .. }: Ceiling) {
        let most = Duration::from_nanos(most);
        let Some(how) = self.config.task.deterministic.as_mut().filter(|how| how.backstop > most) else { return };
        how.backstop = most;
        self.changed(rules, setting, line, None, Unit::Time.show(super::ceilings::nanos(most)));
    }

    /// Bounds the time of `init` where only that of tasks is bounded.
    fn hold_init(&mut self, rules: &Arc<Rules>) {
        let Some(ceiling) = rules.ceiling(Setting::Deadline).filter(|_| rules.ceiling(Setting::InitTimeout).is_none())
        else {
            return;
        };
        let most = ceiling.most.max(super::ceilings::nanos(INIT));
        self.hold(rules, Ceiling { setting: Setting::InitTimeout, most, ..ceiling });
    }
}

fn strength(mode: SandboxMode) -> u8 {
    match mode {
        SandboxMode::Off => 0,
        SandboxMode::Auto => 1,
        SandboxMode::Strict => 2,
    }
}

fn word(mode: SandboxMode) -> &'static str {
    match mode {
        SandboxMode::Off => "off",
        SandboxMode::Auto => "auto",
        SandboxMode::Strict => "strict",
    }
}
