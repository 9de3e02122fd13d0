//! From layers to one value for each option. The stronger layer decides, and what does not go with it is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use anyhow::Result;

use crate::cli::config::layers::{Layer, Origin, Setting};
use crate::cli::config::options::{ARGS, INPUTS, Options, PROGRAM};
use crate::cli::config::value::Value;
use crate::cli::errors::usage;

/// The option whose values add up.
const POLICY: &str = "policy";

/// An option that a file or a variable sets, and that the run does without.
#[derive(Debug)]
pub struct LeftOut {
    pub name: String,
    pub setting: Setting,
    pub why: String,
}

/// The options of a run.
#[derive(Debug, Default)]
pub struct Settled {
    /// By their names.
    pub settings: BTreeMap<String, Setting>,
    /// The number of the layer of each.
    ranks: BTreeMap<String, usize>,
    pub left_out: Vec<LeftOut>,
}

impl Settled {
    pub fn of(options: &Options, layers: Vec<Layer>) -> Result<Settled> {
        let mut settled = Settled::default();
        for (rank, layer) in layers.into_iter().enumerate() {
            for (name, setting) in layer {
                if name == POLICY {
                    settled.join_policies(rank, setting);
                    continue;
                }
                if settled.settings.contains_key(&name) || settled.left_out.iter().any(|it| it.name == name) {
                    continue;
                }
                match settled.opponent(options, &name, &setting) {
                    Some(other) if settled.ranks[&other] == rank && rank > 0 => {
                        let there = &settled.settings[&other].origin;
                        return usage(format!("{}: {name} cannot be used with {other} ({there})", setting.origin));
                    }
                    Some(other) if rank > 0 => {
                        let shown = options.find(&other).map_or(other.clone(), |option| option.shown());
                        let why = format!("cannot be used with {shown} ({})", settled.settings[&other].origin);
                        settled.left_out.push(LeftOut { name, setting, why });
                    }
                    _ => {
                        settled.ranks.insert(name.clone(), rank);
                        settled.settings.insert(name, setting);
                    }
                }
            }
        }
        settled.leave_out_unmet(options);
        Ok(settled)
    }

    /// Adds the policies of a layer: each of them binds, and a weaker layer loses none to a stronger one.
    fn join_policies(&mut self, rank: usize, setting: Setting) {
        if !setting.value.is_set() {
            return;
        }
        let Some(known) = self.settings.get_mut(POLICY) else {
            self.ranks.insert(POLICY.to_owned(), rank);
            self.settings.insert(POLICY.to_owned(), setting);
            return;
        };
        known.value = Value::Texts([known.value.texts(), setting.value.texts()].concat());
        // What is refused is said with its place. Otherwise it is not of the command line alone any more.
        if known.refusal.is_none() {
            (known.refusal, known.origin) = (setting.refusal, setting.origin);
        }
    }

    /// An option of this or a stronger layer that cannot be used with this one.
    fn opponent(&self, options: &Options, name: &str, setting: &Setting) -> Option<String> {
        let set = self.settings.iter().filter(|(_, it)| it.value.is_set());
        let mut names = set.map(|(name, _)| name).filter(|_| setting.value.is_set());
        names.find(|other| options.conflict(name, other)).cloned()
    }

    /// Leaves out what files and variables set, and what needs an option that nobody sets.
    fn leave_out_unmet(&mut self, options: &Options) {
        loop {
            let missing = options.missing(&self.words(options));
            let unmet = |(name, setting): (&String, &Setting)| {
                let needed = options.missing(&alone(options, name, setting));
                let needed: BTreeSet<_> = needed.intersection(&missing).cloned().collect();
                (setting.origin != Origin::Typed && !needed.is_empty()).then(|| (name.clone(), needed))
            };
            let Some((name, needed)) = self.settings.iter().filter(|(name, _)| *name != PROGRAM).find_map(unmet) else {
                return;
            };
            let Some(setting) = self.settings.remove(&name) else { return };
            let needed = needed.into_iter().filter(|it| !it.starts_with("<TASK")).collect::<Vec<_>>().join(", ");
            self.left_out.push(LeftOut { name, setting, why: format!("needs {needed}") });
        }
    }

    /// The words that stand for them behind `wpool run`.
    pub fn words(&self, options: &Options) -> Vec<OsString> {
        let words = |name: &str| {
            let setting = self.settings.get(name).filter(|setting| !setting.is_read_elsewhere());
            let words = setting.zip(options.find(name)).map(|(setting, option)| setting.value.words(&option));
            words.unwrap_or_default()
        };
        let named = options.all().filter(|option| !option.is_operand()).flat_map(|option| words(option.name));
        let mut all: Vec<_> = [PROGRAM, INPUTS].into_iter().flat_map(words).chain(named).collect();
        let args = words(ARGS);
        if !args.is_empty() {
            all.push("--".into());
            all.extend(args);
        }
        all
    }
}

/// One option with a program.
fn alone(options: &Options, name: &str, setting: &Setting) -> Vec<OsString> {
    let words = options.find(name).map(|option| setting.value.words(&option)).unwrap_or_default();
    let dashes = (name == ARGS).then(|| "--".into());
    [OsString::from("TASK")].into_iter().chain(dashes).chain(words).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cli::config::options::{CONTROLS, Kind};

    thread_local! {
        static OPTIONS: Options = Options::new();
    }

    const VALUES: &[&str] =
        &["1", "1s", "100MiB", ".id", "auto", "now,fail=1", "strict", "epoch", "failed", "/tmp", "slice"];

    /// An option with a value that it takes.
    fn setting(options: &Options, which: usize) -> (String, Setting) {
        let all: Vec<_> = options.all().filter(|it| !it.is_operand() && !CONTROLS.contains(&it.name)).collect();
        let option = &all[which % all.len()];
        let first = option.built_in().into_iter().next();
        let fitting = || VALUES.iter().map(OsString::from).find(|value| option.check(value).is_ok());
        let value = match option.kind {
            Kind::Flag => Value::Flag(true),
            _ => Value::Texts(first.or_else(fitting).into_iter().collect()),
        };
        let origin = Origin::Variable(option.variable());
        (option.name.to_owned(), Setting { value, origin, refusal: None })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        #[test]
        fn whatever_layers_say_is_a_command_line(which in prop::collection::vec(any::<u16>(), 1..14), typed in any::<bool>()) {
            OPTIONS.with(|options| {
                let program = Setting { value: Value::Texts(vec!["TASK".into()]), origin: Origin::Typed, refusal: None };
                let mut layers = vec![Layer::from([(PROGRAM.to_owned(), program.clone())])];
                if typed {
                    layers[0].insert(INPUTS.to_owned(), program);
                }
                layers.extend(which.iter().map(|which| Layer::from([setting(options, usize::from(*which))])));
                let settled = Settled::of(options, layers.clone()).expect("no table has two options");
                if let Err(why) = options.parse(&settled.words(options)) {
                    prop_assert!(false, "{:?}: {why}", settled.words(options));
                }
                let named: BTreeSet<_> = layers.iter().flat_map(Layer::keys).collect();
                prop_assert_eq!(settled.settings.len() + settled.left_out.len(), named.len(), "nothing gets lost");
                Ok(())
            })?;
        }
    }
}
