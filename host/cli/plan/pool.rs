//! The meaning of the options about the pool and its tasks.

use anyhow::Result;
use wpool::limits::{CompileLimits, MAX_WORKERS};
use wpool::{Bound, Error, Limits, Observer, Policy, PoolConfig, Retry, TaskSettings, WorkerCommand};

use super::{Source, determinism, grants, initializer, state, usage};
use crate::cli::args;
use crate::cli::dirs::cache_dir;
use crate::cli::policy;
use crate::cli::tell::tell;
use crate::cli::units::{Jobs, jobs};

/// The variable that sets the number of workers where none is typed.
const WORKERS: &str = "WPOOL_WORKERS";

/// The settings of a run's pool. Rows are pinned if tasks may write to a directory.
pub(super) fn config(typed: &args::Run, source: &mut Source, policy: Policy) -> Result<(PoolConfig, Vec<Bound>)> {
    let (base, limits) = (unbound_config()?, &typed.tasks.limits);
    let mut config = PoolConfig {
        // A single task has no use for a second one.
        workers: workers(typed.pool.jobs, base.workers)?.min(if typed.once { 1 } else { usize::MAX }),
        task: task(typed, source)?,
        compile_limits: CompileLimits { time: limits.compile_timeout, memory: limits.compile_memory },
        interrupt: limits.interrupt,
        call: typed.source.call.clone(),
        alloc: typed.source.alloc.clone(),
        init: initializer::init(&typed.initializer)?,
        chunksize: typed.pool.chunksize,
        crash_limit: typed.stopping.crash_limit,
        retry: retry(&typed.stopping),
        max_tasks_per_worker: typed.stopping.max_tasks_per_worker,
        state: state::state(&typed.tasks.state)?,
        cache: base.cache.filter(|_| !typed.pool.no_cache),
        lifetime: typed.stopping.deadline,
        sandbox: typed.pool.sandbox,
        policy,
        ..base
    };
    let bounds = config.bind().map_err(Error::from)?;
    config.check().map_err(Error::from)?;
    if config.task.grants.has_writable_dir() {
        source.pin();
    }
    Ok((config, bounds))
}

fn task(typed: &args::Run, source: &Source) -> Result<TaskSettings> {
    let output = &typed.output;
    let files = matches!(source, Source::Files(_));
    let bytes = matches!(output.output_type, args::OutputType::Text | args::OutputType::Base64);
    let args::TaskOptions { limits, determinism, .. } = &typed.tasks;
    let limits = Limits {
        deadline: limits.timeout,
        cpu: limits.cpu_time,
        fuel: limits.fuel.map(u64::from),
        memory: limits.memory,
        output: limits.max_output,
        ..Limits::default()
    };
    Ok(TaskSettings {
        deterministic: determinism::typed(determinism, &limits),
        limits,
        grants: grants::grants(typed, files)?,
        isolation: typed.pool.isolation,
        verify_isolation: typed.pool.verify_isolation,
        json_rows: !typed.source.are_text() && !typed.once && !files,
        text_values: source.table().is_some(),
        bare_outputs: bytes || output.out_dir.is_some(),
        success_codes: output.success_codes.clone(),
        // The prints of a task that is ok come with its measurements.
        receipts: output.receipts || typed.messages.show_output,
        learn: None,
        post_mortem: false,
        profile: None,
    })
}

fn retry(typed: &args::Stopping) -> Retry {
    let args::Stopping { retries, retry_on, retry_delay, .. } = typed;
    Retry { times: *retries, on: retry_on.clone(), delay: retry_delay.first, max_delay: retry_delay.longest }
}

/// The configuration of every pool of this command: its own children, the user's cache, an observer that warns, and the
/// policies that bind the command.
pub fn base_config() -> Result<PoolConfig> {
    Ok(PoolConfig { policy: policy::current()?, ..unbound_config()? })
}

/// The same without a policy, for programs that are not the user's.
pub fn unbound_config() -> Result<PoolConfig> {
    let mut config =
        PoolConfig { worker: Some(WorkerCommand::this_program()), cache: cache_dir(), ..PoolConfig::default() };
    config.observer = Observer::new(|event| tell(event, false)).without_tasks();
    Ok(config)
}

/// The number of workers that was typed, or else set for all runs, on so many cores.
fn workers(typed: Option<Jobs>, cores: usize) -> Result<usize> {
    let set = std::env::var_os(WORKERS).filter(|set| typed.is_none() && !set.is_empty());
    let (jobs, option) = match (typed, set) {
        (Some(jobs), _) => (jobs, "-j"),
        (None, None) => return Ok(cores),
        (None, Some(set)) => match jobs(&set.to_string_lossy()) {
            Ok(jobs) => (jobs, WORKERS),
            Err(why) => return usage(format!("{WORKERS}={}: {why}", set.display())),
        },
    };
    match jobs.of(cores) {
        workers if workers > MAX_WORKERS => {
            usage(format!("{option} {workers} is more than the {MAX_WORKERS} workers that a pool may have"))
        }
        workers => Ok(workers),
    }
}
