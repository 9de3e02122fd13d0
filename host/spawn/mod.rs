//! Starts children and shakes hands with them. No other room starts processes.

pub(crate) mod command;
pub(crate) mod handshake;
pub(crate) mod machine;
pub(crate) mod memory;
pub(crate) mod process;
pub(crate) mod signal;
pub(crate) mod within;
