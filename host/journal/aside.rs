//! Copies of what is damaged, made before anything is built on what is right of it.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::facts::FACTS;
use super::folder::{Folder, JOURNAL, sync};
use super::{Error, at, private};

/// The copy of FILE.
const OUTPUT: &str = "output";

impl Folder {
    /// Copies FILE and what tells of it into a new folder `damaged-N`, which nothing of wpool removes. All of it is on
    /// the disk then.
    pub fn keep_aside(&self, file: &Path) -> Result<PathBuf, Error> {
        let aside = self.make_aside()?;
        copy(file, &aside.join(OUTPUT))?;
        for entry in std::fs::read_dir(self.path()).map_err(at(self.path()))? {
            let entry = entry.map_err(at(self.path()))?;
            let name = entry.file_name();
            if [JOURNAL, FACTS].iter().any(|own| name == *own) || name.as_encoded_bytes().starts_with(b"tail-") {
                copy(&entry.path(), &aside.join(&name))?;
            }
        }
        sync(&aside)?;
        sync(self.path())?;
        Ok(aside)
    }

    fn make_aside(&self) -> Result<PathBuf, Error> {
        let mut number = 1;
        loop {
            let path = self.path().join(format!("damaged-{number}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(at(&path)(error)),
            }
        }
    }
}

/// Copies a file, if it is there.
fn copy(from: &Path, into: &Path) -> Result<(), Error> {
    let mut source = match File::open(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        source => source.map_err(at(from))?,
    };
    let mut copy = private().create_new(true).open(into).map_err(at(into))?;
    io::copy(&mut source, &mut copy).and_then(|_| copy.sync_all()).map_err(at(into))
}
