//! A kept run as a plan that can be carried out again.
//!
//! The folder may be from somebody else, and a guest may have written to it. So its program is a regular file of the hash that
//! the facts tell, it is never built, the fence is never less than for a run, and what the facts grant is said first.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf, absolute};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use wpool::limits::MAX_PROGRAM;
use wpool::place::Dir;
use wpool::{DirGrant, Grants, Program, SandboxMode, Status};

use crate::cli::args::{Action, Args, Replay, Reports, Rerun, Run, Which};
use crate::cli::commands::runs::{bounded, merged};
use crate::cli::descriptor::is_stdin;
use crate::cli::errors::Usage;
use crate::cli::journal::{Facts, ShardFacts, Stays, index, output, program};
use crate::cli::plan::{Gone, JournalPlan, Plan, Resuming, differences};
use crate::cli::program::{Subject, file};
use crate::cli::say;

/// A kept run, of which something is to be done again.
#[derive(Debug)]
pub struct Again {
    pub folder: PathBuf,
    pub dir: Dir,
    pub facts: Facts,
}

/// Time between two samples of a task that is profiled.
const SAMPLING: Duration = Duration::from_millis(1);

const NO_FILE: &str = "its output is not a regular file any more";

fn is_ok(status: Status) -> bool {
    status == Status::Ok
}

impl Again {
    /// Finds a run, of which the row `id` is asked for, if there is one.
    pub fn find(run: &Path, id: Option<u64>) -> Result<Again> {
        let kept = index::find(run)?;
        let cannot = || format!("cannot run {} again", kept.folder.display());
        let dir = kept.dir().with_context(cannot)?.clone();
        dir.check_private().with_context(cannot)?;
        let facts = kept.facts.context("it has no facts")?;
        merged::refuse(&output(&kept.folder), &facts, id)?;
        Ok(Again { folder: kept.folder, dir, facts })
    }

    /// The program, from the copy that was kept.
    fn program(&self, plan: &mut Plan) -> Result<Subject> {
        let place = program(&self.dir);
        let shown = place.path();
        let cannot = || format!("cannot read {}, the program of the run", shown.display());
        let mut bytes = Vec::new();
        place.read().with_context(cannot)?.take(MAX_PROGRAM + 1).read_to_end(&mut bytes).with_context(cannot)?;
        ensure!(bytes.len() as u64 <= MAX_PROGRAM, "{} is too large for a program", shown.display());
        let copy = Program::new(self.facts.program.name.clone(), bytes);
        let same = copy.hash().to_hex().as_str() == self.facts.program.hash;
        ensure!(same, "{} has changed since the run, so it is not the program of the run any more", shown.display());
        let typed = Path::new(&*self.facts.program.path);
        let subject = Subject::of_kept(copy, typed.parent().unwrap_or(Path::new("")).to_owned())?;
        let typed = AsRef::<Path>::as_ref(&self.facts.cwd).join(&self.facts.program.path);
        let subject = match plan.config.policy.names_programs() {
            true => {
                let policy = &plan.config.policy;
                subject.found_at(&typed, &plan.python_path, policy).checked(policy)?
            }
            false => subject,
        };
        plan.start_with(&subject)?;
        Ok(subject)
    }

    /// Says that the program which was typed is another now. `remedy` is what can be done about it.
    fn say_changed(&self, subject: &Subject, plan: &Plan, remedy: &str) {
        let path = AsRef::<Path>::as_ref(&self.facts.cwd).join(&self.facts.program.path);
        if subject.differs_from(&path, &plan.python_path) {
            let path = file(&path);
            let path = path.display();
            say(format_args!("{path} has changed since the run, and the copy that the run has kept runs{remedy}"));
        }
    }

    /// Says what the program will be able to touch, which the folder decides.
    fn say_grants(&self, plan: &Plan) {
        let Grants { dirs, env, .. } = &plan.config.task.grants;
        for DirGrant { host, writable, row, .. } in dirs {
            let how = if *writable { "read and change" } else { "read" };
            let which = if row.is_some() { "the row's directory below" } else { "the directory" };
            say(format_args!("the run grants its program to {how} {which} {}", host.display()));
        }
        if !env.is_empty() {
            let names: Vec<_> = env.iter().map(|(name, _)| name.as_str()).collect();
            say(format_args!("the run gives its program the environment variables {}", names.join(" ")));
        }
    }

    /// The typed arguments, with their meaning then: directory, environment, program. `named` is how rows are named now.
    ///
    /// Where something is written beside FILE is left out, and the fence is never less than what it is without a word: the
    /// folder may be somebody else's.
    fn typed(&self, inputs: &[PathBuf], sandbox: Option<SandboxMode>, named: &str) -> Result<Run> {
        let inputs = inputs.iter().map(|path| if is_stdin(path) { Ok(path.clone()) } else { absolute(path) });
        let inputs: Vec<_> = inputs.collect::<Result<_, _>>()?;
        let arguments =
            ["wpool", "run"].into_iter().map(OsStr::new).chain(self.facts.arguments.iter().map(|text| &**text));
        let parsed = Args::try_parse_from(arguments);
        let cannot = || format!("the options of the run {} cannot be parsed any more", self.facts.run);
        let Action::Run(mut typed) = parsed.with_context(cannot)?.action else { anyhow::bail!(cannot()) };
        let cwd = &self.facts.cwd;
        std::env::set_current_dir(cwd).with_context(|| format!("cannot enter {cwd}, where the run was started"))?;
        typed.tasks.grants.env = self.facts.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        typed.source.task = program(&self.dir).path();
        if let Some(policy) = &self.facts.policy {
            bounded::as_then(&mut typed, policy).with_context(cannot)?;
        }
        typed.pool.sandbox = match (sandbox, typed.pool.sandbox) {
            (Some(now), _) => now,
            (None, SandboxMode::Strict) => SandboxMode::Strict,
            (None, SandboxMode::Auto | SandboxMode::Off) => SandboxMode::Auto,
        };
        if let Some(ShardFacts { numbers, of, .. }) = &self.facts.shard
            && let [number] = numbers[..]
        {
            // Whatever an engine says here, where it may start nothing.
            (typed.sharding.shard, typed.sharding.shard_count) = (Some(Which::Fixed(number, *of)), None);
        }
        (typed.output.failed, typed.messages.summary_json, typed.reports) = (None, None, Reports::default());
        (typed.messages.events, typed.messages.metrics_file) = (None, None);
        typed.output.output = Some(output(&self.folder));
        let of_lines = !typed.once && !typed.source.are_files();
        let lists = [&mut typed.source.files_from, &mut typed.source.files0_from];
        let list = lists.into_iter().flatten().find(|list| is_stdin(list));
        if inputs.is_empty() {
            let of_stdin = typed.source.inputs.is_empty() || typed.source.inputs.iter().any(|path| is_stdin(path));
            if of_lines && of_stdin || list.is_some() {
                let what = format!("the run read standard input, which is gone; name a file of the same rows: {named}");
                return Err(Usage(what).into());
            }
        } else if of_lines {
            typed.source.inputs = inputs;
        } else if let (Some(list), [input]) = (list, &inputs[..]) {
            input.clone_into(list);
        } else {
            let had = if typed.once { "no input (--once)" } else { "files as rows (--files)" };
            return Err(Usage(format!("the run had {had}, so name no files of rows for it")).into());
        }
        Ok(*typed)
    }

    /// A plan for what is not ok.
    pub fn failed(&self, args: &Rerun) -> Result<(Plan, Subject)> {
        let with = args.with.as_deref().map(absolute).transpose()?;
        let mut typed = self.typed(&args.inputs, args.sandbox, "wpool rerun RUN FILE --failed")?;
        typed.source.task = with.clone().unwrap_or(typed.source.task);
        typed.output.overwrite = false;
        typed.journal.resume = true;
        typed.messages.quiet = args.quiet;
        typed.messages.verbose &= !args.quiet;
        let mut plan = Plan::new(typed)?;
        let journal = plan.journal.as_mut().context(NO_FILE)?;
        let (across, damaged) = (args.resume_across_programs || with.is_some(), args.resume_damaged);
        journal.resume = Some(Resuming { done: Stays::of(is_ok), across, damaged, gone: Gone::Refuse });
        journal.facts.arguments = self.facts.arguments.clone();
        if with.is_none() {
            journal.facts.program.path = self.facts.program.path.clone();
        }
        if !plan.messages.quiet {
            self.say_grants(&plan);
        }
        let program = match with {
            Some(_) => plan.program()?,
            None => {
                let subject = self.program(&mut plan)?;
                self.say_changed(&subject, &plan, "; --with PROGRAM runs another");
                subject
            }
        };
        Ok((plan, program))
    }

    /// A plan for single tasks: the same pool and rows, and nothing is written. Refused when a setting is another now,
    /// such as an argument from a file.
    pub fn single(&self, args: &Replay) -> Result<(Plan, Subject)> {
        let mut typed = self.typed(&args.inputs, args.sandbox, "wpool replay RUN ID FILE")?;
        // Nothing is written, so nothing is replaced either.
        typed.output.overwrite = true;
        typed.tasks.state.state |= typed.tasks.state.state_out.take().is_some();
        (typed.journal.resume, typed.journal.durable, typed.strict_input) = (false, false, false);
        let mut plan = Plan::new(typed)?;
        let JournalPlan { mut facts, .. } = plan.journal.take().context(NO_FILE)?;
        if let Some(policy) = &plan.policy {
            policy.overlook(&self.facts.settings, &mut facts.settings);
        }
        let differences = differences(&self.facts, &facts);
        if !differences.is_empty() {
            return Err(Usage(format!("the run had other settings: {}", differences.join(", "))).into());
        }
        plan.config.workers = 1;
        plan.config.retry = wpool::Retry::default();
        plan.config.task.post_mortem = true;
        plan.config.task.profile = args.profile.is_some().then_some(SAMPLING);
        self.say_grants(&plan);
        let subject = self.program(&mut plan)?;
        self.say_changed(&subject, &plan, "");
        Ok((plan, subject))
    }
}
