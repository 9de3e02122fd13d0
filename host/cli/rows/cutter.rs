//! From the bytes of a file to rows.

use std::fmt;
use std::io::{self, Read};

use wpool::bulk::Supply;

use crate::cli::errors::InputRefused;
use crate::cli::exit::Exit;
use crate::cli::rows::packed::Corrupt;
use crate::cli::rows::sink::BLOCK;

/// Takes rows. False when nobody wants more.
pub(super) type Take<'a> = dyn FnMut(Vec<Supply>) -> bool + 'a;

/// Cuts one file into rows.
pub(super) trait Cutter {
    /// Takes the next bytes, and hands the rows on that end in them. False when nobody wants more. An error is a sentence
    /// about a file that cannot be read any further.
    fn add(&mut self, block: &[u8], take: &mut Take<'_>) -> Result<bool, String>;

    /// Hands on what is left at the end of the file.
    fn end(&mut self, take: &mut Take<'_>) -> Result<bool, String>;
}

/// Why rows were not read to the end of their files.
#[derive(Clone, Debug)]
pub struct Failure {
    why: String,
    /// The content of a file is at fault, and not the system.
    refused: bool,
}

impl Failure {
    pub fn new(why: impl Into<String>) -> Failure {
        Failure { why: why.into(), refused: false }
    }

    /// The error of a file that can be opened and whose content is wrong.
    pub fn refused(file: &dyn fmt::Display, why: &str) -> Failure {
        Failure { why: format!("cannot read {file} any further: {why}"), refused: true }
    }

    pub fn of(file: &dyn fmt::Display, error: &io::Error) -> Failure {
        match error.get_ref() {
            Some(inner) if inner.is::<Corrupt>() => Failure::refused(file, &error.to_string()),
            _ => Failure::new(format!("cannot read {file}: {error}")),
        }
    }

    /// How a command ends whose rows were not all read.
    pub fn exit(&self) -> Exit {
        if self.refused { Exit::InputRefused } else { Exit::SetUp }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl From<Failure> for anyhow::Error {
    fn from(failure: Failure) -> anyhow::Error {
        if failure.refused { InputRefused(failure.why).into() } else { anyhow::Error::msg(failure.why) }
    }
}

/// Reads a file to its end. False when nobody wants more.
pub(super) fn cut(
    file: &dyn fmt::Display,
    mut reader: impl Read,
    cutter: &mut dyn Cutter,
    take: &mut Take<'_>,
) -> Result<bool, Failure> {
    let refused = |why: String| Failure::refused(file, &why);
    let mut block = vec![0; BLOCK];
    loop {
        match reader.read(&mut block) {
            Ok(0) => return cutter.end(take).map_err(refused),
            Ok(count) => {
                if !cutter.add(&block[..count], take).map_err(refused)? {
                    return Ok(false);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Failure::of(file, &error)),
        }
    }
}
