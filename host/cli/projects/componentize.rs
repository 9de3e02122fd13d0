//! The last steps on a compiler's output: debug information is removed, and a core module with WIT metadata becomes a
//! component, in this process. A user who builds trusts the tools and their output, which run with the user's rights:
//! unlike a run, a build is not confined, and `wpool build` reads a foreign module like any other tool.

use std::path::Path;

use wasi_preview1_component_adapter_provider as adapters;
use wasm_encoder::RawSection;
use wasmparser::{BinaryReaderError, Parser, Payload};
use wit_component::ComponentEncoder;

use crate::cli::projects::error::Error;

/// Makes a program of a compiler's output. `path` is for messages.
pub fn finish(wasm: Vec<u8>, path: &Path) -> Result<Vec<u8>, Error> {
    let refuse = |why: String| Error::BadModule { path: path.to_owned(), why };
    if Parser::is_component(&wasm) {
        return Ok(wasm);
    }
    let module = Module::read(&wasm).map_err(|error| refuse(error.to_string()))?;
    let plain = module.without_debug();
    if module.has_metadata() && !module.is_go() { encode(&plain, module.starts).map_err(refuse) } else { Ok(plain) }
}

/// Rejects a program that [`finish`] would leave as it is.
pub fn check(wasm: &[u8], path: &Path) -> Result<(), Error> {
    match Module::read(wasm) {
        Ok(module) if module.is_go() => Err(Error::Go { path: path.to_owned() }),
        Ok(module) if module.has_metadata() => Ok(()),
        _ => Err(Error::NoMetadata { path: path.to_owned() }),
    }
}

/// The component that a module's metadata describes.
fn encode(module: &[u8], is_command: bool) -> Result<Vec<u8>, String> {
    let adapter = if is_command {
        adapters::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER
    } else {
        adapters::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER
    };
    let encoder = ComponentEncoder::default().validate(true).module(module);
    let adapted = encoder.and_then(|it| it.adapter(adapters::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter));
    adapted.and_then(|mut encoder| encoder.encode()).map_err(|error| format!("{error:#}"))
}

/// The parts of a core module that matter here.
#[derive(Default)]
struct Module<'a> {
    /// Each section: its kind, its content, and its name if it is a custom one.
    sections: Vec<(u8, &'a [u8], Option<&'a str>)>,
    /// Whether it exports `_start`.
    starts: bool,
}

impl<'a> Module<'a> {
    fn read(wasm: &'a [u8]) -> Result<Module<'a>, BinaryReaderError> {
        let mut module = Module::default();
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload?;
            let mut name = None;
            match &payload {
                Payload::CustomSection(custom) => name = Some(custom.name()),
                Payload::ExportSection(exports) => {
                    for export in exports.clone() {
                        module.starts |= export?.name == "_start";
                    }
                }
                _ => {}
            }
            if let Some((id, range)) = payload.as_section() {
                module.sections.push((id, &wasm[range], name));
            }
        }
        Ok(module)
    }

    fn names(&self) -> impl Iterator<Item = &'a str> {
        self.sections.iter().filter_map(|(_, _, name)| *name)
    }

    fn has_metadata(&self) -> bool {
        self.names().any(|name| name.starts_with("component-type"))
    }

    /// Standard Go stays a core module: the adapter and Go's runtime would grow one memory behind each other's back.
    fn is_go(&self) -> bool {
        self.names().any(|name| name == "go:buildid")
    }

    /// The module without sections that only debuggers read. Names of functions, which backtraces show, are in another
    /// section and stay.
    fn without_debug(&self) -> Vec<u8> {
        let is_debug = |name: &str| name.starts_with(".debug_") || name.starts_with("reloc..debug_");
        let mut kept = wasm_encoder::Module::new();
        for (id, data, _) in self.sections.iter().filter(|(_, _, name)| !name.is_some_and(is_debug)) {
            kept.section(&RawSection { id: *id, data });
        }
        kept.finish()
    }
}
