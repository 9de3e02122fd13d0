//! System calls and descriptors of a worker that do not help a guest that has broken out.

use std::fs;
use std::os::unix::fs::MetadataExt;

use wpool::Isolation;

use crate::cli::{OK, folder, write};
use crate::fence::{
    between_honest_rows, failure, intruder, is_root, outcomes, outcomes_of, output, run_without, status, with_dirs,
};
use crate::support::*;

/// Bits of a mode that make a program run as somebody else, or as a group.
const SET_ID: u32 = 0o6000;

#[test]
fn the_list_of_pages_does_not_tell_where_in_the_machine_they_are() {
    if !is_root() {
        println!("skipped: the kernel tells nobody but root anyway");
        return;
    }
    let events = Events::default();
    // Of a guest with so much memory, the engine asks which pages were written.
    let mut config = intruder(&events);
    config.task.isolation = Isolation::Fresh;
    let results = outcomes_of(&guest("largest-prime-factor"), config, &["frame".to_owned()]);
    let said = output(&results[0]);
    if said == "no list" {
        println!("skipped: this kernel cannot be asked");
        return;
    }
    assert_eq!(said, "present 1, frame 0");
}

#[test]
fn no_call_makes_a_file_with_rights_of_its_own_or_a_name_for_what_has_none() {
    let dir = tempfile::tempdir().expect("a folder");
    let there = |name: &str| dir.path().join(name);
    fs::write(there("old"), "text").unwrap();
    let orders =
        [("make-set-user-id", "a"), ("make-set-group-id", "b"), ("make-sticky", "c"), ("link-followed", "old")];
    let orders = orders.map(|(order, name)| format!("{order} {}", there(name).display()));
    let events = Events::default();
    let results = outcomes(with_dirs(intruder(&events), &[(dir.path(), true)]), &between_honest_rows(&orders));
    for (order, results) in orders.iter().zip(results.chunks(3)) {
        assert_eq!(failure(&results[1]).error.code, "sandbox-violation", "{order}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was made");
    let honest = [("make", "a"), ("make-dir", "c"), ("link", "old")];
    let honest = honest.map(|(order, name)| format!("{order} {}", there(name).display()));
    for result in outcomes(with_dirs(intruder(&events), &[(dir.path(), true)]), &honest) {
        assert_eq!(output(&result), "done");
    }
}

/// The mode of one call is where no filter sees it.
#[test]
fn a_file_of_a_guest_has_a_content_or_a_set_id_bit_and_not_both() {
    let dir = tempfile::tempdir().expect("a folder");
    let hows = ["not", "write", "write-parts", "cut", "make-room"];
    let orders = hows.map(|how| format!("fill-set-id {how} {}", dir.path().join(how).display()));
    let events = Events::default();
    for result in outcomes(with_dirs(intruder(&events), &[(dir.path(), true)]), &orders) {
        assert_eq!(output(&result), "done");
    }
    for how in hows {
        let file = fs::metadata(dir.path().join(how)).unwrap();
        assert_eq!((how == "not", how == "not"), (file.mode() & SET_ID != 0, file.len() == 0), "{how}");
    }
}

#[test]
fn a_worker_with_directories_has_all_of_its_threads_from_the_beginning() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("data.txt"), "text").unwrap();
    let mut command = wpool_run(&wat("read-file"), "--sandbox strict -j 1 --dir");
    let mut live = Live::start(command.arg(dir.path()));
    let mut threads = || {
        live.say("1\n");
        assert!(live.line().contains("\"ok\""));
        let children = children_of(live.pid());
        let [worker] = children.as_slice() else { panic!("{children:?}") };
        status(*worker, "Threads").parse::<usize>().unwrap()
    };
    let before = threads();
    assert!(before > 2, "there are more than its own and the clock's: {before}");
    for _ in 0..20 {
        assert_eq!(threads(), before);
    }
    assert_eq!(live.end().code, OK);
}

#[test]
fn a_path_that_goes_up_is_found_where_the_kernel_does_not_resolve_it() {
    let place = folder();
    let guest = fs::read_to_string(wat("read-file")).unwrap().replace("\"data.txt\"", "\"s/../d.x\"");
    let guest = write(&place, "up.wat", guest);
    let data = place.path().join("data");
    fs::create_dir_all(data.join("s")).unwrap();
    fs::write(data.join("d.x"), "text").unwrap();
    for mode in ["ro", "rw"] {
        let args = format!("--sandbox strict --once --values --dir {}::/:{mode}", data.display());
        let ran = run_without("openat2", &guest, &args);
        assert_eq!((ran.code, ran.stdout.trim()), (OK, "\"text\""), "{mode}: {}", ran.stderr);
    }
}
