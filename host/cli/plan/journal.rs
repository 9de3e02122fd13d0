//! The facts that the journal of a run has, and the runs that can be resumed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;
use wpool::place::Place;
use wpool::{Policy, PoolConfig};

use crate::cli::args::{self, RecordFormat};
use crate::cli::journal::{FORMAT, Facts, ProgramFacts, SUFFIX, ShardFacts, Stays, Text, is_final, run_id};
use crate::cli::plan::{Extras, Locator, Source, Times, pool, usage};
use crate::cli::policy::PolicyFacts;
use crate::cli::shard::{By, Shard};
use crate::cli::target::Target;

/// The setting of a shard.
pub const SHARD: &str = "--shard";
/// The setting of the times that shards were dealt by.
const SHARD_TIMES: &str = "--shard-by time";
/// Longest argument of `init` that is kept as it is.
const SHORT: usize = 200;

/// The journal that a run keeps.
#[derive(Debug)]
pub struct JournalPlan {
    /// FILE of `-o FILE`.
    pub file: Place,
    /// `FILE.wpool`.
    pub folder: Place,
    /// All but the program's hash.
    pub facts: Facts,
    pub resume: Option<Resuming>,
    /// Whether records are in the order of the rows.
    pub ordered: bool,
    /// Whether a line begins with the position of its row.
    pub ids: bool,
    /// The place of its row that a line tells, if it does.
    pub places: Option<(Extras, Locator)>,
    pub durable: bool,
    pub overwrite: bool,
}

/// How a run is resumed.
#[derive(Clone, Copy, Debug)]
pub struct Resuming {
    /// The statuses of rows that are not run again.
    pub done: Stays,
    /// Also with another program, or another wpool.
    pub across: bool,
    /// Also when something is damaged.
    pub damaged: bool,
    pub gone: Gone,
}

/// The treatment of records whose rows the input does not have any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    Keep,
    Drop,
    /// Nothing is run.
    Refuse,
}

/// The journal of a run, if it keeps one: `file` is where its records go.
pub fn journal(
    typed: &args::Run,
    file: Option<&Target>,
    source: &Source,
    config: &PoolConfig,
) -> Result<Option<JournalPlan>> {
    let journal = &typed.journal;
    let regular = file.and_then(Target::place);
    if typed.output.output_format != RecordFormat::Jsonl {
        return without(typed);
    }
    if journal.resume {
        check_resumable(typed, file.is_some(), regular.is_some(), config)?;
    }
    let Some(file) = regular.filter(|_| !journal.no_journal) else {
        if journal.durable {
            return usage("--durable needs -o FILE, a regular file, which has a journal".into());
        }
        return Ok(None);
    };
    let (across, damaged) = (journal.resume_across_programs, journal.resume_damaged);
    let gone = if journal.resume_drop_gone { Gone::Drop } else { Gone::Keep };
    let done = Stays::of(|status| is_final(status) && !journal.redo.contains(&status));
    let resume = journal.resume.then_some(Resuming { done, across, damaged, gone });
    Ok(Some(JournalPlan {
        file: file.clone(),
        folder: file.and(SUFFIX),
        facts: facts(typed, source, config),
        resume,
        ordered: !typed.output.unordered,
        ids: !typed.output.values,
        places: None,
        durable: journal.durable,
        overwrite: typed.output.overwrite,
    }))
}

/// A table has no journal: its lines do not begin with the positions of rows.
fn without(typed: &args::Run) -> Result<Option<JournalPlan>> {
    let option = match () {
        () if typed.journal.resume => "--resume",
        () if typed.journal.durable => "--durable",
        () if typed.sharding.shard.is_some() => "--shard",
        () => return Ok(None),
    };
    usage(format!(
        "{option} needs records as lines of JSON: leave out --output-format, and make the table of the finished file, for \
         example by `wpool merge --output-format csv` for shards"
    ))
}

impl JournalPlan {
    /// The journal of records with these members beside outputs.
    pub fn with(mut self, extras: &Extras, source: &Source) -> Result<JournalPlan> {
        if extras.place.is_some() {
            if self.resume.is_some() && !self.ids {
                let what =
                    "--resume cannot be used with --values and several inputs, where lines tell the places of rows";
                return usage(what.to_owned());
            }
            self.places = Some((extras.clone(), Locator::new(source)));
        }
        Ok(self)
    }

    /// The journal of a run under a policy.
    pub fn under(mut self, policy: Option<PolicyFacts>) -> JournalPlan {
        self.facts.policy = policy;
        self
    }

    /// The journal of a shard. Its place among the others is one of the settings, which a resume must not change.
    pub fn of(mut self, shard: Option<Shard>, times: Option<&Times>, typed: &args::Run) -> JournalPlan {
        let Some(shard) = shard else { return self };
        let name = |path: &Option<PathBuf>| Some(Text::from(Path::new(path.as_ref()?.file_name()?)));
        self.facts.settings.insert(SHARD.to_owned(), shard.to_string());
        if let Some(times) = times.filter(|_| shard.by == By::Time) {
            // Shards that were dealt by other times have other rows.
            self.facts.settings.insert(SHARD_TIMES.to_owned(), times.digest());
        }
        self.facts.shard = Some(ShardFacts {
            numbers: vec![shard.number],
            of: shard.of,
            by: shard.by,
            input: None,
            failed: name(&typed.output.failed),
            summary: name(&typed.messages.summary_json),
        });
        self
    }
}

/// Refuses what could not end as if it had never been interrupted.
fn check_resumable(typed: &args::Run, to_file: bool, regular: bool, config: &PoolConfig) -> Result<()> {
    let why = if !to_file {
        "needs -o FILE: standard output has no journal"
    } else if !regular {
        "needs a regular file: a device or a pipe has no journal"
    } else if config.state.is_some() {
        "cannot be used with shared state: the changes of finished tasks are gone"
    } else if config.task.grants.has_writable_dir() {
        "cannot be used with a :rw directory: finished tasks may have changed it"
    } else if !config.task.isolation.isolates() {
        "cannot be used with --isolation reuse: the state that earlier tasks left in the instance is gone"
    } else if typed.output.out_dir.is_some() {
        "cannot be used with --out-dir: the earlier run may have left incomplete files"
    } else {
        return Ok(());
    };
    usage(format!("--resume {why}"))
}

/// The facts of a run before it begins.
pub fn facts(typed: &args::Run, source: &Source, config: &PoolConfig) -> Facts {
    let (run, started) = run_id();
    let inputs = match source {
        Source::Lines(files) => files.iter().map(|file| Text::from(&**file)).collect(),
        Source::Files(_) => match typed.source.list() {
            Some((list, _)) => vec![Text::from(list.as_path())],
            None => typed.source.files.iter().map(Text::from).collect(),
        },
        Source::Once => Vec::new(),
    };
    Facts {
        format: FORMAT,
        run,
        version: env!("CARGO_PKG_VERSION").into(),
        started,
        cwd: std::env::current_dir().unwrap_or_default().as_path().into(),
        arguments: match &typed.arguments {
            Some(arguments) => arguments.iter().cloned().map(Text::from).collect(),
            None => std::env::args_os().skip(2).map(Text::from).collect(),
        },
        env: config.task.grants.env.clone(),
        program: ProgramFacts { name: String::new(), path: typed.source.task.as_path().into(), hash: String::new() },
        earlier: Vec::new(),
        settings: settings(typed, source, config),
        inputs,
        shard: None,
        policy: None,
        ended: None,
    }
}

/// Every setting on which outputs or records depend. What only says how fast, how early a run stops, or what is told
/// beside the records does not stand here.
fn settings(typed: &args::Run, source: &Source, config: &PoolConfig) -> BTreeMap<String, String> {
    let output = &typed.output;
    // With what a policy has made of them.
    let (limits, init_typed) = (&config.task.limits, typed.initializer.init_timeout);
    let init_timeout = config.init.as_ref().filter(|_| init_typed.is_some()).map(|init| init.timeout);
    let rows = match source {
        Source::Lines(_) if typed.source.are_text() => "lines",
        Source::Lines(files) => files.first().map_or("json", |file| file.layout.name()),
        Source::Files(_) => "files",
        Source::Once => "once",
    };
    let mut settings = BTreeMap::from([
        ("rows", rows.to_owned()),
        ("--call", option(typed.source.call.as_ref())),
        ("arguments after --", json(&typed.source.args)),
        ("--stdin", option(typed.source.stdin.as_ref())),
        ("--env", json(&config.task.grants.env)),
        ("--dir", json(&config.task.grants.dirs)),
        // However it is done, isolated tasks give the same.
        ("--isolation", if config.task.isolation.isolates() { "isolated" } else { "reuse" }.to_owned()),
        ("--timeout", option(limits.deadline.map(|time| format!("{time:?}")).as_ref())),
        ("--memory", limits.memory.to_string()),
        ("--max-output", limits.output.to_string()),
        ("--fuel", option(config.task.limits.fuel.map(|fuel| fuel.to_string()).as_ref())),
        ("--deterministic", config.task.deterministic.is_some().to_string()),
        ("--seed", option(config.task.deterministic.as_ref().map(|determinism| determinism.seed.to_string()).as_ref())),
        ("--init-arg", config.init.as_ref().map_or("none".into(), |init| argument(&init.argument))),
        ("--init-each", config.init.as_ref().is_some_and(|init| init.each).to_string()),
        ("--init-timeout", option(init_timeout.map(|time| format!("{time:?}")).as_ref())),
        ("--output-type", format!("{:?}", output.output_type).to_lowercase()),
        ("--success-codes", json(&output.success_codes)),
        ("--values", output.values.to_string()),
        ("--receipts", output.receipts.to_string()),
        ("--only", option(output.only.map(|only| format!("{only:?}").to_lowercase()).as_ref())),
        ("--unordered", output.unordered.to_string()),
        ("--out-dir", option(output.out_dir.as_ref().map(|path| path.to_string_lossy().into_owned()).as_ref())),
        ("--out-name", option(output.out_name.as_ref())),
        ("--retries", config.retry.times.to_string()),
        ("--crash-limit", config.crash_limit.to_string()),
        ("shared state", config.state.as_ref().map_or("none".into(), |state| argument(&state.to_json()))),
    ]);
    // Runs of before these options have no word about them.
    if let Some(names) = source.table().and_then(|table| table.names.as_deref()) {
        settings.insert("--header", json(&names));
    }
    if output.with_input {
        settings.insert("--with-input", "true".to_owned());
    }
    if let Some(key) = &output.key {
        settings.insert("--key", format!(".{key}"));
    }
    if let Some(expect) = &typed.expecting.expect {
        settings.insert("--expect", expect.clone());
        settings.insert("--expect-by", typed.expecting.expect_by.to_string());
    }
    if let Some(scratch) = &config.task.grants.scratch {
        settings.insert("--scratch", json(scratch));
    }
    if let Some(alloc) = &typed.source.alloc {
        settings.insert("--alloc", alloc.clone());
    }
    if let Some(time) = limits.cpu {
        settings.insert("--cpu-time", format!("{time:?}"));
    }
    if config.retry.times > 0 {
        settings.insert("--retry-on", format!("{:?}", config.retry.on));
    }
    settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The settings of a run without options.
pub fn defaults() -> Result<BTreeMap<String, String>> {
    let run = args::plain()?;
    let mut source = Source::Lines(Vec::new());
    let (config, _) = pool::config(&run, &mut source, Policy::default())?;
    Ok(settings(&run, &source, &config))
}

/// The differences of two runs, for people. Values of variables may be secrets and are not told.
pub fn differences(old: &Facts, new: &Facts) -> Vec<String> {
    let names: BTreeSet<_> = old.settings.keys().chain(new.settings.keys()).collect();
    let value = |of: &Facts, name: &str| match of.settings.get(name).map_or("unknown", String::as_str) {
        // However it was typed.
        "isolated" => "auto, fresh or reset".to_owned(),
        value => value.to_owned(),
    };
    let differ = names.into_iter().filter(|name| old.settings.get(*name) != new.settings.get(*name));
    let tell = |name: &String| match name.as_str() {
        "--env" => format!("--env differs in {}", variables(&old.env, &new.env)),
        _ => format!("{name} was {} and is {}", value(old, name), value(new, name)),
    };
    differ.map(tell).collect()
}

/// The names of variables that differ.
fn variables(old: &[(String, String)], new: &[(String, String)]) -> String {
    let only = |these: &[(String, String)], those: &[(String, String)]| {
        let differ = these.iter().filter(|variable| !those.contains(variable));
        differ.map(|(name, _)| name.clone()).collect::<BTreeSet<_>>()
    };
    let names: Vec<_> = only(old, new).union(&only(new, old)).cloned().collect();
    if names.is_empty() { "their order".into() } else { names.join(" ") }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data serializes")
}

fn option(value: Option<&String>) -> String {
    value.cloned().unwrap_or_else(|| "none".into())
}

/// An argument of `init`, by its bytes: the file that it came from may have changed.
fn argument(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.len() <= SHORT => text.to_owned(),
        _ => format!("{} bytes, blake3 {}", bytes.len(), blake3::hash(bytes)),
    }
}
