//! Rows that run twice: which, and whether they come to the same. The second time is in a pool of its own, whose workers are
//! other processes in any case.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use serde::Serialize;
use tokio::sync::mpsc;
use wpool::bulk::OkSpan;
use wpool::outcome::ErrorDetail;
use wpool::{Input, Outcome, Pool, Status, inert};

use crate::cli::args::Twice;
use crate::cli::journal::{Key, is_final};
use crate::cli::plan::Locator;
use crate::cli::records::places::Stretch;
use crate::cli::units::plural;

/// Rows that may wait for their second run.
const WAITING: usize = 256;
/// Bytes of rows that are held where the number of rows is given.
const HELD: usize = 64 << 20;
/// Differences that a summary shows.
const SHOWN: usize = 5;
/// Characters of an output that are shown.
const HEAD: usize = 60;

/// The end of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
struct End {
    status: Status,
    /// The hash of the output, or of the error's code and message.
    hash: [u8; 32],
    /// The beginning, for people.
    head: String,
}

impl End {
    fn of(outcome: &Outcome) -> End {
        match outcome {
            Outcome::Ok(output) => End::new(Status::Ok, output, None),
            Outcome::NotOk(failure) => {
                let output = failure.output.as_ref().map(|output| &output[..]).unwrap_or_default();
                End::new(failure.status, output, Some(&failure.error))
            }
        }
    }

    fn new(status: Status, output: &[u8], error: Option<&ErrorDetail>) -> End {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(output.len() as u64).to_le_bytes()).update(output);
        if let Some(ErrorDetail { code, message, .. }) = error {
            hasher.update(code.as_bytes()).update(b"\n").update(message.as_bytes());
        }
        let begin = String::from_utf8_lossy(&output[..output.len().min(4 * HEAD)]);
        let text = error.map_or(&*begin, |error| &error.message);
        End { status, hash: *hasher.finalize().as_bytes(), head: text.chars().take(HEAD).collect() }
    }

    fn shown(&self) -> String {
        format!("{} {}", self.status, inert::text(&self.head))
    }
}

/// A row that is to run a second time.
#[derive(Debug)]
struct Chosen {
    id: u64,
    row: Input,
    first: End,
}

/// Chooses rows where their results are reported.
#[derive(Debug)]
pub struct Chooser {
    which: Twice,
    /// The rows that are to be sent.
    chosen: Vec<Chosen>,
    /// Where their number is given: those with the lowest hashes so far, and their bytes.
    lowest: BTreeMap<(u64, u64), Chosen>,
    held: usize,
    send: mpsc::Sender<Chosen>,
}

/// Runs rows a second time.
#[derive(Debug)]
pub struct Verifier {
    rows: mpsc::Receiver<Chosen>,
    locator: Locator,
}

/// The result of running rows twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Rows that ran twice.
    pub rows: u64,
    /// The rows that ended differently the second time.
    pub differ: u64,
    /// The first of them.
    pub ids: Vec<u64>,
    /// The same in sentences.
    #[serde(skip)]
    pub shown: Vec<String>,
}

/// Both sides.
pub fn verifying(which: Twice, locator: Locator) -> (Chooser, Verifier) {
    let (send, rows) = mpsc::channel(WAITING);
    (Chooser { which, chosen: Vec::new(), lowest: BTreeMap::new(), held: 0, send }, Verifier { rows, locator })
}

/// A number that depends on the content of a row alone, as large as chance has it.
fn rank(key: Key) -> u64 {
    u64::from_le_bytes(*key.0.last_chunk().expect("a key is longer"))
}

impl Chooser {
    /// Looks at plain rows that are ok. `places` are their positions.
    pub fn look_at_span(&mut self, span: &OkSpan, places: &[Stretch]) {
        let ids = places.iter().flat_map(|place| place.first..place.first + place.count);
        for (((row, _), task), (at, id)) in span.rows().iter().zip(span.iter()).zip((0..).zip(ids)) {
            let rank = rank(Key::of_plain(row));
            if self.wants(rank) {
                self.choose(id, rank, span.rows().input(at), End::new(Status::Ok, task.output, None));
            }
        }
    }

    /// Looks at a row that ran.
    pub fn look_at(&mut self, id: u64, row: &Input, outcome: &Outcome) {
        let rank = rank(Key::of(row));
        if is_final(outcome.status()) && self.wants(rank) {
            self.choose(id, rank, row.clone(), End::of(outcome));
        }
    }

    fn wants(&self, rank: u64) -> bool {
        match self.which {
            // All of them where the product is too large for a number.
            Twice::Share(share) => rank <= (share * u64::MAX as f64) as u64,
            Twice::Rows(count) => {
                let highest = self.lowest.last_key_value().map(|((rank, _), _)| *rank);
                (self.lowest.len() as u64) < count.get() || highest.is_some_and(|highest| rank < highest)
            }
        }
    }

    fn choose(&mut self, id: u64, rank: u64, mut row: Input, first: End) {
        // It must not keep the block alive in which it was read.
        row.bytes = Bytes::copy_from_slice(&row.bytes);
        let chosen = Chosen { id, row, first };
        let Twice::Rows(count) = self.which else { return self.chosen.push(chosen) };
        self.held += chosen.row.bytes.len();
        self.lowest.insert((rank, id), chosen);
        while self.lowest.len() as u64 > count.get() || self.held > HELD {
            let Some((_, dropped)) = self.lowest.pop_last() else { break };
            self.held -= dropped.row.bytes.len();
        }
    }

    /// Hands chosen rows over, and waits for room.
    pub async fn flush(&mut self) {
        for chosen in self.chosen.drain(..) {
            // Where nobody takes them, the run is about to end.
            let _ = self.send.send(chosen).await;
        }
    }

    /// Says that there are no more.
    pub async fn end(mut self) {
        let lowest = std::mem::take(&mut self.lowest);
        self.chosen.extend(lowest.into_values());
        self.flush().await;
    }
}

/// Rows on their way to the second pool. What they came to first is kept in their order.
struct Second {
    rows: mpsc::Receiver<Chosen>,
    firsts: Arc<Mutex<VecDeque<(u64, End)>>>,
}

impl Stream for Second {
    type Item = Input;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Input>> {
        let next = std::task::ready!(self.rows.poll_recv(cx));
        Poll::Ready(next.map(|Chosen { id, row, first }| {
            lock(&self.firsts).push_back((id, first));
            row
        }))
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Verifier {
    /// Runs the chosen rows in another pool, until there are no more.
    pub async fn run(self, pool: &Pool) -> Result<Verified, wpool::Error> {
        let firsts = Arc::default();
        let mut results = pool.map_stream(Second { rows: self.rows, firsts: Arc::clone(&firsts) });
        let mut verified = Verified::default();
        while let Some(result) = results.next().await? {
            // Results are in the order of their rows.
            let Some((id, first)) = lock(&firsts).pop_front() else { break };
            let second = End::of(&result.outcome);
            if !is_final(second.status) {
                continue;
            }
            verified.rows += 1;
            if first != second {
                verified.differ += 1;
                if verified.ids.len() < SHOWN {
                    let place =
                        self.locator.locate(&result.input).map(|place| format!("{place}, ")).unwrap_or_default();
                    verified.ids.push(id);
                    verified.shown.push(format!("{place}task {id}: first {}, then {}", first.shown(), second.shown()));
                }
            }
        }
        Ok(verified)
    }
}

impl Verified {
    /// How it went, in one line.
    pub fn headline(&self) -> String {
        format!("{} ran twice, {} differ", plural(self.rows, "row"), self.differ)
    }
}
