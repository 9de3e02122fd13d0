//! Progress as it is drawn on a terminal.

use std::io::Write;
use std::sync::Mutex;
use std::{fmt, io};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use wpool::stats::Running;

use crate::cli::report::standing::Standing;
use crate::cli::streams::stderr;
use crate::cli::terminal;
use crate::cli::units::show_time;

/// Workers that have a line each; of more, only the number and the oldest task are shown.
const LINES: usize = 8;
/// Redraws in a second.
const RATE: u8 = 10;

/// The bar, and lines for workers below it.
#[derive(Clone, Debug)]
pub struct Bars {
    all: MultiProgress,
    main: ProgressBar,
    lines: Vec<ProgressBar>,
    workers: usize,
}

impl Bars {
    pub fn new(workers: usize) -> Bars {
        let all =
            MultiProgress::with_draw_target(ProgressDrawTarget::term_like_with_hz(Box::<Screen>::default(), RATE));
        let main = all.add(ProgressBar::no_length().with_style(style("{wide_msg}")));
        let count = if workers <= LINES { workers } else { 1 };
        let line = || all.add(ProgressBar::no_length().with_style(style("  {wide_msg}")));
        let lines = (0..count).map(|_| line()).collect();
        Bars { all, main, lines, workers }
    }

    /// All bars, as they are drawn.
    pub fn all(&self) -> MultiProgress {
        self.all.clone()
    }

    pub fn show(&self, standing: &Standing, running: &[Running]) {
        if let Some(total) = standing.total
            && self.main.length() != Some(total)
        {
            self.main.set_length(total);
            self.main.set_style(style("{bar:24} {wide_msg}"));
        }
        self.main.set_position(standing.done);
        self.main.set_message(standing.beside_bar());
        if self.workers <= LINES {
            for (slot, line) in (0..).zip(&self.lines) {
                line.set_message(worker(slot, running.iter().find(|task| task.slot == slot)));
            }
        } else {
            self.lines[0].set_message(crowd(self.workers, running));
        }
    }
}

fn worker(slot: u32, running: Option<&Running>) -> String {
    match running {
        Some(Running { task, age, .. }) => format!("worker {slot}: task {}, {}", task.0, show_time(*age)),
        None => format!("worker {slot}: idle"),
    }
}

fn crowd(workers: usize, running: &[Running]) -> String {
    let oldest = running.iter().max_by_key(|task| task.age);
    let oldest = oldest.map(|task| format!("; longest: task {}, {}", task.task.0, show_time(task.age)));
    format!("{} of {workers} workers run a task{}", running.len(), oldest.unwrap_or_default())
}

/// A line that is drawn until it is dropped.
#[derive(Debug)]
pub struct Line(ProgressBar);

impl Line {
    pub fn draw() -> Line {
        let screen = ProgressDrawTarget::term_like_with_hz(Box::<Screen>::default(), RATE);
        let all = MultiProgress::with_draw_target(screen);
        let line = all.add(ProgressBar::no_length().with_style(style("{wide_msg}")));
        terminal::draw(Some(all));
        Line(line)
    }

    pub fn set(&self, text: String) {
        let line = self.0.clone();
        terminal::frame(move || line.set_message(text));
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        terminal::draw(None);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are constants that parse")
}

/// The terminal at standard error. Drawing never fails: a terminal that is gone shows nothing, and the run continues. The
/// progress library would panic at an error.
#[derive(Debug, Default)]
struct Screen(Mutex<Vec<u8>>);

impl Screen {
    fn add(&self, text: fmt::Arguments<'_>) -> io::Result<()> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).write_fmt(text)
    }

    /// Lines and columns; of a terminal that does not say, those of the first ones.
    fn size() -> (u16, u16) {
        match rustix::termios::tcgetwinsize(stderr()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_row, size.ws_col),
            _ => (24, 80),
        }
    }
}

/// Control sequences of ECMA-48; a distance of 0 would mean 1.
impl TermLike for Screen {
    fn width(&self) -> u16 {
        Screen::size().1
    }

    fn height(&self) -> u16 {
        Screen::size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.add(format_args!("\x1b[{n}A")) }
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.add(format_args!("\x1b[{n}B")) }
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.add(format_args!("\x1b[{n}C")) }
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.add(format_args!("\x1b[{n}D")) }
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.add(format_args!("{text}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.add(format_args!("{text}"))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.add(format_args!("\r\x1b[2K"))
    }

    fn flush(&self) -> io::Result<()> {
        let drawn = std::mem::take(&mut *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        let _ = stderr().write_all(&drawn);
        Ok(())
    }
}
