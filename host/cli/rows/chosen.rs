//! Keeps the rows of one program among many.

use std::collections::HashSet;
use std::sync::Arc;

use wpool::Input;
use wpool::template::{Row, Template};

use crate::cli::records::places::{Places, Stretch};

/// How a row names its program.
#[derive(Clone, Debug)]
pub struct Naming {
    pub template: Template,
    /// The rows are JSON.
    pub json: bool,
    /// The names of all programs.
    pub names: Arc<HashSet<Arc<str>>>,
}

impl Naming {
    /// The name of the program of a row, if it is among the programs; else the reason why not.
    pub fn program(&self, row: &Input) -> Result<String, String> {
        if row.is_rejected() && row.bytes.is_empty() {
            return Err("the row cannot be read, so it names no program".to_owned());
        }
        let name = self.template.expand(Row::of(row, self.json));
        let name = name.map_err(|why| format!("the row names no program: {why}"))?;
        if self.names.contains(&*name) { Ok(name) } else { Err(unknown(&name)) }
    }
}

impl Naming {
    /// The rows of a program, or those that have none. `places` learns them.
    pub fn choose(self, program: Option<Arc<str>>, places: Places) -> Chosen {
        Chosen { naming: self, program, next: 0, places }
    }
}

/// Characters of an unknown name that a message shows.
const SHOWN: usize = 80;

fn unknown(name: &str) -> String {
    let shown: String = name.chars().take(SHOWN).collect();
    format!("the row names the program {shown:?}, which is not among the programs")
}

/// Keeps the rows of a program.
#[derive(Debug)]
pub struct Chosen {
    naming: Naming,
    /// `None` keeps the rows that have none.
    program: Option<Arc<str>>,
    /// Position of the next row.
    next: u64,
    places: Places,
}

impl Chosen {
    /// Passes a row. Says whether it is kept.
    pub fn takes(&mut self, row: &Input) -> bool {
        let name = self.naming.program(row).ok();
        let takes = name.as_deref() == self.program.as_deref();
        if takes {
            self.places.push(Stretch { first: self.next, count: 1 });
        }
        self.next += 1;
        takes
    }
}
