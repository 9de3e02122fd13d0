//! The settings of a hello.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use wpool::template::Template;
use wpool::{
    DirGrant, Grants, Init, Interrupt, Isolation, Policy, PoolConfig, Program, Retry, Scratch, Shutdown, TaskSettings,
};

use crate::cli::args::isolation;
use crate::cli::commands::serve::fault::Fault;
use crate::cli::commands::serve::frame::Hello;
use crate::cli::errors::usage;
use crate::cli::plan;
use crate::cli::program::{self, Subject};
use crate::cli::scripts::RowsAs;

/// The longest time that a setting may name: a year.
const LONGEST: f64 = 366.0 * 24.0 * 3600.0;

/// The members of a hello's JSON. An unknown one is an error, so that no limit is lost to a typing mistake.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Typed {
    program: Option<PathBuf>,
    name: Option<String>,
    max_workers: Option<usize>,
    timeout: Option<f64>,
    cpu_time: Option<f64>,
    interrupt: Option<Stop>,
    memory: Option<u64>,
    max_output: Option<u64>,
    retries: u32,
    crash_limit: Option<u32>,
    isolation: Option<String>,
    init_arg: Option<String>,
    init_each: bool,
    init_timeout: Option<f64>,
    call: Option<String>,
    alloc: Option<String>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    dirs: Vec<Dir>,
    scratch: Option<ScratchDir>,
    fuel: Option<u64>,
    /// The seed.
    deterministic: Option<u64>,
    success_codes: Option<Vec<i32>>,
    max_tasks_per_worker: Option<NonZeroU32>,
    chunksize: Option<NonZeroUsize>,
    receipts: bool,
    cache: Option<bool>,
    rows: Rows,
    at_end: AtEnd,
    watch: Option<u32>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Stop {
    Epoch,
    Kill,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dir {
    host: PathBuf,
    guest: String,
    #[serde(default)]
    writable: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScratchDir {
    guest: String,
    size: Option<u64>,
}

/// The form of rows.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Rows {
    /// JSON where the program needs it, else bytes.
    #[default]
    Auto,
    Json,
    Bytes,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AtEnd {
    Drain,
    Cancel,
    #[default]
    Kill,
}

/// A session to be opened.
#[derive(Debug)]
pub struct Opening {
    pub program: Program,
    pub config: PoolConfig,
    pub rows: Rows,
    /// How the session ends with its input.
    pub at_end: Shutdown,
    /// A process with which the session ends.
    pub watch: Option<u32>,
}

impl Opening {
    pub fn of(hello: Hello) -> Result<Opening, Fault> {
        let read = serde_json::from_slice(&hello.settings);
        let typed: Typed = read.map_err(|error| Fault::setting(format!("the settings: {error}"), Vec::new()))?;
        let (rows, watch) = (typed.rows, typed.watch);
        let at_end = match typed.at_end {
            AtEnd::Drain => Shutdown::Drain,
            AtEnd::Cancel => Shutdown::Cancel,
            AtEnd::Kill => Shutdown::Kill,
        };
        let base = plan::base_config()?;
        let subject = typed.subject(hello.program, &base.policy)?;
        let mut config = typed.config(base)?;
        subject.start_with(if rows == Rows::Bytes { RowsAs::Bytes } else { RowsAs::Json }, &mut config);
        Ok(Opening { program: subject.program, config, rows, at_end, watch })
    }
}

impl Typed {
    fn subject(&self, bytes: bytes::Bytes, policy: &Policy) -> Result<Subject> {
        match &self.program {
            Some(_) if !bytes.is_empty() => usage("the hello has a program, and names one: give one of them".into()),
            Some(path) => program::load(path, &[], policy, true),
            None if bytes.is_empty() => usage("the hello has no program: give its bytes or its path".into()),
            None => {
                let name = self.name.clone().unwrap_or_else(|| "program.wasm".into());
                Ok(Subject::of_file(Program::new(name, bytes)))
            }
        }
    }

    fn config(self, base: PoolConfig) -> Result<PoolConfig> {
        let interrupt = match self.interrupt {
            Some(Stop::Kill) => Interrupt::Kill,
            _ => Interrupt::Epoch,
        };
        let init = self.init()?;
        let task = self.task()?;
        let cache = base.cache.filter(|_| self.cache != Some(false));
        let config = PoolConfig {
            workers: self.max_workers.unwrap_or(base.workers),
            task,
            interrupt,
            call: self.call,
            alloc: self.alloc,
            init,
            chunksize: self.chunksize,
            crash_limit: self.crash_limit.unwrap_or(base.crash_limit),
            retry: Retry { times: self.retries, ..Retry::default() },
            max_tasks_per_worker: self.max_tasks_per_worker,
            cache,
            ..base
        };
        config.check().map_err(wpool::Error::from)?;
        Ok(config)
    }

    fn init(&self) -> Result<Option<Init>> {
        if self.init_arg.is_none() && self.init_timeout.is_none() && !self.init_each {
            return Ok(None);
        }
        let text = self.init_arg.as_deref().unwrap_or_default();
        let Ok(argument) = STANDARD.decode(text) else { return usage("init_arg is not base64".into()) };
        let timeout = self.init_timeout.map(|time| seconds("init_timeout", time)).transpose()?;
        let base = Init::default();
        Ok(Some(Init { argument: argument.into(), each: self.init_each, timeout: timeout.unwrap_or(base.timeout) }))
    }

    fn task(&self) -> Result<TaskSettings> {
        let mut task = TaskSettings { receipts: self.receipts, ..TaskSettings::default() };
        task.json_rows = self.rows == Rows::Json;
        task.grants = self.grants()?;
        task.limits.deadline = self.timeout.map(|time| seconds("timeout", time)).transpose()?;
        task.limits.cpu = self.cpu_time.map(|time| seconds("cpu_time", time)).transpose()?;
        task.limits.fuel = self.fuel;
        task.limits.memory = self.memory.unwrap_or(task.limits.memory);
        task.limits.output = self.max_output.unwrap_or(task.limits.output);
        task.deterministic = self.deterministic.map(|seed| plan::determinism(seed, &task.limits));
        if let Some(text) = &self.isolation {
            task.isolation = isolated(text)?;
        }
        if let Some(codes) = &self.success_codes {
            task.success_codes = codes.clone();
        }
        Ok(task)
    }

    fn grants(&self) -> Result<Grants> {
        let args = self.args.iter().map(|text| Template::parse(text)).collect();
        let dirs = self.dirs.iter().map(directory).collect::<Result<_>>()?;
        let own = |scratch: &ScratchDir| {
            let base = Scratch::new(&*scratch.guest);
            Scratch { size: scratch.size.unwrap_or(base.size), ..base }
        };
        let scratch = self.scratch.as_ref().map(own);
        Ok(Grants { args, env: self.env.clone(), dirs, scratch, ..Grants::default() })
    }
}

fn isolated(text: &str) -> Result<Isolation> {
    isolation(text).or_else(|why| usage(format!("isolation {text:?}: {why}")))
}

fn seconds(name: &str, time: f64) -> Result<Duration> {
    if (0.001..=LONGEST).contains(&time) {
        return Ok(Duration::from_secs_f64(time));
    }
    usage(format!("{name} must be from 0.001 seconds to a year, not {time}"))
}

fn directory(dir: &Dir) -> Result<DirGrant> {
    let shown = dir.host.display();
    let host = std::fs::canonicalize(&dir.host).with_context(|| format!("cannot grant the directory {shown}"))?;
    ensure!(host.is_dir(), "cannot grant {shown}: it is not a directory");
    ensure!(host.to_str().is_some(), "cannot grant {shown}: its path is not UTF-8");
    ensure!(!dir.guest.is_empty(), "cannot grant {shown}: it has no path for the guest");
    Ok(DirGrant { host, guest: dir.guest.clone(), writable: dir.writable, row: None })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn opening(settings: &str) -> Result<Opening, Fault> {
        Opening::of(Hello { settings: settings.to_owned().into(), program: "(module)".into() })
    }

    #[test]
    fn settings_become_those_of_the_pool() {
        let typed =
            r#"{"max_workers":3,"timeout":1.5,"memory":65536,"isolation":"reuse=7","rows":"json","env":[["A","b"]]}"#;
        let config = opening(typed).expect("it is right").config;
        assert_eq!((config.workers, config.task.limits.memory), (3, 65536));
        assert_eq!(config.task.limits.deadline, Some(Duration::from_millis(1500)));
        assert_eq!(config.task.isolation, Isolation::Reuse(NonZeroU32::new(7)));
        assert!(config.task.json_rows);
    }

    #[test]
    fn wrong_settings_are_named() {
        for (settings, said) in [
            (r#"{"timout":1}"#, "unknown field `timout`"),
            (r#"{"timeout":-1}"#, "timeout must be"),
            (r#"{"timeout":1,"deterministic":0}"#, "cannot be combined"),
            (r#"{"max_workers":0}"#, "number of workers must be"),
            (r#"{"isolation":"none"}"#, "expected auto"),
            (r#"{"dirs":[{"host":"/none","guest":"/"}]}"#, "cannot grant"),
            (r#"{"program":"a.wasm"}"#, "give one of them"),
            ("[", "the settings: "),
        ] {
            let fault = opening(settings).expect_err(settings);
            assert!(fault.message.contains(said), "{settings}: {fault:?}");
        }
        let fault = opening(r#"{"timeout":1,"deterministic":0}"#).expect_err("both");
        assert_eq!(fault.settings, ["deterministic", "timeout"]);
    }

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn any_number_is_a_time_or_refused(time: f64) {
            if let Ok(time) = seconds("timeout", time) {
                prop_assert!(time >= Duration::from_millis(1));
            }
        }
    }
}
