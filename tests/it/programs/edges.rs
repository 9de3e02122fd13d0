//! Calls of preview 1 at their edges: nothing asked for, a lot asked for, and things that change in between.

use super::*;

#[test]
fn any_number_of_random_bytes_is_given_at_once() {
    let rows = "8\n1048576\n1048577\n4000000\n4194304\n";
    for args in ["", "--deterministic"] {
        let ran = run(&mut wpool_run(&wat("random-large"), args), rows);
        assert_eq!(ran.each("status"), ["ok", "ok", "ok", "ok", "failed"], "{}", ran.stdout);
        // The last place is outside of the memory: EFAULT.
        assert_eq!(ran.records()[4]["error"]["exit_code"], 21);
    }
}

#[test]
fn a_read_of_nothing_gives_nothing_and_takes_nothing() {
    let ran = run(&mut wpool_run(&wat("read-nothing"), "--lines"), "row\n");
    assert_eq!((ran.code, ran.records()[0]["output"].clone()), (OK, json!("row")), "{}", ran.stdout);
    let ran = run(&mut wpool_run(&wat("read-nothing"), "--once"), "");
    assert_eq!(ran.code, OK, "{}", ran.stdout);
}

#[test]
fn a_directory_is_listed_as_it_was_when_the_listing_began() {
    let folder = folder();
    let dir = folder.path().join("full");
    fs::create_dir(&dir).expect("a folder");
    (0..700).for_each(|at| fs::write(dir.join(format!("file-{at}")), "").expect("a file"));
    let mut command = wpool_run(&wat("empty-dir"), "--once");
    let ran = run(command.arg("--dir").arg(format!("{}:rw", dir.display())), "");
    assert_eq!(ran.records()[0]["error"]["exit_code"], 700, "{}", ran.stdout);
    assert_eq!(fs::read_dir(&dir).expect("a folder").count(), 0);
}
