//! `wpool doctor`: what can be built here, what this machine offers, and whether wpool works on it.

use std::io;
use std::path::Path;

use anyhow::Result;
use bytesize::ByteSize;
use serde::Serialize;
use wpool::fence::{Fence, LayerState, SandboxLayer};
use wpool::worker::{SystemCall, system_calls};

use crate::cli::exit::Exit;
use crate::cli::lines::Lines;
use crate::cli::print::{Layout, print, print_json};
use crate::cli::projects::{self, LanguageReport, Machine};
use crate::cli::scripts::{Listed, Runtimes, SCRIPT_LANGUAGES};
use crate::cli::{args, plan, say, trial};

/// Where tools are looked for.
const HERE: &str = ".";

#[derive(Serialize)]
struct Findings {
    version: &'static str,
    /// Whether a task ran; otherwise why not.
    works: bool,
    trouble: Option<String>,
    languages: Vec<LanguageReport>,
    /// The runtimes of scripts that are there.
    runtimes: Vec<Listed>,
    machine: Machine,
    /// The layers of the fence around the worker that ran a task. Empty when none did.
    sandbox: Vec<LayerFound>,
}

/// The state of a layer.
#[derive(Serialize)]
struct LayerFound {
    layer: SandboxLayer,
    /// `on`, `off` or `missing`.
    state: &'static str,
    /// Why it is missing, and what to try.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

pub fn doctor(args: &args::Doctor) -> Result<Exit> {
    if args.fence {
        return fence(args.json);
    }
    let tried = plan::unbound_config().and_then(trial::run);
    let trouble = tried.as_ref().err().map(|error| format!("{error:#}"));
    let findings = Findings {
        version: env!("CARGO_PKG_VERSION"),
        works: trouble.is_none(),
        trouble,
        languages: projects::languages(Path::new(HERE)),
        runtimes: Runtimes::open().list(Path::new(HERE)).unwrap_or_default(),
        machine: projects::machine(),
        sandbox: tried.ok().flatten().map(|fence| layers(&fence)).unwrap_or_default(),
    };
    let printed = if args.json { print_json(&findings, Layout::Line)? } else { print(&describe(&findings)) };
    if let Some(why) = &findings.trouble {
        say(format_args!("a task could not be run: {why}"));
        return Ok(printed.max(Exit::SetUp));
    }
    Ok(printed)
}

/// A system call of a child.
#[derive(Serialize)]
struct CallShown {
    children: &'static str,
    name: &'static str,
    /// Only some values of its arguments are allowed.
    checked: bool,
    why: &'static str,
}

/// Prints the system calls of each child.
fn fence(json: bool) -> Result<Exit> {
    if json {
        let calls = system_calls().into_iter().flat_map(|(children, calls)| {
            let shown = move |SystemCall { name, checked, why }| CallShown { children, name, checked, why };
            calls.into_iter().map(shown)
        });
        return print_json(&calls.collect::<Vec<_>>(), Layout::Line);
    }
    let mut text = Lines::default();
    text.add("The system calls that a fenced child has. Any other call ends it. (*: its arguments are checked)");
    for (children, calls) in system_calls() {
        text.add_title(children);
        for SystemCall { name, checked, why } in calls {
            let name = format!("{name}{}", if checked { "*" } else { "" });
            text.add(format_args!("  {name:<18} {why}"));
        }
    }
    Ok(print(&text))
}

/// The state of each layer, and why one is missing.
fn layers(fence: &Fence) -> Vec<LayerFound> {
    let found = |(layer, state): (SandboxLayer, LayerState)| match state {
        LayerState::On => LayerFound { layer, state: "on", why: None },
        LayerState::Off => LayerFound { layer, state: "off", why: None },
        LayerState::Missing(error) => {
            let why = format!("{}; {}", io::Error::from_raw_os_error(error), layer.advice());
            LayerFound { layer, state: "missing", why: Some(why) }
        }
    };
    fence.layers().map(found).collect()
}

fn describe(findings: &Findings) -> Lines {
    let mut text = Lines::default();
    text.add(format_args!("wpool {}: {}", findings.version, if findings.works { "works" } else { "broken" }));
    text.add_title("languages");
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
            text.add(format_args!("{head} {found}"));
            head = " ".repeat(26);
        }
        if language.tools.is_empty() {
            text.add(head);
        }
    }
    text.add_title("runtimes of scripts");
    for language in &SCRIPT_LANGUAGES {
        let mut any = false;
        for it in findings.runtimes.iter().filter(|it| it.language == language.name && it.current) {
            let state = match it {
                Listed { inside: true, .. } => "inside",
                Listed { given: true, .. } => "given",
                _ => "made",
            };
            text.add(format_args!("  {:<15} {state:<8} {} ({})", language.name, it.name, ByteSize(it.bytes)));
            any = true;
        }
        if !any {
            text.add(format_args!(
                "  {:<15} none     made by the first script, or by `wpool runtime build`",
                language.name
            ));
        }
    }
    text.add_title("sandbox");
    if findings.sandbox.is_empty() {
        text.add("  unknown, because no task could be run");
    }
    for LayerFound { layer, state, why } in &findings.sandbox {
        let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        text.add(format_args!("  {:<15} {state}{why}", layer.as_str()));
    }
    text.add_title("machine");
    describe_machine(&findings.machine, &mut text);
    text
}

fn describe_machine(machine: &Machine, text: &mut Lines) {
    let unknown = || "unknown".to_owned();
    let size = |size: Option<u64>| size.map_or_else(unknown, |size| ByteSize(size).to_string());
    let quota = machine.cpu_quota.map_or("no quota".to_owned(), |quota| format!("a quota of {quota:.2}"));
    let limit = machine.memory_limit.map_or("no limit".to_owned(), |limit| format!("a limit of {}", ByteSize(limit)));
    let lines = [
        ("kernel", machine.kernel.clone().unwrap_or_else(unknown)),
        ("cores", machine.cores.map_or_else(unknown, |cores| cores.to_string()) + ", " + &quota),
        ("workers", format!("{} unless -j says otherwise", machine.workers)),
        ("memory", format!("{}, {} available, {limit}", size(machine.memory_total), size(machine.memory_available))),
    ];
    lines.iter().for_each(|(name, value)| text.add(format_args!("  {name:<15} {value}")));
}
