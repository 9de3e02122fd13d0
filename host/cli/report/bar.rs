//! Progress as it is drawn on a terminal.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use wpool::Running;

use crate::cli::report::standing::Standing;
use crate::cli::units::show_time;

/// Workers that have a line each; of more, only the number and the oldest task are shown.
const LINES: usize = 8;
/// Redraws in a second.
const RATE: u8 = 10;

/// The bar, and lines for workers below it.
#[derive(Debug)]
pub struct Bars {
    all: MultiProgress,
    main: ProgressBar,
    lines: Vec<ProgressBar>,
    workers: usize,
}

impl Bars {
    pub fn new(workers: usize) -> Bars {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(RATE));
        let main = all.add(ProgressBar::no_length().with_style(style("{wide_msg}")));
        let count = if workers <= LINES { workers } else { 1 };
        let line = || all.add(ProgressBar::no_length().with_style(style("  {wide_msg}")));
        let lines = (0..count).map(|_| line()).collect();
        Bars { all, main, lines, workers }
    }

    /// What is drawn.
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

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are constants that parse")
}
