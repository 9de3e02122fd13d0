//! What the runtime of Python has ready before the first row, and that no row notices it but by the time that it takes.

use super::scripts::Desk;
use super::*;

/// Each row tells which of the things it needs were there before it.
const NEEDS: &str = r#"
import datetime, re, struct, sys, time
from re import sub as replace

WORDS = r"\w+-here"
NAMED = re.compile("(a)")

def run(row):
    known = {key[1] for key in re._cache}
    formats = sys.modules["_strptime"]._regex_cache if "_strptime" in sys.modules else {}
    found = [pattern in known for pattern in ("[^a-z]+", WORDS, "(?P<x>b)", "own", "not[here")]
    found += ["%Y/%m" in formats, "statistics" in sys.modules, "beside" in sys.modules]
    if row:
        import beside
        import statistics
        re.sub("[^a-z]+", "-", "a b", flags=re.I | re.M), re.search(WORDS, row), replace("(?P<x>b)", r"\g<x>", row)
        re.search("own" + row[:0], row), NAMED.sub(r"\1\1", row), datetime.datetime.strptime("2024/01", "%Y/%m")
        try: re.search("not[here", row)
        except re.error: pass
    return found
"#;

#[test]
fn patterns_formats_and_modules_that_stand_in_a_python_script_are_ready_before_each_row() {
    if !is_ready("python") {
        return;
    }
    let desk = Desk::new(&[("app.py", NEEDS), ("beside.py", "raise SystemExit(7)\n")]);
    let ran = desk.run("app.py --verify-isolation", "\"\"\n\"\"\n");
    // A pattern that is put together or wrong, and a module of the script, are the row's own business.
    let expected = json!([true, true, true, false, false, true, true, false]);
    assert_eq!(ran.each("output"), [expected.clone(), expected], "{}", ran.stderr);
    let ran = desk.run("app.py", "\"x\"\n");
    assert_eq!(ran.each("error")[0]["exit_code"], 7, "{}", ran.stderr);
}

const STAYS: &str = r#"
import sys

class Thing:
    def __del__(self):
        print("dropped")

TABLE = {"key": "some text"}
thing = Thing()

def helper(n):
    return n + 1.25

def run(row):
    global thing
    immortal = sys._is_immortal
    stays = [immortal(run), immortal(helper), immortal(helper.__code__), immortal(Thing), immortal(TABLE["key"]),
             immortal(helper.__code__.co_consts), immortal(sys)]
    counted = [immortal(thing), immortal(TABLE), immortal(row), immortal([])]
    thing = None
    return [all(stays), any(counted)]
"#;

#[test]
fn objects_that_stay_are_immortal_and_those_that_can_end_are_not() {
    if !is_ready("python") {
        return;
    }
    let ran = Desk::new(&[("app.py", STAYS)]).run("app.py --receipts --verify-isolation", "\"a b\"\n\"a b\"\n");
    assert_eq!(ran.each("output"), [json!([true, false]), json!([true, false])], "{}", ran.stderr);
    let dropped = ran.each("receipt").iter().all(|receipt| receipt["stderr"] == "dropped\n");
    assert!(dropped, "an object of the script ends with its last reference: {}", ran.stdout);
}

/// `TOP` stands at the top of the script.
const CHANCE: &str = "import random\nfrom random import choice, random as draw\nTOP\n\
                      def run(row):\n    return [random.random(), draw(), random.gauss(), choice(range(10**9)), \
                      random.getrandbits(32), random.getstate()[1][0]]\n";

#[test]
fn rows_share_random_numbers_only_if_the_script_has_set_a_seed() {
    if !is_ready("python") {
        return;
    }
    let seeded = "random.seed(5); rest = random.gauss()";
    for (top, is_shared) in [("", false), ("rest = random.gauss()", false), (seeded, true), ("random.seed()", false)] {
        let desk = Desk::new(&[("app.py", &CHANCE.replace("TOP", top))]);
        let ran = desk.run("app.py -j 1 --verify-isolation", "1\n2\n");
        let rows = ran.each("output");
        let numbers = |row: usize| rows[row].as_array().expect("an array").iter();
        for (at, (one, other)) in numbers(0).zip(numbers(1)).enumerate() {
            assert_eq!(one == other, is_shared, "{top}, number {at}: {} {}", ran.stdout, ran.stderr);
        }
        assert_eq!(numbers(0).count(), 6);
    }
}

/// Objects of all sizes that grow, shrink and end, more of them than a zone holds, before the first row and in each.
const MANY: &str = r#"
import hashlib, sys, tracemalloc

def work(seed):
    rows, text = {}, ""
    for n in range(seed % 3 * 4_000 + 300):
        rows[n] = [n, str(n) * (n % 9), bytes([n % 256]) * (n * 37 % 4_099), (n,) * (n % 30), {n: float(n)}]
        if n % 3 == 0:
            del rows[n]
        elif n % 5 == 0:
            rows[n].extend(range(n % 700))
            del rows[n][::2]
        text += chr(65 + n % 500)
    digest = hashlib.sha256(text.encode())
    for n, row in rows.items():
        assert row[0] == n or n % 5 == 0 and row[0] == str(n) * (n % 9), row
        digest.update(repr(row).encode())
    return digest.hexdigest()

BEFORE = work(1)
tracemalloc.start()

def run(row):
    found = [work(row)]
    if row % 2:
        tracemalloc.stop()
        found.append(work(row))
        tracemalloc.start()
        found.append(work(row))
    assert BEFORE == work(1) and len(set(found)) == 1
    return found[0]
"#;

#[test]
fn objects_of_a_task_lie_in_its_zone_or_elsewhere_and_are_what_they_were() {
    if !is_ready("python") {
        return;
    }
    let desk = Desk::new(&[("app.py", MANY)]);
    let rows = "0\n1\n2\n3\n4\n5\n";
    let kept = desk.run("app.py --verify-isolation", rows);
    assert_eq!((kept.code, kept.stdout.lines().count()), (0, 6), "{}{}", kept.stdout, kept.stderr);
    assert!(!kept.stderr.contains("warning"), "{}", kept.stderr);
    for isolation in ["fresh", "reuse"] {
        let other = desk.run(&format!("app.py -j 1 --isolation {isolation}"), rows);
        assert_eq!(other.stdout, kept.stdout, "{isolation}: {}", other.stderr);
    }
}
