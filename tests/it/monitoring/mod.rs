//! What other programs are told of a run: `--events` and `--metrics-file`.

mod events;
mod metrics;
mod profile;
mod readers;

use std::path::Path;

use serde_json::Value;

use crate::cli::{CANNOT_WRITE, OK, REFUSED, USAGE, folder, read, write};
use crate::support::*;

/// A run of a guest that traps on one of three rows.
const ROWS: &str = "1\n\"!\"\n3\n";

/// The events in a file, which may still be written.
fn events(path: &Path) -> Vec<Value> {
    let text = read(path);
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    text[..whole].lines().map(event).collect()
}

/// An event: inert JSON of version 1.
fn event(line: &str) -> Value {
    assert!(line.starts_with("{\"v\":1,\"event\":\"") && !line.chars().any(wpool::inert::is_active), "{line}");
    let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
    assert!(event["at_us"].is_u64(), "{line}");
    event
}

/// Those of a name.
fn called<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == name).collect()
}
