//! The last steps on what a compiler made: debug information goes, and a core module with WIT metadata becomes a
//! component, in this process. The module is one that this user's own tools have just written.

use std::ops::Range;
use std::path::Path;

use wasi_preview1_component_adapter_provider as adapters;
use wit_component::ComponentEncoder;

use super::Error;

/// Makes a program of what a compiler has written; `path` stands in messages.
pub fn finish(wasm: Vec<u8>, path: &Path) -> Result<Vec<u8>, Error> {
    let refuse = |why: String| Error::BadModule { path: path.to_owned(), why };
    if wasm.get(..4) != Some(b"\0asm") {
        return Err(refuse("it is not WebAssembly".to_owned()));
    }
    if wasm.get(6..8) != Some(&[0, 0]) {
        return Ok(wasm);
    }
    let sections = sections(&wasm).ok_or_else(|| refuse("its sections are cut off".to_owned()))?;
    if has_metadata(&sections) && !is_go(&sections) {
        return encode(&without_debug(&wasm, &sections)).map_err(refuse);
    }
    Ok(without_debug(&wasm, &sections))
}

/// Refuses a program that [`finish`] would leave as it is.
pub fn check(wasm: &[u8], path: &Path) -> Result<(), Error> {
    let is_module = wasm.get(..8) == Some(b"\0asm\x01\0\0\0");
    let sections = sections(wasm).filter(|_| is_module).unwrap_or_default();
    match (has_metadata(&sections), is_go(&sections)) {
        (true, false) => Ok(()),
        (_, true) => Err(Error::Go { path: path.to_owned() }),
        (false, _) => Err(Error::NoMetadata { path: path.to_owned() }),
    }
}

fn has_metadata(sections: &[Section<'_>]) -> bool {
    sections.iter().any(|section| section.custom.is_some_and(|name| name.starts_with("component-type")))
}

/// Standard Go stays a core module: the adapter and Go's runtime would grow one memory behind each other's back.
fn is_go(sections: &[Section<'_>]) -> bool {
    sections.iter().any(|section| section.custom == Some("go:buildid"))
}

/// The component that a module's metadata describes.
fn encode(module: &[u8]) -> Result<Vec<u8>, String> {
    let is_command = sections(module).is_some_and(|sections| exports_start(module, &sections));
    let adapter = if is_command {
        adapters::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER
    } else {
        adapters::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER
    };
    let encoder = ComponentEncoder::default().validate(true).module(module);
    let adapted = encoder.and_then(|it| it.adapter(adapters::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter));
    adapted.and_then(|mut encoder| encoder.encode()).map_err(|error| format!("{error:#}"))
}

/// One section of a module, with its header.
struct Section<'a> {
    id: u8,
    /// Of a custom section.
    custom: Option<&'a str>,
    range: Range<usize>,
    content: Range<usize>,
}

/// The sections of a module; `None` when they do not fill it exactly.
fn sections(wasm: &[u8]) -> Option<Vec<Section<'_>>> {
    let mut sections = Vec::new();
    let mut at = 8;
    while at < wasm.len() {
        let id = *wasm.get(at)?;
        let (size, start) = number(wasm, at + 1)?;
        let end = start.checked_add(size)?;
        let content = wasm.get(start..end)?;
        let custom = if id == 0 { Some(name(content)?.0) } else { None };
        sections.push(Section { id, custom, range: at..end, content: start..end });
        at = end;
    }
    Some(sections)
}

/// Whether a module exports `_start`.
fn exports_start(wasm: &[u8], sections: &[Section<'_>]) -> bool {
    const EXPORTS: u8 = 7;
    let is_start = |section: &Section<'_>| {
        let mut rest = &wasm[section.content.clone()];
        let (count, from) = number(rest, 0)?;
        rest = rest.get(from..)?;
        for _ in 0..count {
            let (export, after) = name(rest)?;
            if export == "_start" {
                return Some(());
            }
            // A byte for the kind, then an index.
            let (_, next) = number(rest, after + 1)?;
            rest = rest.get(next..)?;
        }
        None
    };
    sections.iter().filter(|section| section.id == EXPORTS).any(|section| is_start(section).is_some())
}

/// A name at the beginning of some bytes, and where it ends.
fn name(bytes: &[u8]) -> Option<(&str, usize)> {
    let (length, start) = number(bytes, 0)?;
    let end = start.checked_add(length)?;
    Some((std::str::from_utf8(bytes.get(start..end)?).ok()?, end))
}

/// A LEB128 number, and where it ends.
fn number(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut value = 0_u64;
    for shift in (0..35).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, at));
        }
    }
    None
}

/// The module without what only debuggers read. The names of functions, which backtraces show, are a section of their
/// own and stay.
fn without_debug(wasm: &[u8], sections: &[Section<'_>]) -> Vec<u8> {
    let mut kept = wasm[..8].to_vec();
    let is_debug = |name: &str| name.starts_with(".debug_") || name.starts_with("reloc..debug_");
    for section in sections.iter().filter(|section| !section.custom.is_some_and(is_debug)) {
        kept.extend_from_slice(&wasm[section.range.clone()]);
    }
    kept
}
