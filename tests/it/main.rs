//! Everything that is tested through the real executable or the public library, as one binary.
#![allow(clippy::print_stdout, reason = "tests tell what they have measured or left out")]

mod support;

mod bench;
mod catalogue;
mod catalogue_guests;
mod catalogue_programs;
mod catalogue_rows;
mod cli;
mod coming_from;
mod cost;
mod deterministic;
mod embedding;
mod executor;
mod faults;
mod fence;
mod fence_calls;
mod guests;
mod halting;
mod images;
mod init;
mod interpreters;
mod interrupt;
mod isolation;
mod journal;
mod languages;
mod orphans;
mod outcomes;
mod programs;
mod progress;
mod reset;
mod reset_components;
mod retries;
mod runs;
mod scarcity;
mod signals;
mod smith;
mod spans;
mod state;
mod storm;
mod summary;
mod tidy;
mod typed;
mod wasi;
