//! `--dry-run`: what would run, and how the run would end at its start.

use std::fmt::Display;

use anyhow::Result;
use wpool::fence::LayerState;
use wpool::report::Report;
use wpool::{DirGrant, Grants, Limits, PoolConfig, Program, Scratch, Stdin};

use crate::cli::exit::Exit;
use crate::cli::lines::Lines;
use crate::cli::plan::{JournalPlan, Locator, Plan, Source, unbound_config};
use crate::cli::policy::PolicyFacts;
use crate::cli::print::print;
use crate::cli::program::Subject;
use crate::cli::records::resume;
use crate::cli::rows::{self, Rows, Steps, check};
use crate::cli::runtime::runtime;
use crate::cli::target::Target;
use crate::cli::trial;
use crate::cli::units::{plural, show_size, show_time};

/// Finds out what would run and prints it. Nothing is written, and no code of the program runs.
pub fn dry_run(mut plan: Plan) -> Result<Exit> {
    // The cache is a file, too.
    plan.config.cache = None;
    let program = plan.program_as_it_is()?;
    let outputs = [&plan.output, &plan.failed, &plan.state_out, &plan.messages.summary_json];
    let outputs = outputs.into_iter().chain([&plan.monitoring.events, &plan.monitoring.metrics]);
    outputs.flatten().try_for_each(Target::try_out)?;
    let mut text = Lines::default();
    let mut exit = Exit::Ok;
    let count = rows::count(&plan.source, None)?;
    let cut = plan.shard.zip(count).map(|(shard, count)| shard.cut(count));
    let own = cut.map(|cut| rows::count(&plan.source, Some(&cut))).transpose()?.flatten();
    match &program {
        None => add(&mut text, "program", format_args!("{}, which has to be built first", plan.task.display())),
        Some(Subject { program, .. }) => {
            let report = runtime()?.block_on(async { wpool::inspect(program, &plan.config).await })?;
            describe_program(program, &report, &mut text);
            if plan.strict && count.is_some() && !runtime()?.block_on(fit(&plan, &report))? {
                exit = Exit::InputRefused;
            }
        }
    }
    describe_rows(&plan.source, count, &mut text);
    if let Some(shard) = plan.shard {
        let own = own.map_or_else(|| "known once all are read".to_owned(), |own| plural(own, "row"));
        add(&mut text, "shard", format_args!("{shard}: {own}"));
    }
    if count == Some(0) {
        exit = Exit::NoInputs;
    }
    describe_settings(&plan.config, &mut text);
    for (at, line) in plan.policy.iter().flat_map(PolicyFacts::lines).enumerate() {
        add(&mut text, if at == 0 { "policy" } else { "" }, line);
    }
    describe_fence(&plan.config, &mut text)?;
    let resumes = match (&plan.journal, &program) {
        (Some(journal), Some(program)) => resume::foresee(journal, &program.kept)?,
        _ => false,
    };
    describe_outputs(&plan, resumes, &mut text);
    Ok(print(&text).max(exit))
}

async fn fit(plan: &Plan, report: &Report) -> Result<bool> {
    let check = report.row_check(&plan.config.task.grants).of_texts(plan.config.task.text_values);
    check::all_fit(Rows::read(plan.source.clone(), Steps::default())?, &Locator::new(&plan.source), &check).await
}

fn add(text: &mut Lines, name: &str, what: impl Display) {
    text.add(format_args!("{name:<12}{what}"));
}

fn describe_program(program: &Program, report: &Report, text: &mut Lines) {
    let (name, size, hash) = (program.name(), program.bytes().len() as u64, program.hash().to_hex());
    add(text, "program", format_args!("{name} ({}, {}, blake3 {hash})", report.kind, show_size(size)));
    add(text, "convention", format_args!("{}, because it {}", report.convention, report.why));
    if let Some(init) = &report.init {
        add(text, "init", format_args!("{}, which is not run now", init.join(" / ")));
    }
}

fn describe_rows(source: &Source, count: Option<u64>, text: &mut Lines) {
    let rows = match (source, count) {
        (Source::Once, _) => "one task without a row (--once)".to_owned(),
        (Source::Files(_), count) => plural(count.unwrap_or_default(), "file"),
        (Source::Lines(_), Some(count)) => format!("{} in {}", plural(count, "row"), Locator::new(source).files()),
        (Source::Lines(_), None) => format!("unknown before they are read, from {}", Locator::new(source).files()),
    };
    add(text, "rows", rows);
}

fn describe_settings(config: &PoolConfig, text: &mut Lines) {
    let Limits { deadline, memory, output, fuel, .. } = &config.task.limits;
    add(text, "workers", config.workers);
    let time = deadline.map_or_else(|| "no timeout".to_owned(), |time| format!("timeout {}", show_time(time)));
    let fuel = fuel.map_or_else(String::new, |fuel| format!(", fuel {fuel}"));
    add(text, "limits", format_args!("{time}, memory {}, output {}{fuel}", show_size(*memory), show_size(*output)));
    let (time, memory) = (show_time(config.compile_limits.time), show_size(config.compile_limits.memory));
    add(text, "", format_args!("compiling: {time} of CPU time, memory {memory}"));
    let Grants { args, stdin, env, dirs, scratch } = &config.task.grants;
    let mut grants: Vec<_> = dirs.iter().map(directory).collect();
    let own = |scratch: &Scratch| format!("a scratch directory as {}, of {}", scratch.guest, show_size(scratch.size));
    grants.extend(scratch.iter().map(own));
    if !env.is_empty() {
        // Their values may be secrets.
        let names: Vec<_> = env.iter().map(|(name, _)| name.as_str()).collect();
        grants.push(format!("variables {}", names.join(" ")));
    }
    if !args.is_empty() {
        grants.push(plural(args.len() as u64, "argument"));
    }
    match stdin {
        Stdin::Row => {}
        Stdin::Made(_) => grants.push("standard input made of the row".to_owned()),
        Stdin::Empty => grants.push("empty standard input".to_owned()),
    }
    if config.state.is_some() {
        grants.push("shared state".to_owned());
    }
    grants.extend(grants.is_empty().then(|| "nothing but the row".to_owned()));
    for (at, grant) in grants.iter().enumerate() {
        add(text, if at == 0 { "grants" } else { "" }, grant);
    }
}

fn directory(grant: &DirGrant) -> String {
    let DirGrant { host, guest, writable, row } = grant;
    let which = if row.is_some() { "the row's directory below" } else { "directory" };
    format!("{which} {} as {guest}, {}", host.display(), if *writable { "to read and change" } else { "to read" })
}

/// The fence around a task here. Where it is not enough the run would not begin.
fn describe_fence(config: &PoolConfig, text: &mut Lines) -> Result<()> {
    let trial =
        PoolConfig { sandbox: config.sandbox, compile_limits: config.compile_limits.clone(), ..unbound_config()? };
    let fence = trial::run(trial)?;
    for (at, (layer, state)) in fence.iter().flat_map(|fence| fence.layers()).enumerate() {
        let state = match state {
            LayerState::On => "on",
            LayerState::Off => "off",
            LayerState::Missing(_) => "missing",
        };
        add(text, if at == 0 { "fence" } else { "" }, format_args!("{} {state}", layer.as_str()));
    }
    Ok(())
}

fn describe_outputs(plan: &Plan, resumes: bool, text: &mut Lines) {
    let path = |target: &Target| target.path().display().to_string();
    let file = plan.output.as_ref().map(|target| {
        let stands = target.path().symlink_metadata().is_ok_and(|found| found.is_file());
        let how = match (resumes, stands) {
            (true, _) => ", whose run is resumed",
            (false, true) => ", which is replaced",
            (false, false) => "",
        };
        path(target) + how
    });
    add(text, "records", file.unwrap_or_else(|| "standard output".to_owned()));
    let journal = |JournalPlan { folder, .. }: &JournalPlan| folder.path().display().to_string();
    add(text, "journal", plan.journal.as_ref().map_or_else(|| "none".to_owned(), journal));
    if let Some(dir) = &plan.out_dir {
        add(text, "outputs", format_args!("files in {}", dir.path.display()));
    }
    let others = [
        ("failed rows", &plan.failed),
        ("state", &plan.state_out),
        ("summary", &plan.messages.summary_json),
        ("events", &plan.monitoring.events),
        ("metrics", &plan.monitoring.metrics),
    ];
    for (name, target) in others {
        target.iter().for_each(|target| add(text, name, path(target)));
    }
}
