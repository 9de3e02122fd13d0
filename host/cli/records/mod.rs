//! Where a run's records go, and what of them is there already.

pub mod columns;
pub mod cursor;
mod extra;
pub mod gone;
pub mod journal;
pub mod kept;
mod making;
pub mod opening;
pub mod out_dir;
pub mod pace;
pub mod places;
pub mod record;
pub mod recorder;
pub mod resume;
pub mod torn;
mod touched;
pub mod writer;
