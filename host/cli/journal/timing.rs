//! How a row ran, as an entry of the history has it: its bytes, and the times in them. [`history`](super::history) has the
//! format.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use wpool::Status;

use crate::cli::journal::key::Key;
use crate::cli::journal::stays::is_final;

/// Bytes of an entry.
pub(super) const ENTRY: usize = 16;
/// Microseconds of a unit of `began`.
pub(super) const UNIT: u64 = 64;
/// How long after now a task may seem to have begun, whose clock is another one.
const SLACK: Duration = Duration::from_secs(60);
/// The status of an entry that begins a session.
pub(super) const SESSION: u8 = 15;

/// Microseconds since 1970 from which on a time makes no sense: the year 9892. Behind 9999 it cannot be written, either.
const LATEST: u64 = 250_000_000_000_000_000;

/// When this process began to run rows, and the same on the clock that nobody sets.
static START: LazyLock<(SystemTime, Instant)> = LazyLock::new(|| (SystemTime::now(), Instant::now()));

/// When this process began to run rows; when this is called first.
pub fn session() -> SystemTime {
    START.0
}

/// The time since then, whatever became of the clock.
pub fn since_session() -> Duration {
    START.1.elapsed()
}

/// A time in microseconds since 1970, if it makes sense.
pub fn time_of(micros: u64) -> Option<SystemTime> {
    (micros < LATEST).then(|| UNIX_EPOCH + Duration::from_micros(micros))
}

/// The microseconds since 1970 of a time.
pub fn micros_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros() as u64)
}

/// A row that ran, in the bytes of its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ran(pub(super) [u8; ENTRY]);

/// How a row ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The position of the row in the input, if it is known.
    pub id: Option<u64>,
    /// Since the start of the session, to 64 µs.
    pub began: Duration,
    /// To a thousandth.
    pub wall: Duration,
    /// The slot of the worker, if there was one and it is known.
    pub worker: Option<u8>,
    pub status: Status,
    /// At most 15.
    pub attempts: u8,
}

impl Ran {
    /// A row without its key.
    pub fn new(timing: &Timing) -> Ran {
        let mut bytes = [0; ENTRY];
        let id = timing.id.and_then(|id| u32::try_from(id).ok()).unwrap_or(u32::MAX);
        bytes[4..8].copy_from_slice(&id.to_le_bytes());
        let began = nanos(timing.began) / (UNIT * 1000);
        bytes[8..12].copy_from_slice(&(began as u32).to_le_bytes());
        bytes[12..14].copy_from_slice(&packed(timing.wall).to_le_bytes());
        bytes[14] = timing.worker.unwrap_or(u8::MAX);
        bytes[15] = timing.status as u8 | timing.attempts.min(15) << 4;
        Ran(bytes)
    }

    /// The same row, with the beginning of its key.
    pub fn of(mut self, key: Key) -> Ran {
        self.0[..4].copy_from_slice(&key.short().to_le_bytes());
        self
    }

    /// The bytes of its entry.
    #[cfg(test)]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// `None` of an entry that makes no sense: what is ok has run.
    pub fn timing(self) -> Option<Timing> {
        let status = *Status::ALL.get(usize::from(self.0[15] & 15))?;
        if status == Status::Ok && self.0[15] >> 4 == 0 {
            return None;
        }
        let id = Some(self.number(4)).filter(|id| *id != u32::MAX).map(u64::from);
        Some(Timing {
            id,
            began: Duration::from_micros(u64::from(self.number(8)) * UNIT),
            wall: self.wall(),
            worker: Some(self.0[14]).filter(|worker| *worker != u8::MAX),
            status,
            attempts: self.0[15] >> 4,
        })
    }

    /// How long the row took.
    pub fn seconds(self) -> f32 {
        self.wall().as_secs_f32()
    }

    pub fn status(self) -> Status {
        Status::ALL.get(usize::from(self.0[15] & 15)).copied().unwrap_or(Status::Ok)
    }

    fn wall(self) -> Duration {
        let (exponent, mantissa) = (self.0[13] >> 3, u64::from(self.0[12]) | u64::from(self.0[13] & 7) << 8);
        let sixteenths = if exponent == 0 { mantissa } else { (mantissa | 1 << 11) << (exponent - 1) };
        Duration::from_nanos((sixteenths * 125).div_ceil(2))
    }

    pub(super) fn key(self) -> u32 {
        self.number(0)
    }

    pub(super) fn number(self, at: usize) -> u32 {
        u32::from_le_bytes([self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]])
    }

    /// The entry of a session, or of a later round of one.
    pub(super) fn of_session(start: SystemTime, round: u32, more: bool) -> Ran {
        let mut bytes = [0; ENTRY];
        bytes[..8].copy_from_slice(&micros_of(start).to_le_bytes());
        bytes[8..12].copy_from_slice(&round.to_le_bytes());
        bytes[12] = more.into();
        bytes[15] = SESSION;
        Ran(bytes)
    }

    /// The start of a session, if this is an entry of one.
    pub(super) fn session(self) -> Option<SystemTime> {
        let micros = u64::from(self.number(0)) | u64::from(self.number(4)) << 32;
        time_of(micros).filter(|_| self.0[15] == SESSION)
    }

    /// The round of `began`, for a row whose record is made so long after the start of the session.
    pub(super) fn round(self, now: Duration) -> u32 {
        let units = nanos(now + SLACK) / (UNIT * 1000);
        (units.saturating_sub(u64::from(self.number(8))) >> 32) as u32
    }

    /// The facts that later runs learn from it: everything but when and where it ran.
    pub(super) fn advice(self) -> [u8; 7] {
        [self.0[0], self.0[1], self.0[2], self.0[3], self.0[12], self.0[13], self.0[15] & 15]
    }

    /// Whether later runs learn from it.
    pub(super) fn is_advice(self) -> bool {
        self.timing().is_some_and(|timing| is_final(timing.status) && timing.attempts > 0)
    }
}

/// A time in nanoseconds, or the longest: 128 bits would be divided by a function, which takes as long as a task.
fn nanos(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000_000).saturating_add(time.subsec_nanos().into())
}

/// A time in sixteenths of a microsecond, with an exponent of 5 bits and a mantissa of 11.
fn packed(time: Duration) -> u16 {
    let number = nanos(time).saturating_mul(2) / 125;
    if number < 1 << 11 {
        return number as u16;
    }
    let exponent = u64::from(number.ilog2() - 10);
    if exponent > 31 {
        return u16::MAX;
    }
    (exponent << 11 | (number >> (exponent - 1)) & 0x7ff) as u16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn times_are_kept_to_a_thousandth(nanos in 0_u64..200_000_000_000_000) {
            let time = Duration::from_nanos(nanos);
            let timing = Timing { id: None, began: time, wall: time, worker: None, status: Status::Timeout, attempts: 20 };
            let back = Ran::new(&timing).timing().expect("it makes sense");
            let (wall, began) = (back.wall.as_nanos().abs_diff(time.as_nanos()), time.abs_diff(back.began));
            prop_assert!(wall <= time.as_nanos() / 1000 + 63, "{time:?} {back:?}");
            prop_assert!(began <= Duration::from_micros(64));
            prop_assert_eq!((back.id, back.worker, back.status, back.attempts), (None, None, Status::Timeout, 15));
        }
    }
}
