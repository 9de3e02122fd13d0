//! The trace of a run.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Made;

#[test]
fn a_trace_has_an_event_for_each_task_in_the_lane_of_its_worker() {
    let made = Made::new();
    let ran = made.run(&["-j", "2", "-o", "out.jsonl", "--trace", "trace.json", "-q"]);
    assert_eq!(ran.code, 100, "{}", ran.stderr);
    let text = made.read("trace.json");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text}");
    let trace: Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(trace["otherData"]["tasks"], 40);
    let all = trace["traceEvents"].as_array().expect("a list");
    let named = |name: &'static str| all.iter().filter(move |event| event["ph"] == "M" && event["name"] == name);
    let lanes: Vec<_> = named("thread_name").map(|event| event["tid"].as_u64().expect("a number")).collect();
    assert_eq!(named("process_name").count(), 1);
    let mut ends = BTreeMap::new();
    let mut rows = Vec::new();
    for event in all.iter().filter(|event| event["ph"] == "X") {
        let (tid, begin) = (event["tid"].as_u64().expect("a number"), event["ts"].as_f64().expect("a number"));
        let end = ends.entry(tid).or_insert(0.0);
        assert!(lanes.contains(&tid) && begin + 1e-6 >= *end, "{event} begins before {end}");
        *end = begin + event["dur"].as_f64().expect("a number");
        let row = event["args"]["row"].as_u64().expect("a number");
        assert_eq!(event["name"], format!("<b>rows.txt:{}", row + 1));
        let status = if row % 20 == 7 { ("failed", "not-ok") } else { ("ok", "ok") };
        assert_eq!((event["args"]["status"].as_str(), event["cat"].as_str()), (Some(status.0), Some(status.1)));
        rows.push(row);
    }
    rows.sort_unstable();
    assert_eq!(rows, (0..40).collect::<Vec<_>>());
}

#[test]
fn a_trace_is_made_of_a_kept_run_afterwards() {
    let made = Made::new();
    let ran = made.run(&["-o", "out.jsonl", "--trace", "one.json", "-q"]);
    assert_eq!(ran.code, 100, "{}", ran.stderr);
    let ran = made.wpool(&["report", "out.jsonl", "--trace", "two.json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(made.read("one.json"), made.read("two.json"));
}
