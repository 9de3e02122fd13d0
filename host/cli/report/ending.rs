//! The end of reporting: the last lines are written, or nobody takes them any more.

use tokio::sync::watch;

use crate::cli::exit::Exit;
use crate::cli::records::pace::Pace;
use crate::cli::records::writer::{WriteEnd, Writer};
use crate::cli::report::tally::Tally;
use crate::cli::say;

/// The result of reporting.
pub struct Reported {
    pub tally: Tally,
    /// Set if something could not be written.
    pub exit: Option<Exit>,
    /// The reader of the output has closed it.
    pub closed: bool,
}

/// Waits until the run is forced to end and nobody takes what is written at these paces.
pub async fn stuck(paces: Vec<Pace>, forced: watch::Receiver<bool>) {
    for pace in paces {
        pace.stuck(forced.clone()).await;
    }
}

/// Waits for the last line to be written, or until nobody takes it.
pub async fn finish(tally: Tally, writers: impl Iterator<Item = Writer>, forced: &watch::Receiver<bool>) -> Reported {
    let (mut exit, mut closed) = (None, false);
    for writer in writers {
        match writer.finish(forced.clone()).await {
            Ok(()) => {}
            Err(WriteEnd::Closed) => closed = true,
            Err(WriteEnd::Failed(error)) => {
                say(format_args!("{:#}", anyhow::Error::from(error)));
                exit = Some(Exit::Output);
            }
            Err(WriteEnd::Stuck { name, lines }) => {
                say(format_args!("nobody reads {name}: lines that were not written: {lines}"));
                exit = Some(Exit::Output);
            }
        }
    }
    Reported { tally, exit, closed }
}
