//! Rows of mixed work in Python and JavaScript: instances that are put back are those that a row would have alone.
//!
//! `WPOOL_MIXED` is the number of rows for each language. Comparing all of its memory takes some milliseconds for a row of
//! Python, so the default has each kind of work a few times.

use super::scripts::Desk;
use super::*;

/// The scripts, how many kinds of work each has, and rows by default.
const SCRIPTS: [(&str, &str, u64, u64); 2] =
    [("work.py", include_str!("work.py"), 35, 210), ("work.js", include_str!("work.js"), 31, 1_550)];
/// What some rows need beyond letters of ASCII.
const TEXTS: [&str; 5] = ["plain words", "Größe der Straße № 5", "", "\u{1F600} a\u{301}b", "line one\nline two 42"];

fn rows(count: u64) -> String {
    let row = |n: u64| json!({"n": n, "text": TEXTS[(n / 7 % 5) as usize]}).to_string() + "\n";
    (0..count).map(row).collect()
}

#[test]
fn no_row_of_mixed_work_finds_what_another_has_left() {
    for (file, source, kinds, default) in SCRIPTS {
        if file.ends_with(".py") && !is_ready("python") {
            continue;
        }
        let count = env::var("WPOOL_MIXED").map_or(default, |text| text.parse().expect("it is a number"));
        let rows = rows(count);
        let desk = Desk::new(&[(file, source)]);
        let run = |options: &str| desk.run(&format!("{file} --memory 256MiB {options}"), &rows);
        let verified = run("--verify-isolation");
        assert_eq!(verified.stdout.lines().count() as u64, count, "{file}: {}", verified.stderr);
        // A difference is a warning, and then all rows have fresh instances.
        let warned = verified.stderr.lines().find(|line| line.contains("warning"));
        assert_eq!(warned, None, "{file}: {}", verified.stderr);
        let fresh = run("--isolation fresh");
        let mut differ =
            verified.stdout.lines().zip(fresh.stdout.lines()).enumerate().filter(|(_, (one, other))| one != other);
        let found = differ.next().map(|(at, lines)| (at as u64 % kinds, lines));
        assert_eq!(found, None, "{file}: the kind of work, and its record when put back and when fresh");
    }
}
