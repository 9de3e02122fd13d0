//! Where every task of a pool is: a pure state machine, without clocks, processes or channels.
//!
//! ```text
//! push ─▶ pending ─ lease ─▶ in flight ─ answer ─▶ settled ─▶ the caller
//!            ▲                   │ ▲  │
//!            ├── taken back ─────┘ │  └─ to be retried ─▶ sleeping ─┐
//!            └───────────────── alone ─ suspects ◀─ its worker died │
//!            ▲                                                      │
//!            └──────────────────────────────────────────────────────┘
//! ```
//!
//! A task is in exactly one of these places, and leaves to its caller exactly once. Plain tasks that nothing has
//! happened to move in stretches, see [`work`].

mod end;
mod hand_over;
mod in_flight;
mod intake;
mod lease;
mod lines;
mod machine;
mod outbox;
mod outgoing;
mod returns;
mod runs;
mod settled;
mod task;
mod ticket;
mod work;

pub(super) use machine::{Queue, Rules};
pub(super) use outbox::{News, Outbox};
pub(super) use returns::{Loss, Verdict};
pub(super) use runs::RunId;
pub(super) use settled::SpanTimes;
pub use settled::{OkSpan, OkTask, Settled};
pub(super) use ticket::Ticket;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod tests;
