//! The commands beside `wpool run`, each with what it prints.

pub mod bench;
pub mod build;
pub mod check;
pub mod config;
pub mod diff;
pub mod doctor;
pub mod engines;
pub mod inspect;
pub mod judge;
mod learn;
pub mod merge;
pub mod new;
mod profile;
pub mod reduce;
pub mod replay;
pub mod report;
pub mod runs;
pub mod runtime;
pub mod serve;
