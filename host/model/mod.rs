//! Tasks, programs and outcomes: plain values and pure code.

pub(crate) mod convention;
pub(crate) mod entries;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod fence;
pub(crate) mod grants;
pub(crate) mod hash;
#[doc(hidden)]
pub mod inert;
pub(crate) mod isolation;
pub(crate) mod json;
pub mod limits;
pub(crate) mod lock;
pub(crate) mod outcome;
pub mod output;
pub(crate) mod policy;
pub(crate) mod profile;
pub(crate) mod program;
pub(crate) mod report;
pub(crate) mod retry;
pub(crate) mod settings;
pub(crate) mod span;
pub(crate) mod spot;
pub(crate) mod task;
pub(crate) mod template;
pub(crate) mod touched;
pub mod typed;
