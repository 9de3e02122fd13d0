//! Reports of runs that are made up: large ones, and some with several sessions.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use serde_json::Value;
use wpool::Status;

use crate::cli::journal::{Ended, Fault, Historian, Note, Notebook, ProgramFacts, Ran, RowPlace, Text, Timing, run_id};
use crate::cli::journal::{FORMAT, Facts};
use crate::cli::reports::account::{Account, End, Traces};
use crate::cli::reports::axis::{Axis, Lane};
use crate::cli::reports::{html, trace};

/// A guest's worst text.
const HOSTILE: &str = "</pre></script><img src=x onerror=alert(1)>\u{1b}[31m\u{202e}'\"&";

fn facts() -> Facts {
    let (run, started) = run_id();
    let ended = Ended { time: started.clone(), exit_code: 100, counts: Default::default(), complete: true };
    Facts {
        format: FORMAT,
        run,
        version: "0.1.0".into(),
        started,
        cwd: Text::from(&HOSTILE.to_owned()),
        arguments: vec![
            Text::from(&HOSTILE.to_owned()),
            Text::from(&"--env".to_owned()),
            Text::from(&"A=hush".to_owned()),
        ],
        env: vec![("A".into(), "hush".into())],
        program: ProgramFacts { name: HOSTILE.into(), path: Text::from(&HOSTILE.to_owned()), hash: "00".into() },
        earlier: Vec::new(),
        settings: [("--env".to_owned(), "hush".to_owned()), ("--dir".to_owned(), HOSTILE.to_owned())].into(),
        inputs: vec![Text::from(&HOSTILE.to_owned())],
        shard: None,
        policy: None,
        ended: Some(ended),
    }
}

fn file() -> File {
    tempfile::tempfile().expect("a file")
}

/// The account of a run with this history and these notes.
fn account(history: File, notes: File, counts: &[(&str, u64)]) -> Account {
    let mut facts = facts();
    let counted = counts.iter().map(|(status, count)| ((*status).to_owned(), *count)).collect();
    facts.ended.as_mut().expect("it has ended").counts = counted;
    let traces = Traces::Files { history, notes };
    Account::of_run(facts, End::Complete, None, Some(HOSTILE.into()), traces).expect("it is read")
}

/// The `at`-th row of a run on some workers: most take 100 µs, some long, and each hundredth has failed.
fn timing(at: u64, workers: u64) -> Timing {
    let wall = Duration::from_micros(if at % 1_000 == 7 { 20_000 } else { 90 });
    let status = if at % 100 == 13 { Status::Failed } else { Status::Ok };
    let began = Duration::from_micros(at / workers * 120);
    Timing { id: Some(at), began, wall, worker: Some((at % workers) as u8), status, attempts: 1 }
}

/// A run of so many tasks, with so many notes of long texts.
fn large(tasks: u64, noted: u64) -> Account {
    let (history, notes) = (file(), file());
    let mut historian = Historian::nameless(history.try_clone().expect("another")).expect("it is written");
    let rows: Vec<u64> = (0..tasks).collect();
    for rows in rows.chunks(10_000) {
        historian.add(rows.iter().map(|at| Ran::new(&timing(*at, 16)))).expect("it is written");
    }
    let mut book = Notebook::of(notes.try_clone().expect("another"));
    for at in (0..noted).map(|at| at * 100 + 13) {
        // The guest decides what messages say, so each may be of a kind of its own.
        let message = format!("{} {HOSTILE}", "abcdefgh".repeat(1 + at as usize % 300));
        let stderr = Some(HOSTILE.repeat(400));
        let fault = Fault { code: "err".into(), message, stderr, ..Fault::default() };
        let place = Some(RowPlace { file: HOSTILE.into(), line: Some(at + 1), is_index: false });
        let (retried, worker) = (Vec::new(), Some(1));
        let (began_us, wall_us, fault) = (0, 90, Some(fault));
        book.add(Note { id: at, key: 0, place, status: Status::Failed, retried, began_us, wall_us, worker, fault });
        book.flush();
    }
    let failed = tasks / 100;
    account(history, notes, &[("ok", tasks - failed), ("failed", failed)])
}

fn page(account: &Account) -> String {
    let mut page = Vec::new();
    html::write(account, &mut page).expect("it is made");
    String::from_utf8(page).expect("a text")
}

fn check(page: &str) {
    assert!(page.len() <= 2 << 20, "{}", page.len());
    assert_eq!((page.matches("<script").count(), page.matches("</script").count()), (1, 1));
    assert!(
        !page.contains("<img") && !page.contains("hush") && !page.contains('\u{1b}'),
        "text of others is as it was"
    );
    assert!(page.ends_with("</script>\n</html>\n"));
}

#[test]
fn a_page_of_many_tasks_and_long_texts_has_a_bounded_size() {
    let page = page(&large(1_000_000, 3_000));
    check(&page);
    assert!(page.contains("10,000 of 1,000,000 tasks are not ok") && page.contains("The first "), "{}", &page[..2_000]);
    assert!(page.len() > 1 << 20, "the room is used: {}", page.len());
}

#[test]
#[ignore = "takes a minute; for a figure"]
#[expect(clippy::print_stdout, reason = "it is called for its figure")]
fn a_page_of_ten_million_tasks_has_a_bounded_size() {
    let account = large(10_000_000, 100_000);
    let began = std::time::Instant::now();
    let page = page(&account);
    check(&page);
    println!("{} bytes in {:?}", page.len(), began.elapsed());
}

#[test]
fn a_trace_of_many_tasks_is_a_sample_with_all_that_are_not_ok() {
    let mut text = Vec::new();
    trace::write(&large(300_000, 10), &mut text).expect("it is made");
    let trace: Value = serde_json::from_slice(&text).expect("it is JSON");
    let events: Vec<_> = trace["traceEvents"].as_array().expect("a list").iter().filter(|it| it["ph"] == "X").collect();
    assert!((100_000..=200_000).contains(&events.len()), "{}", events.len());
    assert_eq!(trace["otherData"]["events"], events.len());
    assert!(trace["otherData"]["sampled"].as_str().is_some_and(|text| text.contains("of 300000 tasks")), "{trace:?}");
    assert_eq!(events.iter().filter(|event| event["cat"] == "not-ok").count(), 3_000);
    assert_eq!(events.iter().filter(|event| event["dur"].as_f64() > Some(10_000.0)).count(), 300, "the slowest");
}

/// A history of sessions: when each began, in seconds, and its workers. Each runs one task of 2 s on each worker.
fn sessions(all: &[(u64, &[u8])]) -> Account {
    let mut history = file();
    history.write_all(b"wpool history 2\n").expect("it is written");
    for (start, workers) in all {
        let mut session = [0; 16];
        session[..8].copy_from_slice(&((1_700_000_000 + start) * 1_000_000).to_le_bytes());
        session[15] = 15;
        history.write_all(&session).expect("it is written");
        for worker in *workers {
            let (began, wall) = (Duration::from_secs(1), Duration::from_secs(2));
            let (worker, status) = (Some(*worker), Status::Ok);
            let timing = Timing { id: Some(1), began, wall, worker, status, attempts: 1 };
            let mut bytes = [0; 16];
            bytes.copy_from_slice(Ran::new(&timing).bytes());
            history.write_all(&bytes).expect("it is written");
        }
    }
    account(history, file(), &[("ok", 1)])
}

#[test]
fn sessions_that_follow_each_other_share_lanes_and_a_long_time_between_them_is_shortened() {
    let day = 24 * 3600;
    let account = sessions(&[(0, &[0, 1]), (day, &[1]), (2 * day, &[0, 1])]);
    let axis = Axis::of(&account).expect("it is read").expect("something ran");
    assert_eq!((axis.groups(), axis.sessions(), axis.tasks), (1, 3, 5));
    assert_eq!(axis.lanes(), [Lane { group: 0, worker: Some(0) }, Lane { group: 0, worker: Some(1) }]);
    let gaps: Vec<_> = axis.gaps().iter().map(|gap| gap.length.as_secs().div_ceil(2) * 2).collect();
    assert_eq!(gaps, [day - 2, day - 2]);
    let seconds = axis.length() as f64 / 1e9;
    assert!((6.0..=8.0).contains(&seconds), "{seconds}");
    assert_eq!((axis.real(0), axis.real(axis.length()) / 1_000_000_000 / day), (0, 2));
    assert!(page(&account).contains("The run has 3 sessions."));
}

#[test]
fn sessions_at_the_same_time_have_lanes_of_their_own() {
    let account = sessions(&[(5, &[0]), (4, &[0, 3]), (7, &[0])]);
    let axis = Axis::of(&account).expect("it is read").expect("something ran");
    let lanes: Vec<_> = axis.lanes().iter().map(|lane| (lane.group, lane.worker.expect("it is known"))).collect();
    assert_eq!(lanes, [(0, 0), (0, 3), (1, 0)]);
    let stays: Vec<_> = account.timings().expect("they are read").map(|timed| axis.stay(&timed)).collect();
    let begins: Vec<_> = stays.iter().map(|stay| (stay.lane, stay.begin / 1_000_000)).collect();
    assert_eq!(begins, [(2, 1_000), (0, 0), (1, 0), (0, 3_000)], "{stays:?}");
    assert_eq!(axis.gaps(), []);
}

#[test]
fn a_run_of_nothing_has_its_reports() {
    let account = account(file(), file(), &[]);
    check(&page(&account));
    let mut text = Vec::new();
    trace::write(&account, &mut text).expect("it is made");
    serde_json::from_slice::<Value>(&text).expect("it is JSON");
}
