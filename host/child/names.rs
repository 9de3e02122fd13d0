//! What the compiler adds to a component whose instances can be put back, as the worker calls it.

/// The interface through which the state of an instrumented component is read, as the library that makes it calls it.
pub(crate) const ACCESS: &str = "wasmtime:wizer/access";

/// The export under which the compiler puts the constructors of a core module that has an `init`.
pub(crate) const CONSTRUCTORS: &str = "__wpool_constructors";

/// What the names begin with under which the compiler exports a core module's memories and mutable globals.
pub(crate) const STATE: &str = "__wpool_state_";

/// The interface that such a component exports.
pub(crate) const INTERFACE: &str = "wpool:state/access";
/// Puts the mutable globals of all core instances back: `func()`.
pub(crate) const RESTORE: &str = "restore";
/// Has the engine ask how large memories are, and gives the sum of their pages: `func() -> u64`.
pub(crate) const RESIZE: &str = "resize";
/// A part of the state: `func(number: u32) -> u64`. Part 0 says in its lower half how many memories there are, and in the
/// upper one how many parts follow, which are the mutable globals as bits.
pub(crate) const PART: &str = "part";
