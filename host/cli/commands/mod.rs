//! The commands beside `wpool run`, each with what it prints.

pub mod bench;
pub mod build;
pub mod check;
pub mod diff;
pub mod doctor;
pub mod engines;
pub mod inspect;
pub mod judge;
pub mod merge;
pub mod new;
pub mod reduce;
pub mod replay;
pub mod runs;
pub mod runtime;
pub mod serve;
