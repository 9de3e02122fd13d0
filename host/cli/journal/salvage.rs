//! Damage that a crash cannot cause, and the part that is kept on a user's request.

use wpool::Input;

use crate::cli::journal::cuts::{PAGE, ROWS, Run, is_damaged};
use crate::cli::journal::{How, Known, Stays, is_final};

#[test]
fn a_tail_is_on_the_disk_before_it_has_its_name_so_nothing_of_it_is_torn() {
    let run = Run::finished(true, None);
    let move_all = || {
        run.write(&run.file, &run.journal);
        let how =
            How { done: Stays::of(is_final), ordered: true, ids: true, shard: false, durable: false, salvage: false };
        let mut resume = run.disk.open(how).expect("it is whole");
        assert_eq!(resume.next(&Input::new("new"), 0).expect("it is read"), Known::Nothing);
    };
    for name in ["tail-0", "tail-0.lines"] {
        move_all();
        let path = run.disk.folder.dir().path().join(name);
        run.disk.harm(&path, |bytes| bytes[2 * PAGE..3 * PAGE].fill(0));
        let before = std::fs::read(run.disk.file()).expect("it is there");
        is_damaged(&run, &run.disk.folder.dir().path().join("tail-0"));
        assert!(std::fs::read(run.disk.file()).expect("it is there") == before, "it is found out before anything");
        let ran = run.resume(true).expect("what is right is kept");
        assert!((1..ROWS / 2).contains(&ran), "{name}: {ran}");
    }
}

#[test]
fn a_salvage_keeps_all_groups_that_are_right() {
    let run = Run::finished(true, None);
    let salvage = |file: &[u8], journal: &[u8]| {
        run.write(file, journal);
        run.resume(false).expect_err("it is damaged");
        run.resume(true).expect("what is right is kept")
    };
    let (mut file, mut journal) = (run.file.clone(), run.journal.clone());
    for at in [10, 50_000, 90_000] {
        file[at] ^= 1;
    }
    let flipped = |journal, at| run.rows_in(journal, &(at..at + 1));
    assert_eq!(salvage(&file, &journal), [10, 50_000, 90_000].map(|at| flipped(false, at)).iter().sum::<usize>());
    for at in [3_000, 9_000] {
        journal[at] ^= 1;
    }
    assert_eq!(salvage(&run.file, &journal), [3_000, 9_000].map(|at| flipped(true, at)).iter().sum::<usize>());
    // Somebody has edited lines, so later lines are elsewhere.
    let mut file = run.file.clone();
    file.splice(40_000..40_003, *b"edited");
    assert_eq!(salvage(&file, &run.journal), flipped(false, 40_000));
    file.drain(60_000..60_500);
    assert!(salvage(&file, &run.journal) > flipped(false, 40_000));
}

#[test]
fn copies_of_what_is_damaged_are_never_replaced_or_removed() {
    let run = Run::finished(true, None);
    let keep = || run.disk.folder.keep_aside(&run.disk.place()).expect("it is copied").path().to_owned();
    let [first, second] = [keep(), keep()];
    assert_ne!(first, second);
    for aside in [first, second] {
        run.disk.folder.clear().expect("it is cleared");
        assert_eq!(std::fs::read(aside.join("output")).ok().as_ref(), Some(&run.file));
        assert_eq!(std::fs::read(aside.join("journal")).ok().as_ref(), Some(&run.journal));
    }
    let folder = run.disk.folder.dir().path().to_owned();
    run.disk.folder.remove().expect("the rest is removed");
    assert!(folder.join("damaged-1/output").exists() && !folder.join("lock").exists());
}
