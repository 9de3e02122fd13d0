//! `wasi:keyvalue` for components: the shared state of a run, which the host holds.
//!
//! The drafts differ in a few types, so [`calls`] implements their functions once. Every function but `open` and the
//! value of a handle is one call of the host.

mod calls;
mod draft;
mod draft2;
mod host;
pub(crate) mod state_link;

use wasmtime::component::Linker;

pub(in crate::child::sandbox) use self::calls::Keyvalue;

/// The supported versions of `wasi:keyvalue`.
const VERSIONS: [&str; 2] = ["0.2.0-draft", "0.2.0-draft2"];

/// Their interfaces.
const INTERFACES: [&str; 3] = ["atomics", "batch", "store"];

/// Whether an import belongs to shared state.
pub(super) fn provides(name: &str) -> bool {
    let parts = name.strip_prefix("wasi:keyvalue/").and_then(|rest| rest.split_once('@'));
    parts.is_some_and(|(interface, version)| INTERFACES.contains(&interface) && VERSIONS.contains(&version))
}

/// Defines every interface of every version. `get` returns the store's own `Keyvalue`.
pub(super) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> &mut Keyvalue,
) -> wasmtime::Result<()> {
    draft::add_to_linker(linker, get)?;
    draft2::add_to_linker(linker, get)
}
