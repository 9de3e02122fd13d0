//! `wpool replay --profile`: where a task spends its time, for tools that show it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use serde_json::{Value, json};
use wpool::outcome::{Profile, Sample};
use wpool::place::{PUBLIC, Place};
use wpool::{TaskResult, inert};

use crate::cli::errors::{CannotWrite, usage};
use crate::cli::plan::Plan;
use crate::cli::say;

/// Version of Firefox's processed format. Its viewer reads older ones, too.
const PROCESSED: u32 = 62;
/// Version of the format that the processed one is made of.
const GECKO: u32 = 24;

/// Where a profile goes: for Firefox's viewer, and beside it for flame graphs.
#[derive(Debug)]
pub struct ProfileFiles {
    firefox: PathBuf,
    folded: PathBuf,
}

impl ProfileFiles {
    /// The files for the path that was typed. Neither may exist.
    pub fn new(typed: &Path) -> Result<ProfileFiles> {
        let firefox = std::path::absolute(typed)?;
        let mut folded = firefox.clone().into_os_string();
        folded.push(".folded");
        let files = ProfileFiles { firefox, folded: folded.into() };
        for path in files.both() {
            if path.symlink_metadata().is_ok() {
                return usage(format!(
                    "--profile: {} exists; it is not replaced, so name another file",
                    path.display()
                ));
            }
        }
        Ok(files)
    }

    fn both(&self) -> [&Path; 2] {
        [&self.firefox, &self.folded]
    }

    /// Refuses files where the task could put something in their place.
    pub fn check(&self, plan: &Plan) -> Result<()> {
        let Some(granted) = plan.config.task.grants.writable_at(&self.firefox) else { return Ok(()) };
        let (path, granted) = (self.firefox.display(), granted.display());
        usage(format!("--profile: {path} lies in {granted}, which the task may write to; let it lie elsewhere"))
    }

    /// Writes both, if the task was seen at all.
    pub fn write(&self, result: &TaskResult, program: &str) -> Result<()> {
        let measured = result.receipt.measured.as_ref();
        let profile = measured.and_then(|measured| measured.profile.as_ref());
        let Some(profile) = profile.filter(|profile| !profile.samples.is_empty()) else {
            say(format_args!("there is no profile: the task was over before its stack was looked at"));
            return Ok(());
        };
        let mut text = Vec::new();
        inert::push_json(&firefox(profile, program), &mut text)?;
        for (path, bytes) in self.both().into_iter().zip([text.as_slice(), folded(profile).as_bytes()]) {
            let written = Place::of(path).and_then(|place| place.replace(bytes, PUBLIC, false));
            written.map_err(CannotWrite::at(path))?;
        }
        let (count, path) = (profile.samples.len(), self.firefox.display());
        say(format_args!(
            "{count} samples: {path} for profiler.firefox.com, {} for flame graphs",
            self.folded.display()
        ));
        Ok(())
    }
}

/// A line for each stack, and how often it was seen: `main;run;hash 12`.
fn folded(profile: &Profile) -> String {
    let names: Vec<_> = profile.functions.iter().map(|name| inert::text(name).replace(';', ":")).collect();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for sample in &profile.samples {
        let stack = profile.stack(sample).into_iter().filter_map(|function| names.get(function as usize));
        *counts.entry(stack.map(String::as_str).collect::<Vec<_>>().join(";")).or_default() += 1;
    }
    counts.into_iter().map(|(stack, count)| format!("{stack} {count}\n")).collect()
}

/// The profile in the format of Firefox's viewer. Each function is one frame, and all are of one category.
fn firefox(profile: &Profile, program: &str) -> Value {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64() * 1e3);
    json!({
        "meta": {
            "categories": [{"name": "Guest", "color": "blue", "subcategories": ["Other"]}],
            "debug": false,
            "extensions": {"length": 0, "baseURL": [], "id": [], "name": []},
            "interval": profile.interval_us as f64 / 1e3,
            "markerSchema": [],
            "pausedRanges": [],
            "preprocessedProfileVersion": PROCESSED,
            "processType": 0,
            "product": program,
            "sampleUnits": {"eventDelay": "ms", "threadCPUDelta": "µs", "time": "ms"},
            "sourceCodeIsNotOnSearchfox": true,
            "startTime": started,
            "symbolicated": true,
            "usesOnlyOneStackType": true,
            "version": GECKO,
        },
        "libs": [],
        "pages": [],
        "counters": [],
        "profilerOverhead": [],
        "shared": shared(profile),
        "threads": [thread(profile, program)],
    })
}

/// The tables of functions and stacks.
fn shared(profile: &Profile) -> Value {
    let count = profile.functions.len();
    let all = |value: Value| vec![value; count];
    let calls = &profile.calls;
    json!({
        "stringArray": profile.functions,
        "funcTable": {
            "length": count,
            "name": (0..count).collect::<Vec<_>>(),
            "isJS": all(false.into()),
            "relevantForJS": all(false.into()),
            "resource": all((-1).into()),
            "source": all(Value::Null),
            "lineNumber": all(Value::Null),
            "columnNumber": all(Value::Null),
        },
        "frameTable": {
            "length": count,
            "func": (0..count).collect::<Vec<_>>(),
            "address": all((-1).into()),
            "category": all(0.into()),
            "subcategory": all(0.into()),
            "inlineDepth": all(0.into()),
            "innerWindowID": all(0.into()),
            "nativeSymbol": all(Value::Null),
            "line": all(Value::Null),
            "column": all(Value::Null),
        },
        "stackTable": {
            "length": calls.len(),
            "frame": calls.iter().map(|call| call.function).collect::<Vec<_>>(),
            "prefix": calls.iter().map(|call| call.caller).collect::<Vec<_>>(),
        },
        "nativeSymbols": {"length": 0, "address": [], "functionSize": [], "libIndex": [], "name": []},
        "resourceTable": {"length": 0, "host": [], "lib": [], "name": [], "type": []},
        "sources": {"length": 0, "filename": [], "id": [], "sourceMapURL": [], "startColumn": [], "startLine": []},
    })
}

/// The samples, each with the time since the one before it.
fn thread(profile: &Profile, program: &str) -> Value {
    let samples = &profile.samples;
    let before = std::iter::once(0).chain(samples.iter().map(|sample| sample.at_us));
    let delta = |(sample, before): (&Sample, u64)| sample.at_us.saturating_sub(before) as f64 / 1e3;
    json!({
        "name": "task",
        "isMainThread": true,
        "processName": program,
        "processType": "default",
        "processStartupTime": 0.0,
        "processShutdownTime": null,
        "registerTime": 0.0,
        "unregisterTime": null,
        "pausedRanges": [],
        "pid": "0",
        "tid": "0",
        "showMarkersInTimeline": false,
        "markers": {
            "length": 0, "category": [], "data": [], "endTime": [], "name": [], "phase": [], "startTime": [],
        },
        "samples": {
            "length": samples.len(),
            "stack": samples.iter().map(|sample| sample.call).collect::<Vec<_>>(),
            "timeDeltas": samples.iter().zip(before).map(delta).collect::<Vec<_>>(),
            "weight": vec![1; samples.len()],
            "weightType": "samples",
        },
    })
}

#[cfg(test)]
mod tests {
    use wpool::outcome::Call;

    use super::*;

    fn profile() -> Profile {
        let call = |caller, function| Call { caller, function };
        let sample = |at_us, call| Sample { at_us, call };
        Profile {
            interval_us: 1_000,
            functions: vec!["main".into(), "a;b\u{1b}\n".into()],
            calls: vec![call(None, 0), call(Some(0), 1), call(Some(1), 0)],
            samples: vec![sample(1_000, 0), sample(2_500, 2), sample(3_500, 2)],
        }
    }

    #[test]
    fn a_folded_stack_is_a_line_whatever_its_functions_are_called() {
        assert_eq!(folded(&profile()), "main 1\nmain;a:b\\u{1b}\\n;main 2\n");
    }

    #[test]
    fn all_columns_of_a_table_are_as_long_as_it_says() {
        fn check(name: &str, value: &Value) {
            let Some(members) = value.as_object() else { return };
            for (member, column) in members {
                check(&format!("{name}.{member}"), column);
                if let (Some(length), Some(column)) = (members.get("length").and_then(Value::as_u64), column.as_array())
                {
                    assert_eq!(column.len() as u64, length, "{name}.{member}");
                }
            }
        }
        let value = firefox(&profile(), "task.wasm");
        check("profile", &value);
        check("thread", &value["threads"][0]);
        assert_eq!(value["threads"][0]["samples"]["timeDeltas"], json!([1.0, 1.5, 1.0]));
        assert_eq!(value["shared"]["stackTable"]["prefix"], json!([null, 0, 1]));
    }
}
