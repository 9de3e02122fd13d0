//! The one place from which messages reach people. Progress is drawn on the same terminal, so whatever else is written
//! there is written aside of it.
//!
//! While a run goes on, a thread of its own does all of this, because a terminal can be stopped (Ctrl-S) and a pipe can be
//! full: tasks, signals and deadlines do not wait for a reader. A message that finds too many others waiting is left out,
//! and counted. At other times whoever has something to say writes it and waits.

use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressDrawTarget};
use tokio::sync::oneshot;

use crate::cli::guard;
use crate::cli::lines::{Lines, without_tabs};
use crate::cli::streams::stderr;

/// Jobs that may wait for the terminal. The longest are messages of some lines.
const WAITING: usize = 1024;
/// Time between two attempts to ask a busy terminal whether it has come to the end.
const ASK_AGAIN: Duration = Duration::from_millis(20);

type Job = Box<dyn FnOnce() + Send>;

/// The current picture, if there is one. Only the terminal's thread draws it.
static SCREEN: Mutex<Option<MultiProgress>> = Mutex::new(None);
/// Nobody wants warnings.
static QUIET: AtomicBool = AtomicBool::new(false);
/// A run goes on.
static LIVE: AtomicBool = AtomicBool::new(false);
/// Messages that were left out since the last one that was not.
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);
/// A frame waits to be drawn: another one can be left out.
static FRAME: AtomicBool = AtomicBool::new(false);

fn screen() -> MutexGuard<'static, Option<MultiProgress>> {
    SCREEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// From now on nobody waits for the terminal, until [`settle`] says that all is written.
pub fn go_live() {
    LIVE.store(true, Ordering::Release);
}

/// Waits until all messages of a run are written, and ends what [`go_live`] began.
pub async fn settle() {
    drained().await;
    LIVE.store(false, Ordering::Release);
}

/// The way to the terminal's thread; `None` where the caller does the job: outside of a run, or because no thread could be
/// started.
fn jobs() -> Option<&'static SyncSender<Job>> {
    if !LIVE.load(Ordering::Acquire) {
        return None;
    }
    static JOBS: OnceLock<Option<SyncSender<Job>>> = OnceLock::new();
    let start = || {
        let (sender, jobs) = sync_channel(WAITING);
        let serve = move |jobs: Receiver<Job>| jobs.into_iter().for_each(|job| job());
        let thread = std::thread::Builder::new().name("wpool-terminal".into()).spawn(move || serve(jobs));
        thread.ok().map(|_| sender)
    };
    JOBS.get_or_init(start).as_ref()
}

/// Hands a job over without waiting. False if too many others wait.
fn post(job: Job) -> bool {
    let Some(jobs) = jobs() else {
        job();
        return true;
    };
    match jobs.try_send(job) {
        Ok(()) => true,
        Err(TrySendError::Full(_)) => false,
        // Only its own panic ends the thread, and that ends the process.
        Err(TrySendError::Disconnected(_)) => true,
    }
}

/// Has a job done, and waits for it. For threads that may wait.
fn perform<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let Some(jobs) = jobs() else { return Some(job()) };
    let (sender, done) = sync_channel(1);
    let job = move || {
        let _ = sender.send(job());
    };
    jobs.send(Box::new(job)).ok()?;
    done.recv().ok()
}

/// From now on this is drawn; `None` for nothing. The picture before is wiped, and never drawn again.
pub fn draw(bars: Option<MultiProgress>) {
    post(Box::new(|| {
        let mut screen = screen();
        if let Some(before) = std::mem::replace(&mut *screen, bars) {
            // A run does not stop because nobody looks.
            let _ = before.clear();
            // Bars draw once more when they are dropped.
            before.set_draw_target(ProgressDrawTarget::hidden());
        }
    }));
}

/// Draws a frame, unless one waits already, or the terminal belongs to other programs at the moment.
pub fn frame(show: impl FnOnce() + Send + 'static) {
    if FRAME.swap(true, Ordering::AcqRel) {
        return;
    }
    let taken = post(Box::new(|| {
        FRAME.store(false, Ordering::Release);
        if is_foreground() {
            show();
        }
    }));
    if !taken {
        FRAME.store(false, Ordering::Release);
    }
}

/// Whether this process may draw: the terminal is not its own while it is a background job. A terminal that controls no
/// session belongs to nobody else.
fn is_foreground() -> bool {
    let group = rustix::termios::tcgetpgrp(stderr());
    group.map_or(true, |group| group == rustix::process::getpgrp())
}

/// Wipes the picture until it is drawn again, if the terminal takes it within a second.
pub fn clear() {
    let (sender, done) = sync_channel(1);
    let wipe = move || {
        if let Some(bars) = &*screen() {
            let _ = bars.clear();
        }
        let _ = sender.send(());
    };
    if post(Box::new(wipe)) {
        let _ = done.recv_timeout(Duration::from_secs(1));
    }
}

/// Writes while nothing is drawn.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    match &*screen() {
        Some(bars) => bars.suspend(work),
        None => work(),
    }
}

/// Prints one message for people. A run does not stop because nobody listens.
pub fn say(message: fmt::Arguments<'_>) {
    post_text(told(&message.to_string()).as_str().to_owned());
}

/// Prints a warning, unless nobody wants any.
pub fn warn(message: fmt::Arguments<'_>) {
    if !QUIET.load(Ordering::Acquire) {
        say(format_args!("warning: {message}"));
    }
}

/// Prints no warnings from now on.
pub fn be_quiet() {
    QUIET.store(true, Ordering::Release);
}

/// Prints a message that has several lines by itself, such as a summary.
pub fn say_lines(message: &Lines) {
    post_text(format!("wpool: {}", message.as_str()));
}

/// Prints what a program has printed, each line behind the place that it is from.
pub fn show_printed(place: &str, text: &str) {
    let lines: Lines = text.trim_end_matches('\n').lines().map(|line| format!("{place}: {line}")).collect();
    if !text.is_empty() {
        post_text(lines.as_str().to_owned());
    }
}

/// Prints commands for the CI system that reads the log: no other line of wpool is one.
pub fn command(lines: &[String]) {
    if !lines.is_empty() {
        post_lines(lines.concat());
    }
}

fn post_text(text: String) {
    post_lines(guard::text(&text).into_owned());
}

fn post_lines(text: String) {
    let posted = post(Box::new(move || {
        aside(|| match LEFT_OUT.swap(0, Ordering::AcqRel) {
            0 => write(&text),
            count => write(&format!("wpool: {count} messages before this one were left out\n{text}")),
        });
    }));
    if !posted {
        LEFT_OUT.fetch_add(1, Ordering::AcqRel);
    }
}

/// Prints what a panic has to say, which may have come up under any lock of this module.
pub fn say_at_once(message: fmt::Arguments<'_>) {
    write(&guard::text(told(&message.to_string()).as_str()));
}

fn write(text: &str) {
    let _ = stderr().write_all(text.as_bytes());
}

async fn drained() {
    loop {
        let (sender, done) = oneshot::channel();
        let job = move || {
            let _ = sender.send(());
        };
        if post(Box::new(job)) {
            let _ = done.await;
            return;
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// The lines of a message. Those behind the first were written by somebody else, as names of files, texts of programs and
/// what children print have them; behind a bar, none can pass for a message, nor for a line of a summary.
fn told(message: &str) -> Lines {
    let mut lines = message.trim_end().lines();
    let first = format!("wpool: {}", lines.next().unwrap_or_default());
    std::iter::once(first).chain(lines.map(|line| format!("  | {}", without_tabs(line)))).collect()
}

/// A sink that is the terminal that progress is drawn on.
#[derive(Debug)]
pub struct Aside<W>(pub W);

impl<W: Write + Clone + Send + 'static> Write for Aside<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (mut sink, bytes) = (self.0.clone(), bytes.to_owned());
        let gone = || Err(io::ErrorKind::BrokenPipe.into());
        perform(move || aside(|| sink.write(&bytes))).unwrap_or_else(gone)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_message_passes_for_another_message() {
        let lines = told("cannot read a\r\nwpool: done\u{1b}[A\n\n  advice   b\u{2028}c\n");
        let expected = "wpool: cannot read a\n  | wpool: done\\u{1b}[A\n  | \n  |   advice   b\\u{2028}c\n";
        assert_eq!(lines.as_str(), expected);
        assert_eq!(told("").as_str(), "wpool: \n");
    }
}
