//! Needs of a program that wpool cannot meet and validation would not name: memories that threads share, which no
//! worker could make, and interfaces of another WASI than preview 2.

use wasmparser::{Parser, Payload};

use super::inspect::COMMAND_INTERFACE;
use super::outer::outer_sections;
use crate::child::sandbox::link;
use crate::model::error::{Refusal, RefusalCode};

/// Rejects such a program. Unreadable parts are left to validation, which reports their place.
pub(super) fn check(wasm: &[u8]) -> Result<(), Refusal> {
    let mut sections = Parser::new(0).parse_all(wasm).map_while(Result::ok);
    if sections.any(|section| has_shared_memory(&section)) {
        let what = "it has a memory that threads share, and a task has one thread; build it without the threads proposal, \
                    for example for wasm32-wasip1 instead of wasm32-wasip1-threads";
        return Err(Refusal::new(RefusalCode::UnsupportedFeature, what));
    }
    match outer_sections(wasm).find_map(|section| of_another_wasi(&section)) {
        Some(what) => Err(Refusal::new(RefusalCode::UnknownImport, what)),
        None => Ok(()),
    }
}

/// The refusal for an import, or a command, of a WASI that wpool does not have.
fn of_another_wasi(section: &Payload<'_>) -> Option<String> {
    let (verb, name) = match section {
        Payload::ComponentImportSection(imports) => {
            let mut names = imports.clone().into_iter().flatten().map(|import| import.name.name);
            ("imports", names.find(|name| link::is_of_another_wasi(name))?)
        }
        Payload::ComponentExportSection(exports) => {
            let mut names = exports.clone().into_iter().flatten().map(|export| export.name.name);
            ("exports", names.find(|name| is_other_command(name))?)
        }
        _ => return None,
    };
    let version = name.split_once('@').map_or("another version", |(_, version)| version);
    Some(format!(
        "it {verb} `{name}`, an interface of WASI {version}, and wpool has WASI 0.2; build it for wasm32-wasip2, or with a \
         world of WASI 0.2 (WASI 0.3 is for asynchronous programs, and its implementation in the engine is an experiment \
         without promised security fixes)"
    ))
}

/// Whether an export is the `run` of a command of a WASI that is not 0.2.
fn is_other_command(name: &str) -> bool {
    name.split_once('@')
        .is_some_and(|(interface, version)| interface == COMMAND_INTERFACE && !version.starts_with("0.2."))
}

fn has_shared_memory(section: &Payload<'_>) -> bool {
    match section {
        Payload::MemorySection(memories) => memories.clone().into_iter().flatten().any(|memory| memory.shared),
        _ => false,
    }
}
