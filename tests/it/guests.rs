//! The guests themselves: the examples' answers. Every guest is used.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{guest, root, run, wpool_run};
use crate::tidy::sources;

/// A row that makes an example fail.
const REFUSED: &str = "refused";

/// An example's outputs, with [`REFUSED`] for a row that failed.
fn answers(task: &Path, args: &str, rows: &str) -> Vec<Value> {
    let answer = |mut record: Value| match record["status"].as_str() {
        Some("ok") => record["output"].take(),
        Some("failed") => json!(REFUSED),
        status => panic!("{status:?}: {record}"),
    };
    run(&mut wpool_run(task, args), rows).records().into_iter().map(answer).collect()
}

/// Checks rows, one a line, against the answers to them.
fn check<const N: usize>(task: &Path, args: &str, rows: [(&str, Value); N]) {
    let (texts, expected): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    assert_eq!(answers(task, args, &texts.join("\n")), expected, "{}", task.display());
}

#[test]
fn largest_prime_factor_knows_them() {
    check(
        &guest("largest-prime-factor"),
        "--lines",
        [
            ("2", json!(2)),
            ("3", json!(3)),
            ("4", json!(2)),
            ("360", json!(5)),
            ("600851475143", json!(6857)),
            ("1000036000099", json!(1_000_033)),
            ("9007199254740993", json!(28_059_810_762_433u64)),
            ("18446744073709551615", json!(6_700_417)),
            (" 15 ", json!(5)),
            ("0", json!(REFUSED)),
            ("1", json!(REFUSED)),
            ("-7", json!(REFUSED)),
            ("\"7\"", json!(REFUSED)),
            ("18446744073709551616", json!(REFUSED)),
        ],
    );
}

#[test]
fn is_prime_tells_primes_from_others() {
    let primes = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47];
    let rows: String = (0..50).map(|n| format!("{n}\n")).collect();
    let expected: Vec<_> = (0..50).map(|n| json!(primes.contains(&n))).collect();
    assert_eq!(answers(&guest("is-prime"), "", &rows), expected);
    check(
        &guest("is-prime"),
        "--lines",
        [
            ("4294967291", json!(true)),
            ("4294967297", json!(false)),
            ("1000036000099", json!(false)),
            ("999999000001", json!(true)),
            ("1.0", json!(REFUSED)),
            ("seven", json!(REFUSED)),
        ],
    );
}

#[test]
fn sum_of_squares_adds_up() {
    check(
        &guest("sum-of-squares"),
        "--lines",
        [
            ("0", json!(0)),
            ("1", json!(0)),
            ("2", json!(1)),
            ("10", json!(285)),
            ("11", json!(385)),
            ("1000000", json!(333_332_833_333_500_000u64)),
            ("ten", json!(REFUSED)),
        ],
    );
}

#[test]
fn word_count_counts_what_it_is_given() {
    let counts = |lines: u32, words: u32, bytes: u32| json!({ "lines": lines, "words": words, "bytes": bytes });
    check(
        &guest("word-count"),
        "--lines",
        [("one", counts(1, 1, 3)), (" one  two\tthree ", counts(1, 3, 16)), ("naïve café", counts(1, 2, 12))],
    );
    let ran = run(&mut wpool_run(&guest("word-count"), "--lines"), b"\xff\n");
    assert_eq!(ran.each("status"), ["failed"]);
    assert_eq!(ran.records()[0]["error"]["exit_code"], 2);
    assert!(ran.stdout.contains("UTF-8"), "{}", ran.stdout);
}

/// Rows of the guests that the benches measure, and sizes that take no time.
const DOCUMENT: &str = r#"{"text":"Größe **x**","charset":"iso-8859-1","host":"www.example.co.uk"}"#;
const KERNELS: &str = "sums 10\nsieve 100\nhash 4096\nsort 10\nnbody 1\ncollatz 10\nfib 10\nmatmul 2\n";

#[test]
fn what_the_benches_measure_computes_what_it_says() {
    let html = "<p>Größe <strong>x</strong></p>\n";
    let document = json!({ "html": html, "bytes": 32, "slug": "grosse---x--", "domain": "example.co.uk" });
    check(&guest("document"), "", [(DOCUMENT, document)]);
    check(&guest("transform"), "", [(r#"{"a":1}"#, json!({ "a": 1, "seen": true })), ("[1]", json!([1]))]);
    let known = [("sums 10", json!(285)), ("sieve 100", json!(25)), ("collatz 10", json!(61)), ("fib 10", json!(55))];
    check(&guest("kernels"), "--lines", known);
}

#[test]
fn the_first_command_of_the_readme_gives_every_largest_prime_factor() {
    let numbers = root().join("guest-tasks/numbers.jsonl");
    let ran = run(wpool_run(&guest("largest-prime-factor"), "--values").arg(&numbers), "");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let factors: Vec<u64> = ran.stdout.lines().map(|line| line.parse().expect("a number")).collect();
    let text = fs::read_to_string(numbers).expect("it is there");
    let rows: Vec<u64> = text.lines().map(|line| line.parse().expect("a number")).collect();
    assert_eq!(factors.len(), rows.len());
    for (row, factor) in rows.iter().zip(&factors) {
        assert!(*factor >= 2 && row.is_multiple_of(*factor), "{factor} of {row}");
    }
    let expected = [
        2,
        97,
        13,
        65537,
        13,
        3803,
        4294967291,
        6700417,
        52579,
        100913,
        6857,
        999999000001,
        1000033,
        2,
        26964874225687,
        6700417,
        112272535095293,
        112582705942171,
        115280095190773,
        115797848077099,
        332636609,
    ];
    assert_eq!(factors, expected);
}

/// The examples, each with options and rows that reach its answers and its refusals.
const SAMPLES: [(&str, &str, &str); 13] = [
    ("document", "", DOCUMENT),
    ("is-prime", "", "0\n1\n2\n9\n97\n4294967291\n-1\n\"x\"\n18446744073709551616\n"),
    ("kernels", "--lines", KERNELS),
    ("largest-prime-factor", "", "0\n2\n97\n1001\n600851475143\n18446744073709551615\n[1]\n"),
    ("shared-state", "-j 1 --state --call shared.square", "3\n5\n18446744073709551615\n"),
    ("spelling", "", "\"one two\"\n[]\n"),
    ("sum-of-chunk", "", "[]\n[1,-2,3]\n[1.5]\n7\n"),
    ("sum-of-squares", "", "0\n1\n10\n100000\nnull\n"),
    ("tally", "", "1\n\"a\"\n"),
    ("thumbnail", "", "\"no image\"\n"),
    ("transform", "", "{\"a\":1.50}\n[]\n"),
    ("typed", "", "1\n[2]\n"),
    ("word-count", "", "\"one two\"\n{\"a\": [1, 2]}\n\"\u{e9}\"\n"),
];

#[test]
fn guests_rebuilt_into_wpool_rebuilt_guests_do_what_the_prebuilt_ones_do() {
    let Some(rebuilt) = std::env::var_os("WPOOL_REBUILT_GUESTS").map(PathBuf::from) else { return };
    for (name, args, rows) in SAMPLES {
        let prebuilt = run(&mut wpool_run(&guest(name), args), rows);
        let anew = run(&mut wpool_run(&rebuilt.join(format!("{name}.wasm")), args), rows);
        assert_eq!((anew.code, anew.stdout), (prebuilt.code, prebuilt.stdout), "{name}: {}", anew.stderr);
    }
}

#[test]
fn every_example_has_samples() {
    let names: Vec<_> = files("guest-tasks", "wasm").into_keys().collect();
    assert_eq!(names, SAMPLES.map(|(name, ..)| name));
    for (name, args, rows) in SAMPLES {
        assert_eq!(answers(&guest(name), args, rows).len(), rows.lines().count());
    }
}

/// The files of a folder with an extension, by name.
fn files(folder: &str, extension: &str) -> BTreeMap<String, PathBuf> {
    let entries = fs::read_dir(root().join(folder)).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let name = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    paths
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| (name(&path), path))
        .collect()
}

#[test]
fn no_guest_is_without_a_test() {
    let sources = sources("tests/it");
    let is_used = |call: &String| sources.iter().any(|source| source.text.contains(call));
    let behaviours = files("guest-tasks/wat", "wat").into_keys().map(|name| format!("wat(\"{name}\")"));
    let examples = files("guest-tasks", "wasm").into_keys().map(|name| format!("guest(\"{name}\")"));
    let forgotten: Vec<_> = behaviours.chain(examples).filter(|call| !is_used(call)).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}
