//! One summary of several. Counts and times are sums; distributions keep what can be said of them together: the mean and
//! the longest. Percentiles cannot be merged, so there are none.

use std::io::Read;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use crate::cli::commands::merge::found::Part;
use crate::cli::errors::usage;

/// Longest summary that is read; a run's has some KiB.
const MOST: u64 = 1 << 20;
/// Tasks that a summary lists.
const NAMED: usize = 5;
/// Members that are sums over the shards.
const SUMS: [&str; 9] = ["tasks", "kept", "workers", "cores", "time_us", "bytes", "retries", "deaths", "retirements"];

/// Reads the summaries that the shards have written.
pub fn read(parts: &[Part]) -> Result<Vec<Value>> {
    let read = |part: &Part| {
        let shown = part.path.display();
        let Some(name) = &part.shard.summary else {
            return usage(format!("--summary-json: the shard of {shown} was run without --summary-json"));
        };
        let place = part.beside(name)?;
        let cannot = || format!("cannot read {place}, the summary of {shown}");
        let mut text = Vec::new();
        place.read().with_context(cannot)?.take(MOST + 1).read_to_end(&mut text).with_context(cannot)?;
        ensure!(text.len() as u64 <= MOST, "{place} is too long for a summary");
        let summary: Value = serde_json::from_slice(&text).with_context(cannot)?;
        ensure!(summary["tasks"]["total"].is_u64(), "{place} is not a summary of wpool");
        Ok(summary)
    };
    parts.iter().map(read).collect()
}

/// The summary of all shards.
pub fn merged(summaries: &[Value], exit_code: i32) -> Value {
    let mut merged = Map::new();
    let first = summaries.first().cloned().unwrap_or_default();
    merged.insert("version".into(), first["version"].clone());
    merged.insert("exit_code".into(), exit_code.into());
    merged.insert("shards".into(), summaries.len().into());
    let stopped = summaries.iter().map(|summary| &summary["stopped"]).find(|why| why.is_string());
    merged.insert("stopped".into(), stopped.cloned().unwrap_or_default());
    merged.insert("unread".into(), summaries.iter().any(|summary| summary["unread"] == true).into());
    for name in SUMS {
        let sum = summaries.iter().fold(Value::Null, |sum, summary| add(sum, &summary[name]));
        merged.insert(name.into(), sum);
    }
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    let wall = summaries.iter().map(|summary| summary["wall_us"].as_u64().unwrap_or_default()).max();
    // The shards may have run beside each other, or one after the other.
    merged.insert("wall_us".into(), wall.unwrap_or_default().into());
    for name in ["run_us", "wait_us"] {
        merged.insert(name.into(), distribution(summaries, name));
    }
    let mut slowest: Vec<Value> =
        summaries.iter().flat_map(|summary| summary["slowest"].as_array().cloned().unwrap_or_default()).collect();
    slowest.sort_by(|a, b| number(&b["run_us"]).total_cmp(&number(&a["run_us"])));
    slowest.truncate(NAMED);
    merged.insert("slowest".into(), slowest.into());
    merged.insert("flaky".into(), flaky(summaries));
    Value::Object(merged)
}

/// The sum of numbers, member by member. A member that is not a number stays as it was first.
fn add(sum: Value, more: &Value) -> Value {
    match (sum, more) {
        (Value::Null, more) => more.clone(),
        (Value::Object(mut sum), Value::Object(more)) => {
            for (name, value) in more {
                let before = sum.remove(name).unwrap_or_default();
                sum.insert(name.clone(), add(before, value));
            }
            Value::Object(sum)
        }
        (Value::Array(mut sum), Value::Array(more)) => {
            for reason in more {
                match sum.iter_mut().find(|known| known["reason"] == reason["reason"]) {
                    Some(known) => known["count"] = add(known["count"].take(), &reason["count"]),
                    None => sum.push(reason.clone()),
                }
            }
            Value::Array(sum)
        }
        (sum, more) => match sum.as_u64().zip(more.as_u64()) {
            Some((a, b)) => a.saturating_add(b).into(),
            None => sum,
        },
    }
}

fn distribution(summaries: &[Value], name: &str) -> Value {
    let of_tasks = summaries.iter().filter(|summary| summary[name].is_object());
    let (mut tasks, mut sum, mut max) = (0.0, 0.0, 0.0_f64);
    for summary in of_tasks {
        let count = summary["tasks"]["total"].as_f64().unwrap_or_default();
        let kept = summary["kept"].as_f64().unwrap_or_default();
        let ran = (count - kept).max(1.0);
        tasks += ran;
        sum += ran * summary[name]["mean"].as_f64().unwrap_or_default();
        max = max.max(summary[name]["max"].as_f64().unwrap_or_default());
    }
    if tasks == 0.0 {
        return Value::Null;
    }
    json!({"mean": (sum / tasks * 1e3).round() / 1e3, "max": max})
}

fn flaky(summaries: &[Value]) -> Value {
    let count: u64 = summaries.iter().filter_map(|summary| summary["flaky"]["count"].as_u64()).sum();
    let ids = summaries.iter().flat_map(|summary| summary["flaky"]["ids"].as_array().into_iter().flatten());
    let mut ids: Vec<u64> = ids.filter_map(Value::as_u64).collect();
    ids.sort_unstable();
    ids.truncate(NAMED);
    json!({"count": count, "ids": ids})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_of_numbers_and_the_longest_is_of_all() {
        let summary = |total: u64, longest: u64| {
            json!({"version": "1", "tasks": {"total": total}, "kept": 0, "wall_us": longest, "deaths": {"count": 1, "reasons": [{"reason": "a", "count": 1}]},
                "run_us": {"mean": longest, "p50": 1, "max": longest}, "slowest": [{"id": total, "run_us": longest}],
                "flaky": {"count": 1, "ids": [total]}})
        };
        let merged = merged(&[summary(1, 10), summary(3, 30)], 0);
        assert_eq!((&merged["wall_us"], &merged["deaths"]["count"]), (&json!(30), &json!(2)));
        assert_eq!(merged["deaths"]["reasons"], json!([{"reason": "a", "count": 2}]));
        assert_eq!(merged["run_us"], json!({"mean": 25.0, "max": 30.0}));
        assert_eq!(merged["slowest"][0], json!({"id": 3, "run_us": 30}));
        assert_eq!(merged["flaky"], json!({"count": 2, "ids": [1, 3]}));
        assert_eq!(merged["tasks"], json!({"total": 4}));
    }
}
