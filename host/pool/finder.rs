//! The parts that a pool needs for looking up lines of source code.

use tokio::sync::Notify;

use super::queue::Queue;
use crate::image::Image;
use crate::model::program::Program;

/// The parts that a pool needs for looking up lines of source code.
#[derive(Debug)]
pub(super) struct Finder {
    /// The program, if it has lines.
    pub program: Option<Program>,
    /// Places wait for a lookup.
    pub wanted: Notify,
}

impl Finder {
    pub fn new(image: &Image, program: &Program) -> Finder {
        Finder { program: image.code().map(|_| program.clone()), wanted: Notify::new() }
    }

    /// Whether backtraces have lines.
    pub fn is_there(&self) -> bool {
        self.program.is_some()
    }

    /// Wakes the lookup if it has something to do.
    pub fn wake(&self, queue: &Queue) {
        if queue.lines.is_wanted() {
            self.wanted.notify_one();
        }
    }
}
