//! The `wpool` command: a child of a pool, or the command line.

#![warn(clippy::disallowed_methods)]

#[cfg(test)]
mod cases;
mod cli;

use std::process::ExitCode;

/// The executable is its own worker, too.
#[global_allocator]
static ALLOCATOR: wpool::worker::Allocator = wpool::worker::Allocator;

fn main() -> ExitCode {
    wpool::worker::enter();
    cli::main()
}
