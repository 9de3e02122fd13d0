//! Names that the compiler adds to a component whose instances can be put back. The worker calls them.

/// The interface through which the state of an instrumented component is read. The instrumenting library chose the
/// name.
pub(crate) const ACCESS: &str = "wasmtime:wizer/access";

/// The export for the constructors of a core module that has an `init`.
pub(crate) const CONSTRUCTORS: &str = "__wpool_constructors";

/// The prefix of the exports for a core module's memories and mutable globals.
pub(crate) const STATE: &str = "__wpool_state_";

/// The interface that such a component exports.
pub(crate) const INTERFACE: &str = "wpool:state/access";
/// Copies the mutable globals of all core instances, before the first task: `func()`.
pub(crate) const SAVE: &str = "save";
/// Puts the mutable globals of all core instances back: `func()`.
pub(crate) const RESTORE: &str = "restore";
/// Makes the engine ask how large memories are, and returns the sum of their pages: `func() -> u64`.
pub(crate) const RESIZE: &str = "resize";
/// A part of the state: `func(number: u32) -> u64`. Part 0 has the number of memories in its lower half and the number
/// of further parts in its upper half. The further parts are the mutable globals as bits.
pub(crate) const PART: &str = "part";
/// Sets parts of the state: `func(group: u32, parts: u64 × GROUP)`. Group 0 begins with part 1.
pub(crate) const LOAD: &str = "load";
/// Parts that are set by one call.
pub(crate) const GROUP: usize = 8;
