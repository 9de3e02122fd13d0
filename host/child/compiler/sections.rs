//! Modules with an addition: all sections stay as they are, except one.

use wasm_encoder::{Encode, ExportKind, RawSection, SectionId};
use wasmparser::{Parser, Payload};

/// An export that is added to a module.
pub(super) struct Added {
    pub name: String,
    pub kind: ExportKind,
    pub index: u32,
}

/// The module with additional exports, and with other data if there is any.
pub(super) fn with_exports(wasm: &[u8], added: &[Added], data: Option<&Section>) -> wasmparser::Result<Vec<u8>> {
    let mut module = wasm_encoder::Module::new();
    let mut left = Some(added).filter(|added| !added.is_empty());
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        if let Payload::ExportSection(exports) = &payload {
            module.section(&exporting(exports.count(), items(wasm, exports.range()), left.take().unwrap_or_default()));
        } else if let Some((id, range)) = payload.as_section() {
            if let Some(added) = left.take_if(|_| follows_exports(id)) {
                module.section(&exporting(0, &[], added));
            }
            match data.filter(|data| id == u8::from(data.id)) {
                Some(data) => module.section(data),
                None => module.section(&RawSection { id, data: &wasm[range] }),
            };
        }
    }
    if let Some(added) = left {
        module.section(&exporting(0, &[], added));
    }
    Ok(module.finish())
}

/// Whether a section comes after the exports in a module that has exports.
fn follows_exports(id: u8) -> bool {
    let behind = [SectionId::Start, SectionId::Element, SectionId::DataCount, SectionId::Code, SectionId::Data];
    behind.into_iter().any(|section| u8::from(section) == id)
}

/// A section of exports: the `count` existing ones, and the added ones.
pub(super) fn exporting(count: u32, there: &[u8], added: &[Added]) -> Section {
    let mut data = Vec::new();
    (count + added.len() as u32).encode(&mut data);
    data.extend_from_slice(there);
    for Added { name, kind, index } in added {
        name.encode(&mut data);
        kind.encode(&mut data);
        index.encode(&mut data);
    }
    Section { id: SectionId::Export, data }
}

/// The items of a section, without their number.
pub(super) fn items(wasm: &[u8], range: std::ops::Range<usize>) -> &[u8] {
    let section = &wasm[range];
    let number = section.iter().position(|byte| byte & 0x80 == 0).map_or(section.len(), |last| last + 1);
    &section[number..]
}

/// A section with new content.
pub(super) struct Section {
    pub id: SectionId,
    pub data: Vec<u8>,
}

impl Encode for Section {
    fn encode(&self, sink: &mut Vec<u8>) {
        self.data.encode(sink);
    }
}

impl wasm_encoder::Section for Section {
    fn id(&self) -> u8 {
        self.id.into()
    }
}
