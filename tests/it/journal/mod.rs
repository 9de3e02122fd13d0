//! The journal beside `-o FILE`: runs that are killed, stopped, harmed or whose input changes, and `--resume` after
//! them.

mod changed_inputs;
mod damage;
mod gone_rows;
mod killed_hosts;
mod settings;
mod upkeep;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::cli::{NOT_OK, OK, USAGE, assert_refused, read};
use crate::support::{Dice, Live, Ran, run, spawn, wat, wpool};

/// A journal cannot be read.
pub const UNREADABLE: i32 = 106;

/// A folder with rows, and the runs over them.
pub struct Place(pub tempfile::TempDir);

impl Place {
    pub fn new(rows: impl IntoIterator<Item = String>) -> Place {
        let place = Place(tempfile::tempdir().expect("a folder"));
        place.rows(rows);
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn rows(&self, rows: impl IntoIterator<Item = String>) {
        fs::write(self.path("rows"), rows.into_iter().map(|row| row + "\n").collect::<String>()).expect("rows");
    }

    /// `wpool run` of a guest over the rows, in the folder.
    fn command(&self, guest: &str, args: &str) -> Command {
        let mut command = wpool();
        command.current_dir(self.0.path()).arg("run").arg(wat(guest)).arg("rows").args(args.split_whitespace());
        command
    }

    pub fn run(&self, guest: &str, args: &str) -> Ran {
        run(&mut self.command(guest, args), "")
    }

    /// What a run that nothing disturbs writes.
    fn calm(&self, guest: &str, args: &str) -> String {
        let args = args.replace("--durable", "");
        self.run(guest, &format!("-q -o calm --no-journal --overwrite {args}"));
        read(self.path("calm"))
    }

    /// Goes on with `out`, which comes out as a calm run's.
    pub fn resume(&self, guest: &str, args: &str, code: i32) -> Ran {
        let ran = self.run(guest, &format!("-o out --resume {args}"));
        assert_eq!(ran.code, code, "{}", ran.stderr);
        assert!(read(self.path("out")) == self.calm(guest, args), "{}", ran.stderr);
        let folder = fs::read_dir(self.path("out.wpool")).expect("a folder");
        let names = folder.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
        assert_eq!(names.filter(|name| name.starts_with("tail")).count(), 0, "{}", ran.stderr);
        ran
    }

    /// Goes on with `out` and kills the host after a time.
    fn resume_and_kill(&self, guest: &str, args: &str, after: Duration) {
        let mut command = self.command(guest, &format!("-q -o out --resume {args}"));
        let mut host = command.stderr(Stdio::null()).spawn().expect("it starts");
        sleep(after);
        host.kill().expect("it can be killed");
        host.wait().expect("it can be waited for");
    }

    fn facts(&self) -> Value {
        serde_json::from_str(&read(self.path("out.wpool/run.json"))).expect("facts")
    }

    pub fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.path(name);
        let mut bytes = fs::read(&path).expect("a file");
        change(&mut bytes);
        fs::write(path, bytes).expect("it is written");
    }

    fn length(&self, name: &str) -> u64 {
        fs::metadata(self.path(name)).expect("a file").len()
    }
}

pub fn numbers(to: u64) -> impl Iterator<Item = String> + Clone {
    (0..to).map(|number| number.to_string())
}

/// How many rows a summary says were kept.
pub fn kept(ran: &Ran) -> u64 {
    let text = ran.stderr.split_once(" kept from before").map_or("), 0 rows", |(before, _)| before);
    text.rsplit("), ").next().and_then(|text| text.split(' ').next()?.parse().ok()).expect("a number")
}

pub fn read_if_there(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
