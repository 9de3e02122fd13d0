//! The cache of compiled programs.

use std::process::Command;

use super::*;

/// A run with a cache of its own.
fn run_cached(home: &Path, args: &str) -> Ran {
    let ran = run(wpool_run(&wat("echo"), args).env("XDG_CACHE_HOME", home), "1");
    assert_eq!((ran.code, ran.stdout.as_str()), (OK, "{\"id\":0,\"status\":\"ok\",\"output\":1}\n"), "{}", ran.stderr);
    ran
}

/// The warnings of a run.
fn warnings(ran: &Ran) -> String {
    ran.stderr.lines().filter(|line| line.contains("warning: ")).collect::<Vec<_>>().join("\n")
}

/// The entries of a cache: paths and inodes.
fn entries(home: &Path) -> Vec<(PathBuf, u64)> {
    let Ok(dir) = fs::read_dir(home.join("wpool")) else { return Vec::new() };
    dir.map(|entry| entry.expect("an entry")).map(|entry| (entry.path(), entry.metadata().expect("it").ino())).collect()
}

#[test]
fn a_program_is_compiled_once() {
    let home = folder();
    // Nothing can be compiled with so little memory, so what runs with it was not compiled.
    let starved = "--compile-memory 1KiB";
    let ran = run(wpool_run(&wat("echo"), starved).env("XDG_CACHE_HOME", home.path()), "1");
    assert_refused(&ran, REFUSED, &["--compile-memory"], "starved");
    assert_eq!(warnings(&run_cached(home.path(), "")), "");
    let kept = entries(home.path());
    assert_eq!(kept.len(), 1);
    assert_eq!(warnings(&run_cached(home.path(), starved)), "");
    assert_eq!(entries(home.path()), kept);
}

#[test]
fn a_refusal_is_remembered_until_an_option_changes_on_which_it_depends() {
    // Nothing can be looked at with so little memory, so what is refused with it for another reason was remembered.
    let starved = "--compile-memory 1KiB";
    for (task, args, words) in [
        ("no-convention", "", "no calling convention fits"),
        ("unknown-import", "", "which wpool does not provide"),
        ("component-other", "", "`acme:store/values@1.0.0`"),
    ] {
        let home = folder();
        let refused = |args: &str, words: &str| {
            let ran = run(wpool_run(&wat(task), args).env("XDG_CACHE_HOME", home.path()), "1");
            assert_refused(&ran, REFUSED, &[words], task);
            ran.stderr
        };
        refused(starved, "--compile-memory");
        assert_eq!(entries(home.path()).len(), 0, "a limit is not remembered");
        let first = refused(args, words);
        assert_eq!(entries(home.path()).len(), 1, "{task}");
        assert_eq!(refused(starved, words), first);
        refused("--compile-memory 1KiB --fuel 1000", "--compile-memory");
    }
}

#[test]
fn the_cache_is_for_its_owner_alone() {
    let home = folder();
    run_cached(home.path(), "");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&home.path().join("wpool")), 0o700);
    assert_eq!(mode(&entries(home.path())[0].0), 0o600);
}

#[test]
fn c81_a_damaged_cache_entry_is_ignored_with_one_warning_and_replaced() {
    let home = folder();
    run_cached(home.path(), "");
    let entry = entries(home.path())[0].0.clone();
    let whole = fs::read(&entry).expect("the entry");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let mut lengthened = whole.clone();
    lengthened.push(0);
    for damaged in [flipped, lengthened, whole[..whole.len() / 2].to_vec(), vec![0; whole.len()], Vec::new()] {
        fs::write(&entry, &damaged).expect("it can be written");
        let stderr = warnings(&run_cached(home.path(), ""));
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains("warning") && stderr.contains(entry.to_str().expect("a name")), "{stderr}");
        assert_eq!(warnings(&run_cached(home.path(), "")), "");
        assert_eq!(entries(home.path()).len(), 1);
    }
}

#[test]
fn c82_a_cache_that_others_can_write_to_is_not_used() {
    let home = folder();
    let dir = home.path().join("wpool");
    fs::create_dir(&dir).expect("a directory");
    for mode in [0o777, 0o770, 0o702] {
        fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).expect("it is ours");
        let stderr = warnings(&run_cached(home.path(), ""));
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains("warning") && stderr.contains(dir.to_str().expect("a name")), "{stderr}");
        assert_eq!(entries(home.path()), []);
    }
}

#[test]
fn c80_a_cache_that_cannot_be_written_costs_one_warning() {
    let folder = folder();
    // Not a matter of permissions, which do not bind root.
    let home = write(&folder, "home", "a file");
    let stderr = warnings(&run_cached(&home, ""));
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains("warning") && stderr.contains(home.to_str().expect("a name")), "{stderr}");
}

#[test]
fn no_cache_leaves_no_files() {
    let home = folder();
    assert_eq!(warnings(&run_cached(home.path(), "--no-cache")), "");
    assert_eq!(fs::read_dir(home.path()).expect("a directory").count(), 0);
}

#[test]
fn c80_without_a_home_there_is_no_cache_and_no_word_about_it() {
    let folder = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wpool"));
    command.env_clear().current_dir(folder.path()).arg("run").arg(wat("echo"));
    let ran = run(&mut command, "1");
    assert_eq!((ran.code, warnings(&ran).as_str()), (OK, ""));
    assert_eq!(fs::read_dir(folder.path()).expect("a directory").count(), 0);
}
