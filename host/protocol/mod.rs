//! Everything that crosses a pipe or a page between a host and its children. It is pure, and every size is bounded.

pub(crate) mod contents;
pub(crate) mod footprint;
#[cfg(test)]
mod hostile;
pub(crate) mod lines;
pub(crate) mod page;
pub(crate) mod roles;
pub(crate) mod setup;
#[cfg(feature = "engine")]
pub(crate) mod snapshot;
pub mod state_calls;
pub mod state_limits;
pub mod wire;
