//! Copies of damaged files, made before anything builds on their right parts.

use std::fs::File;
use std::io;

use wpool::place::{Dir, PRIVATE, Place};

use crate::cli::journal::disk::JOURNAL;
use crate::cli::journal::error::{Error, at};
use crate::cli::journal::facts::FACTS;
use crate::cli::journal::folder::Folder;
use crate::cli::journal::tails;

/// The copy of FILE.
const OUTPUT: &str = "output";

impl Folder {
    /// Copies FILE at `file` and the journal's files into a new folder `damaged-N`, which no part of wpool removes. The
    /// copies are on the disk when this returns.
    pub fn keep_aside(&self, file: &Place) -> Result<Dir, Error> {
        let (place, aside) = self.make_aside()?;
        copy(file, &aside.at(OUTPUT))?;
        for name in self.dir().names().map_err(at(&place))? {
            if [JOURNAL, FACTS].iter().any(|own| name == *own) || tails::number(&name).is_some() {
                copy(&self.dir().at(&name), &aside.at(&name))?;
            }
        }
        aside.sync().and_then(|()| self.dir().sync()).map_err(at(&place))?;
        Ok(aside)
    }

    fn make_aside(&self) -> Result<(Place, Dir), Error> {
        let mut number = 1;
        loop {
            let place = self.dir().at(format!("damaged-{number}"));
            match place.new_folder(0o700) {
                Ok(dir) => return Ok((place, dir)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(at(&place)(error)),
            }
        }
    }
}

/// Copies a file, if it is there.
fn copy(from: &Place, into: &Place) -> Result<(), Error> {
    let mut source: File = match from.read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        source => source.map_err(at(from))?,
    };
    let mut copy = into.create(PRIVATE).map_err(at(into))?;
    io::copy(&mut source, &mut copy).and_then(|_| copy.sync_all()).map_err(at(into))
}
