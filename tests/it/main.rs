//! Everything that is tested through the real executable or the public library, as one binary.

mod support;

mod cli;
mod embedding;
mod executor;
mod faults;
mod guests;
mod images;
mod init;
mod interpreters;
mod languages;
mod outcomes;
mod programs;
mod signals;
mod state;
mod tidy;
mod typed;
