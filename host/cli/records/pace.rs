//! How fast output is taken. A reader may be slow, and a run waits for it; a run that is forced to end waits only as long as
//! the reader takes something.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// Time in which a reader has to take something, once the run is forced to end.
const STILL: Duration = Duration::from_secs(1);

/// How far a writer is.
#[derive(Clone, Debug, Default)]
pub struct Pace(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// Lines that are to be written.
    announced: AtomicU64,
    /// Lines that are written.
    lines: AtomicU64,
    /// Writes that took something.
    writes: AtomicU64,
}

impl Pace {
    /// Counts lines that are to be written, before the writer has room for them.
    pub fn announce(&self, lines: &[u8]) {
        self.0.announced.fetch_add(count(lines), Ordering::Relaxed);
    }

    /// Counts lines that are written.
    pub fn wrote(&self, lines: &[u8]) {
        self.0.lines.fetch_add(count(lines), Ordering::Relaxed);
        self.0.writes.fetch_add(1, Ordering::Relaxed);
    }

    /// Lines that are not written.
    pub fn left(&self) -> u64 {
        self.0.announced.load(Ordering::Relaxed).saturating_sub(self.0.lines.load(Ordering::Relaxed))
    }

    /// Waits until the run is forced to end and lines that wait are not taken any more. A writer without lines is idle, not
    /// stuck: the last tasks may still be ending.
    pub async fn stuck(&self, mut forced: watch::Receiver<bool>) {
        if forced.wait_for(|forced| *forced).await.is_err() {
            std::future::pending::<()>().await;
        }
        loop {
            let before = self.0.writes.load(Ordering::Relaxed);
            tokio::time::sleep(STILL).await;
            if self.left() > 0 && self.0.writes.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }
}

fn count(lines: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', lines).count() as u64
}

/// A sink whose lines are counted.
#[derive(Debug)]
pub struct Counted<W> {
    pub sink: W,
    pub pace: Pace,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.pace.wrote(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
