//! `wpool doctor`: what can be built here, what this machine offers, and whether wpool works on it.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use bytesize::ByteSize;
use serde::Serialize;
use wpool::{Outcome, Pool, Program, Shutdown};

use super::exit::Exit;
use super::{args, plan, print, run, say};
use crate::build::{self, LanguageReport, Machine};

/// A task that answers with nothing.
const TRIAL: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "alloc") (param i32) (result i32) (i32.const 0))
    (func (export "run") (param i32 i32) (result i64) (i64.const 0)))"#;

#[derive(Serialize)]
struct Findings {
    version: &'static str,
    /// Whether a task ran; otherwise why not.
    works: bool,
    trouble: Option<String>,
    languages: Vec<LanguageReport>,
    machine: Machine,
}

pub fn doctor(args: &args::Doctor) -> Result<Exit> {
    let trouble = try_out().err().map(|error| format!("{error:#}"));
    let findings = Findings {
        version: env!("CARGO_PKG_VERSION"),
        works: trouble.is_none(),
        trouble,
        languages: build::languages(Path::new(".")),
        machine: build::machine(),
    };
    let text = if args.json { serde_json::to_string(&findings)? + "\n" } else { describe(&findings) };
    print(text.as_bytes());
    if let Some(why) = &findings.trouble {
        say(format_args!("a task could not be run: {why}"));
        return Ok(Exit::SetUp);
    }
    Ok(Exit::Ok)
}

/// Compiles a program and runs one task, as every run does.
fn try_out() -> Result<()> {
    let mut config = plan::base_config()?;
    config.workers = 1;
    config.cache = None;
    let program = Program::new("doctor.wat", TRIAL);
    run::runtime()?.block_on(async {
        let pool = Pool::builder(program).config(config).build().await?;
        let mut results = pool.map([""]);
        let outcome = results.next().await?.map(|result| result.outcome);
        anyhow::ensure!(matches!(outcome, Some(Outcome::Ok(_))), "it gave {outcome:?}");
        drop(results);
        pool.shutdown(Shutdown::Drain).await;
        Ok(())
    })
}

fn describe(findings: &Findings) -> String {
    let mut text =
        format!("wpool {}: {}\n\nlanguages\n", findings.version, if findings.works { "works" } else { "broken" });
    for language in &findings.languages {
        let state = if language.found { "ready" } else { "missing" };
        let mut head = format!("  {:<15} {state:<8}", language.name);
        if language.tools.is_empty() {
            head += " needs no tool";
        }
        for tool in &language.tools {
            let found = match (&tool.path, &tool.version) {
                (None, _) => format!("{} is not here; get it with `{}`", tool.name, tool.install),
                (Some(path), Some(version)) => format!("{} {version} at {path}", tool.name),
                (Some(path), None) => format!("{} at {path}", tool.name),
            };
            let _ = writeln!(text, "{head} {found}");
            head = " ".repeat(26);
        }
        if language.tools.is_empty() {
            let _ = writeln!(text, "{head}");
        }
    }
    text + "\nmachine\n" + &describe_machine(&findings.machine)
}

fn describe_machine(machine: &Machine) -> String {
    let unknown = || "unknown".to_owned();
    let size = |size: Option<u64>| size.map_or_else(unknown, |size| ByteSize(size).to_string());
    let no = |there: bool| if there { "offered" } else { "not offered" };
    let quota = machine.cpu_quota.map_or("no quota".to_owned(), |quota| format!("a quota of {quota:.2}"));
    let limit = machine.memory_limit.map_or("no limit".to_owned(), |limit| format!("a limit of {}", ByteSize(limit)));
    let landlock = machine.sandbox.landlock.map_or("not offered".to_owned(), |abi| format!("offered, version {abi}"));
    let lines = [
        ("kernel", machine.kernel.clone().unwrap_or_else(unknown)),
        ("cores", machine.cores.map_or_else(unknown, |cores| cores.to_string()) + ", " + &quota),
        ("workers", format!("{} unless -j says otherwise", machine.workers)),
        ("memory", format!("{}, {} available, {limit}", size(machine.memory_total), size(machine.memory_available))),
        ("landlock", landlock),
        ("seccomp", no(machine.sandbox.seccomp).to_owned()),
        ("namespaces", no(machine.sandbox.user_namespaces).to_owned()),
    ];
    let mut text: String = lines.iter().map(|(name, value)| format!("  {name:<15} {value}\n")).collect();
    text += "\nOf these layers, README.md says under \"How it holds\" which this version of wpool uses.\n";
    text
}
