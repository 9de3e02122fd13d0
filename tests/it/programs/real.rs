//! Real programs, if they are installed.

use super::*;

/// A question to a solver: is there a square root of `n` in `bits` bits?
fn square_root(bits: u32, n: u32) -> String {
    format!(
        "(set-logic QF_BV)\n(declare-const x (_ BitVec {bits}))\n\
         (assert (= (bvmul x x) (_ bv{n} {bits})))\n(check-sat)\n"
    )
}

#[test]
fn a_solver_answers_questions_in_files() {
    let Some(boolector) = program("boolector.wasm") else { return };
    let texts: Vec<_> = (0..8).map(|n| square_root(8, n)).collect();
    let folder = folder();
    for (n, text) in texts.iter().enumerate() {
        write(&folder, &format!("root-{n}.smt2"), text);
    }
    let mut command = wpool_run(&boolector, "--files *.smt2 --success-codes 10,20 --output-type text -- --smt2 -m");
    let ran = run(command.current_dir(folder.path()), "");
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    // Odd squares are those that are 1 modulo 8, even ones 0 or 4 modulo 16.
    let answers: Vec<_> = ran.each("output").iter().map(|output| output.as_str().expect("a text").to_owned()).collect();
    let is_square: Vec<_> = answers.iter().map(|answer| answer.starts_with("sat\n")).collect();
    assert_eq!(is_square, [true, true, false, false, true, false, false, false], "{answers:?}");
    assert!(answers.iter().zip(is_square).all(|(answer, square)| square || answer == "unsat"), "{answers:?}");
    // The same questions as rows, each with its own width.
    let rows: String =
        [4, 5, 6].map(|bits| json!({ "text": square_root(bits, 2), "seed": bits }).to_string() + "\n").concat();
    let ran = run(&mut wpool_run(&boolector, "--stdin {.text} -- --smt2 --seed={.seed}"), &rows);
    assert_eq!(ran.each("output"), ["unsat"; 3], "{}", ran.stderr);
    assert!(ran.records().iter().all(|record| record["error"]["exit_code"] == 20), "{}", ran.stdout);
}

#[test]
fn a_renderer_makes_pictures_of_files() {
    let Some(resvg) = program("resvg.wasm") else { return };
    let folder = folder();
    for (size, colour) in [(8, "red"), (16, "green"), (24, "blue")] {
        let svg = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' width='{size}' height='{size}'>\
             <rect width='{size}' height='{size}' fill='{colour}'/></svg>"
        );
        write(&folder, &format!("{colour}.svg"), svg);
    }
    write(&folder, "torn.svg", "<svg");
    let args = "--files *.svg --out-dir png --out-name {stem}.png -- --resources-dir . - -c";
    let ran = run(wpool_run(&resvg, args).current_dir(folder.path()), "");
    assert_eq!(ran.each("file"), ["blue.svg", "green.svg", "red.svg", "torn.svg"]);
    assert_eq!(ran.each("status"), ["ok", "ok", "ok", "failed"], "{}", ran.stdout);
    assert_eq!(names_in(folder.path().join("png")), ["blue.png", "green.png", "red.png"]);
    for (name, size) in [("blue", 24), ("green", 16), ("red", 8)] {
        let png = fs::read(folder.path().join(format!("png/{name}.png"))).expect("a picture");
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n") && png.ends_with(b"IEND\xaeB`\x82"), "{name}");
        // Width and height stand in the first chunk.
        assert_eq!((&png[16..20], &png[20..24]), (&u32::to_be_bytes(size)[..], &u32::to_be_bytes(size)[..]), "{name}");
    }
}

#[test]
fn a_program_in_c_plus_plus_throws_and_catches_and_what_it_does_not_catch_is_a_trap() {
    let Some(ecppll) = program("ecppll.wasm") else { return };
    let rows = "{\"in\":12,\"out\":60}\n{\"in\":\"twelve\",\"out\":60}\n{\"in\":25,\"out\":100}\n";
    let ran = run(&mut wpool_run(&ecppll, "-j 1 -v --output-type text -- -i {.in} -o {.out}"), rows);
    assert_eq!(ran.each("status"), ["ok", "trap", "ok"], "{} {}", ran.stdout, ran.stderr);
    let records = ran.records();
    let says = |at: usize, words: &str| records[at]["output"].as_str().is_some_and(|output| output.contains(words));
    assert!(says(0, "clkout0 frequency: 60 MHz") && says(2, "clkout0 frequency: 100 MHz"), "{}", ran.stdout);
    assert_eq!(records[1]["error"]["code"], "exception");
    assert_eq!(ran.stderr.matches(" started").count(), 1, "{}", ran.stderr);
}
