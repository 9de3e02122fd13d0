//! `--metrics-file`, read as strictly as the text format of Prometheus is written.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::*;

/// The samples of a metric, with their labels.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    samples: BTreeMap<String, f64>,
}

fn is_name(name: &str) -> bool {
    name.starts_with("wpool_") && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

/// Reads a page. Each metric has its help, its type and then its samples, once.
fn parse(page: &str) -> BTreeMap<String, Family> {
    assert!(page.ends_with('\n') && !page.contains("\n\n"), "{page}");
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        let (name, help) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')).expect(line);
        assert!(is_name(name) && help.ends_with('.') && !help.contains('\\'), "{line}");
        let typed = lines.next().expect("a type");
        let kind = typed.strip_prefix(&format!("# TYPE {name} ")).expect(typed);
        assert!(["counter", "gauge"].contains(&kind) && (kind == "counter") == name.ends_with("_total"), "{typed}");
        let mut family = Family { kind: kind.to_owned(), ..Family::default() };
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let (sample, value) = line.rsplit_once(' ').expect(line);
            let (of, labels) = sample.split_once('{').map_or((sample, ""), |(of, labels)| (of, labels));
            assert_eq!(of, name, "{line}");
            let labels = labels.strip_suffix('}').unwrap_or(labels);
            if let Some((label, value)) = labels.split_once('=') {
                let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).expect(line);
                let statuses = wpool::Status::ALL.map(|status| status.to_string());
                match label {
                    "status" => assert!(statuses.contains(&value.to_owned()), "{line}"),
                    "version" => assert_eq!(value, env!("CARGO_PKG_VERSION")),
                    _ => panic!("{line}"),
                }
            }
            let value = value.parse().expect(line);
            assert!(f64::is_finite(value) && family.samples.insert(labels.to_owned(), value).is_none(), "{line}");
        }
        assert!(!family.samples.is_empty() && families.insert(name.to_owned(), family).is_none(), "{line}");
    }
    families
}

/// The value of a metric, which has one.
fn value(families: &BTreeMap<String, Family>, name: &str) -> f64 {
    let family = families.get(name).unwrap_or_else(|| panic!("no {name} in {families:?}"));
    assert_eq!(family.samples.len(), 1, "{name}");
    family.samples[""]
}

#[test]
fn the_last_page_counts_what_the_summary_counts_and_has_the_exit_code() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let mut command = Command::new("sh");
    let run = format!(
        "umask 077; exec {} run {} -j 2 -q --retries 1 --retry-on trap --retry-delay 1ms --metrics-file run.prom \
         --summary-json summary",
        env!("CARGO_BIN_EXE_wpool"),
        wat("trap-on-bang").display()
    );
    for (name, value) in wpool().get_envs() {
        value.map(|value| command.env(name, value));
    }
    let ran = super::run(command.args(["-c", &run]).current_dir(folder.path()).env_remove("CI"), ROWS);
    assert_eq!(ran.code, 100, "{}", ran.stderr);
    let page = parse(&read(at("run.prom")));
    let summary: Value = serde_json::from_str(&read(at("summary"))).expect("JSON");
    let tasks = &page["wpool_tasks_total"].samples;
    assert_eq!((tasks.len(), page["wpool_tasks_total"].kind.as_str()), (wpool::Status::ALL.len(), "counter"));
    for status in wpool::Status::ALL {
        let counted = tasks[&format!("status=\"{status}\"")];
        assert_eq!(Some(counted), summary["tasks"][status.as_str()].as_f64(), "{status}");
    }
    for (name, expected) in [
        ("wpool_run_exit_code", &summary["exit_code"]),
        ("wpool_task_retries_total", &summary["retries"]),
        ("wpool_task_input_bytes_total", &summary["bytes"]["in"]),
        ("wpool_task_output_bytes_total", &summary["bytes"]["out"]),
        ("wpool_workers", &summary["workers"]),
    ] {
        assert_eq!(Some(value(&page, name)), expected.as_f64(), "{name}");
    }
    assert_eq!((value(&page, "wpool_tasks_running"), value(&page, "wpool_task_answers_total")), (0.0, 4.0));
    let [began, ended] = ["start", "end"].map(|name| value(&page, &format!("wpool_run_{name}_time_seconds")));
    assert!(began > 1.7e9 && ended >= began, "{began} {ended}");
    assert_eq!(page["wpool_run_info"].samples.values().copied().collect::<Vec<_>>(), [1.0]);
    let mode = at("run.prom").metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o644, "whatever the umask, for the collector is another user");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2, "no draft is left");
}

#[test]
fn a_page_is_there_from_the_beginning_and_has_no_end_before_the_end() {
    let folder = folder();
    let path = folder.path().join("run.prom");
    let mut live = Live::start(wpool_run(&wat("echo"), "--metrics-file").arg(&path));
    live.say("1\n");
    live.line();
    let page = parse(&read(&path));
    assert!(!page.contains_key("wpool_run_exit_code") && !page.contains_key("wpool_run_end_time_seconds"), "{page:?}");
    // Metrics that cannot be written any more are no reason to fail.
    fs::remove_file(&path).expect("it is there");
    drop(folder);
    let ran = live.end();
    assert_eq!((ran.code, ran.stderr.matches("--metrics-file").count()), (OK, 1), "{}", ran.stderr);
}

#[test]
fn a_run_that_ends_before_its_first_task_says_so() {
    let folder = folder();
    let path = write(&folder, "run.prom", "of an earlier run\n");
    let ran = run(wpool_run(&wat("no-convention"), "--metrics-file").arg(&path), "1\n");
    assert_eq!(ran.code, REFUSED, "{}", ran.stderr);
    assert_eq!(value(&parse(&read(&path)), "wpool_run_exit_code"), f64::from(REFUSED));
    // A command that makes no sense is no run.
    let path = write(&folder, "run.prom", "of an earlier run\n");
    let ran = run(wpool_run(&wat("echo"), "--shard 1/2 --once --metrics-file").arg(&path), "1\n");
    assert_eq!((ran.code, read(&path).as_str()), (USAGE, "of an earlier run\n"), "{}", ran.stderr);
}

#[test]
fn rows_of_an_earlier_run_are_counted_as_kept() {
    let folder = folder();
    let run_with = |options: &str| {
        let options = format!("-q -o out --metrics-file run.prom {options}");
        super::run(wpool_run(&wat("trap-on-bang"), &options).current_dir(folder.path()), ROWS).code
    };
    assert_eq!((run_with(""), run_with("--resume")), (100, 100));
    let page = parse(&read(folder.path().join("run.prom")));
    assert_eq!(page["wpool_tasks_total"].samples["status=\"ok\""], 2.0);
    assert_eq!(value(&page, "wpool_tasks_kept_total"), 3.0, "a trap is final");
    assert_eq!(value(&page, "wpool_task_answers_total"), 0.0);
}

#[test]
fn metrics_are_refused_where_no_file_can_be_replaced() {
    let folder = folder();
    write(&folder, "rows", "1\n");
    for (options, code, needle) in [
        ("--metrics-file -", USAGE, "name a file"),
        ("--metrics-file /dev/null", USAGE, "name a regular file"),
        ("--metrics-file /dev/stderr", USAGE, "name a regular file"),
        ("--metrics-file no/such/folder", CANNOT_WRITE, "no/such/folder"),
        ("--metrics-file rows", USAGE, "is an input"),
        ("--metrics-file out -o out", USAGE, "records and the metrics"),
        ("--metrics-file out --events out", USAGE, "the events and the metrics"),
    ] {
        let ran = run(wpool_run(&wat("echo"), &format!("{options} rows")).current_dir(folder.path()), "");
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{options}: {}", ran.stderr);
        assert!(ran.stderr.contains(needle), "{options}: {}", ran.stderr);
    }
    assert_eq!(read(folder.path().join("rows")), "1\n");
}
