//! Journals after a crash, and after other damage.

use super::*;
use crate::cli::CANNOT_WRITE;

#[test]
fn c66_c90_a_torn_end_is_told_and_done_again() {
    // More than a group holds, so that one is left.
    let place = Place::new(numbers(6_000));
    for (what, name, tear) in [
        ("a group cut short", "out.wpool/journal", (|bytes| bytes.truncate(bytes.len() - 5)) as fn(&mut Vec<u8>)),
        ("zeros", "out.wpool/journal", |bytes| bytes.resize(bytes.len() + 4_096, 0)),
        ("a line without a group", "out", |bytes| bytes.extend_from_slice(b"{\"id\":6000,\"status\":\"ok\"}\n")),
        ("half a line", "out", |bytes| bytes.extend_from_slice(b"{\"id\":30")),
        ("a group without its lines", "out", |bytes| bytes.truncate(bytes.len() - 30)),
        ("lines that never reached the disk", "out", |bytes| {
            let end = bytes.len();
            bytes[end - 40..].fill(0);
        }),
    ] {
        place.resume("echo", "", OK);
        place.change(name, tear);
        let ran = place.resume("echo", "", OK);
        assert!(ran.stderr.contains("torn: the last "), "{what}: {}", ran.stderr);
        assert!(kept(&ran) > 0, "{what}: {}", ran.stderr);
        assert!(!place.resume("echo", "", OK).stderr.contains("torn"), "{what} is told once");
    }
}

#[test]
fn c67_damage_in_the_middle_is_refused_with_its_place_and_changes_nothing() {
    let place = Place::new(numbers(6_000));
    place.resume("echo", "", OK);
    for (name, at) in [("out.wpool/journal", 200), ("out", 1_000), ("out.wpool/journal", 3)] {
        place.change(name, |bytes| bytes[at] ^= 4);
        let before = ["out", "out.wpool/journal"].map(|name| fs::read(place.path(name)).expect("a file"));
        let ran = place.run("echo", "-o out --resume");
        let file = format!("{name} is damaged at byte ");
        assert_refused(&ran, UNREADABLE, &[&file, "--overwrite", "nothing was changed"], name);
        let after = ["out", "out.wpool/journal"].map(|name| fs::read(place.path(name)).expect("a file"));
        assert!(before == after, "{name} was touched");
        place.change(name, |bytes| bytes[at] ^= 4);
    }
    place.change("out.wpool/run.json", |bytes| bytes.truncate(40));
    assert_refused(&place.run("echo", "-o out --resume"), UNREADABLE, &["run.json"], "facts");
    let ran = place.run("echo", "-o out --overwrite");
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    assert_eq!(kept(&place.resume("echo", "", OK)), 6_000);
}

#[test]
fn c91_what_a_durable_run_has_synced_outlives_a_power_cut() {
    let place = Place::new([]);
    let mut command = wpool();
    command.current_dir(place.0.path()).arg("run").arg(wat("echo")).args(["-o", "out", "--durable", "-q"]);
    let mut live = Live::start(&mut command);
    live.say("1\n2\n3\n");
    let lengths =
        || ["out", "out.wpool/journal"].map(|name| fs::metadata(place.path(name)).map_or(0, |file| file.len()));
    while read_if_there(&place.path("out")).lines().count() < 3 {
        sleep(Duration::from_millis(10));
    }
    // It syncs within 100 ms, and what a disk takes.
    sleep(Duration::from_secs(1));
    let synced = lengths();
    live.say("4\n5\n6\n");
    while read_if_there(&place.path("out")).lines().count() < 6 {
        sleep(Duration::from_millis(1));
    }
    live.kill();
    // The power cut: nothing of what came later has reached the disk but its length.
    for (name, synced) in ["out", "out.wpool/journal"].into_iter().zip(synced) {
        place.change(name, |bytes| bytes[synced as usize..].fill(0));
    }
    place.rows(numbers(7).skip(1));
    let ran = place.resume("echo", "--durable", OK);
    assert_eq!(kept(&ran), 3, "{}", ran.stderr);
}

#[test]
fn c70_c71_a_full_disk_stops_the_run_and_a_resume_completes_it() {
    let place = Place::new((0..40_000).map(|number| format!("\"{number:060}\"")));
    // The image is in the cache then.
    let calm = place.calm("echo", "");
    for (what, limit) in [("FILE", 600), ("the beginning of FILE", 16)] {
        let real = place.command("echo", "-o out --resume -j 1");
        let mut command = Command::new("sh");
        // The limit is on each file; a signal would end the process before the error is seen.
        command.args(["-c", &format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" \"$@\"")]).arg(real.get_program());
        command.args(real.get_args()).current_dir(place.0.path());
        command.envs(real.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ran = run(&mut command, "");
        assert_eq!(ran.code, CANNOT_WRITE, "{what}: {}", ran.stderr);
        assert!(ran.stderr.contains("cannot write out"), "{what}: {}", ran.stderr);
        assert!(place.length("out") < calm.len() as u64);
        let ran = place.resume("echo", "", OK);
        assert!(limit == 16 || kept(&ran) > 0, "{what}: {}", ran.stderr);
        fs::remove_file(place.path("out")).expect("it is there");
        fs::remove_dir_all(place.path("out.wpool")).expect("it is there");
    }
}
