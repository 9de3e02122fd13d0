//! What a run with failures ends with: where the first of each kind stands, and how to look at it.

use super::*;

#[test]
fn the_first_failure_of_each_kind_is_named_with_its_place_and_its_replay() {
    let desk = Desk::new();
    desk.write("rows", "1\n\"!\"\nnonsense\n\"!!\"\n");
    let ran = desk.wpool("run trap-on-bang.wat rows -o out");
    assert_eq!(ran.code, NOT_OK);
    let lines: Vec<_> = ran.stderr.lines().collect();
    let [_, trap, invalid] = lines[..] else { panic!("{}", ran.stderr) };
    assert!(trap.starts_with("  trap     rows:2, task 1: "), "{trap}");
    assert!(trap.ends_with("; wpool replay out 1"), "{trap}");
    assert!(invalid.starts_with("  invalid-input rows:3, task 2: json: not JSON"), "{invalid}");
    assert!(invalid.ends_with("; wpool replay out 2"), "{invalid}");
    let replayed = desk.wpool("replay out 1");
    assert!(replayed.code == NOT_OK && replayed.stdout.contains("rows:2"), "{}", replayed.stderr);
    assert_eq!(desk.wpool("run trap-on-bang.wat rows -o out --overwrite -q").stderr, "");
}

#[test]
fn failures_differ_by_their_codes_and_carry_the_last_words() {
    let desk = Desk::new();
    let ran = desk.fed("run stderr-fail.wat", "1\n2\n");
    let told: Vec<_> = ran.stderr.lines().skip(1).collect();
    let expected = "  failed   <stdin>:1, task 0: exit: exited with code 3: something went wrong";
    assert_eq!(told, [expected], "there is nothing to replay");
    let ran = desk.fed("run stderr-fail.wat -o kept", "1\n");
    assert!(ran.stderr.contains("; wpool replay kept 0 FILE-OF-ROWS\n"), "{}", ran.stderr);
}

#[test]
fn a_replay_can_be_typed_as_it_is_shown_whatever_the_file_is_called() {
    let desk = Desk::new();
    desk.write("a b.txt", "!\n");
    let mut command = desk.command("run trap-on-bang.wat --lines -o");
    let ran = run(command.arg("it's $1").arg("a b.txt"), "");
    let (_, typed) = ran.stderr.split_once("; wpool ").expect("a command");
    let real = desk.command("");
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("\"$0\" {typed}")]).arg(real.get_program()).current_dir(desk.path(""));
    shell.envs(real.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ran = run(&mut shell, "");
    assert!(ran.code == NOT_OK && ran.stdout.contains("task      0: trap"), "{typed}: {}", ran.stderr);
}

#[test]
fn files_are_named_by_their_paths_and_rows_that_never_ran_are_not_named() {
    let desk = Desk::new();
    fs::create_dir(desk.path("in")).expect("a folder");
    desk.write("in/a", "1");
    desk.write("in/b", "!");
    let mut command = desk.command("run trap-on-bang.wat --files");
    let ran = run(command.arg("in/*"), "");
    assert!(ran.stderr.contains("\n  trap     in/b, task 1: "), "{}", ran.stderr);
    let ran = desk.fed("run trap-on-bang.wat --lines -j 1 --halt now,fail=1", "!\n".to_owned() + &"1\n".repeat(50));
    assert!(ran.stderr.contains("\n  trap     ") && !ran.stderr.contains("\n  skipped"), "{}", ran.stderr);
}
