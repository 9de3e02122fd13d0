//! The outermost layer of a program.

use wasmparser::{Parser, Payload};

/// Bytes 6 and 7 of the header are the layer: 0 for a core module, 1 for a component.
pub(super) fn is_component(wasm: &[u8]) -> bool {
    wasm.get(6..8) == Some(&[1, 0])
}

/// The sections of a module or component, without those of modules and components inside it.
pub(super) fn outer_sections(wasm: &[u8]) -> impl Iterator<Item = Payload<'_>> {
    let mut depth = 0;
    let all = Parser::new(0).parse_all(wasm).map_while(Result::ok);
    all.filter(move |payload| {
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) if depth > 0 => {
                depth -= 1;
                return false;
            }
            _ => {}
        }
        depth == 0
    })
}
