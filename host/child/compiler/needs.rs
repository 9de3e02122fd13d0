//! Needs of a program that wpool cannot meet and validation would not name: memories that threads share, which no
//! worker could make, and interfaces of another WASI than preview 2.

use wasmparser::{Parser, Payload};

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
    let imports = outer_sections(wasm).filter_map(|section| match section {
        Payload::ComponentImportSection(imports) => Some(imports),
        _ => None,
    });
    let mut names = imports.flat_map(|imports| imports.into_iter().flatten()).map(|import| import.name.name);
    match names.find(|name| link::is_of_another_wasi(name)) {
        Some(name) => {
            let what = format!("it imports `{name}`, and wpool has version 0.2 of WASI; build it for wasm32-wasip2");
            Err(Refusal::new(RefusalCode::UnknownImport, what))
        }
        None => Ok(()),
    }
}

fn has_shared_memory(section: &Payload<'_>) -> bool {
    match section {
        Payload::MemorySection(memories) => memories.clone().into_iter().flatten().any(|memory| memory.shared),
        _ => false,
    }
}
