//! The members of a record about all that its task has touched, and was denied.

use serde::Serialize;
use wpool::outcome::{Touched, TouchedDir};

/// The things that a task was denied, and those that it used.
#[derive(Default, Serialize)]
pub struct TouchedRecord<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    denied: Vec<String>,
    #[serde(skip_serializing_if = "is_zero")]
    denied_more: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<Used<'a>>,
}

#[derive(Serialize)]
struct Used<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dirs: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    env: Option<&'a [String]>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    interfaces: &'a [String],
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl<'a> TouchedRecord<'a> {
    pub fn of(touched: Option<&'a Touched>) -> TouchedRecord<'a> {
        let Some(Touched { denied, denied_more, dirs, env, interfaces }) = touched else {
            return TouchedRecord::default();
        };
        let dir = |dir: &TouchedDir| format!("{}:{}", dir.guest, if dir.written { "rw" } else { "ro" });
        let is_used = !dirs.is_empty() || env.is_some() || !interfaces.is_empty();
        let used = || Used { dirs: dirs.iter().map(dir).collect(), env: env.as_deref(), interfaces };
        TouchedRecord {
            denied: denied.iter().map(ToString::to_string).collect(),
            denied_more: *denied_more,
            used: is_used.then(used),
        }
    }
}
