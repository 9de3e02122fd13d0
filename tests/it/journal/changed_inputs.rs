//! Inputs that have changed since the run.

use super::*;

#[test]
fn c69_only_rows_that_are_new_or_changed_run_and_the_output_is_in_the_new_order() {
    let base: Vec<String> = numbers(3_000).map(|number| format!("\"{number}\"")).collect();
    let place = Place::new(base.clone());
    place.resume("trap-on-bang", "--failed failed", OK);
    let mut rows = base.clone();
    let expect = |what: &str, rows: &[String], new: u64, code: i32| {
        place.rows(rows.iter().cloned());
        let ran = place.resume("trap-on-bang", "--failed failed", code);
        assert_eq!(kept(&ran), rows.len() as u64 - new, "{what}: {}", ran.stderr);
    };
    rows.extend(["\"new\"".to_owned(), "\"!\"".to_owned()]);
    expect("appended", &rows, 2, NOT_OK);
    rows[1_500] = "\"edited\"".into();
    expect("edited", &rows, 1, NOT_OK);
    rows.reverse();
    expect("reordered", &rows, 0, NOT_OK);
    assert_eq!(place.run("trap-on-bang", "-o out --resume --failed kept").code, NOT_OK);
    assert_eq!(read(place.path("kept")), "\"!\"\n", "a kept failure is among those that failed");
    rows.insert(7, "\"17\"".into());
    rows.push("\"!\"".into());
    expect("duplicated: each of equal rows runs once", &rows, 2, NOT_OK);
    rows.drain(100..200);
    expect("removed", &rows, 0, NOT_OK);
    rows.insert(0, String::new());
    rows.insert(2_000, "no JSON".into());
    place.rows(rows.iter().cloned());
    // Blank lines are no rows; what is invalid is looked at anew, for its line may be another.
    assert_eq!(kept(&place.resume("trap-on-bang", "--failed failed", NOT_OK)), rows.len() as u64 - 2);
    rows.insert(5, String::new());
    place.rows(rows.iter().cloned());
    place.resume("trap-on-bang", "--failed failed", NOT_OK);
    assert!(read(place.path("out")).contains("rows:2002: "));
}

#[test]
fn c69_without_order_every_row_has_one_record() {
    let place = Place::new(numbers(2_000).chain(numbers(500)));
    assert_eq!(place.run("echo", "-o out --unordered").code, OK);
    let rows: Vec<_> = numbers(3_000).skip(1_000).chain(numbers(200)).collect();
    place.rows(rows.clone());
    let ran = place.run("echo", "-o out --unordered --resume");
    assert_eq!((ran.code, kept(&ran)), (OK, 1_200), "{}", ran.stderr);
    let sorted = |text: String| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(read(place.path("out"))), sorted(place.calm("echo", "")));
}

#[test]
fn files_are_known_by_name_and_content() {
    let place = Place::new([]);
    for (name, content) in [("a.txt", "1"), ("b.txt", "1"), ("c.txt", "3")] {
        fs::write(place.path(name), content).expect("a file");
    }
    let run = |args: &str| {
        let mut command = wpool();
        command.current_dir(place.0.path()).arg("run").arg(wat("echo")).args(["--files", "*.txt", "-o"]);
        run(command.args(args.split_whitespace()), "")
    };
    assert_eq!(run("out").code, OK);
    fs::write(place.path("b.txt"), "2").expect("a file");
    fs::rename(place.path("c.txt"), place.path("d.txt")).expect("it is renamed");
    let ran = run("out --resume");
    assert_eq!((ran.code, kept(&ran)), (OK, 1), "{}", ran.stderr);
    assert_eq!(run("calm").code, OK);
    assert_eq!(read(place.path("out")), read(place.path("calm")));
}
