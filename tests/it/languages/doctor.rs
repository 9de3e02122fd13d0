//! The statements of `wpool doctor` and of the guide about languages.

use super::*;

#[test]
fn doctor_lists_every_language_whatever_is_installed() {
    let bin = elsewhere();
    let ran = run(wpool_with_only(bin.path()).arg("doctor").current_dir(bin.path()), "");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for language in LANGUAGES {
        let line = ran.stdout.lines().find(|line| line.trim_start().starts_with(&format!("{language} ")));
        let state = if language == "wat" { "ready" } else { "missing" };
        assert!(line.is_some_and(|line| line.contains(state)), "{language}: {line:?}");
    }
    assert!(ran.stdout.contains("pip install componentize-py"), "{}", ran.stdout);

    let ran = run(wpool_with_only(bin.path()).args(["doctor", "--json"]).current_dir(bin.path()), "");
    let report = &ran.records()[0];
    let names: Vec<_> = report["languages"].as_array().expect("a list").iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, LANGUAGES);
    assert_eq!(report["works"], true);
    assert!(report["machine"]["workers"].as_u64().is_some_and(|workers| workers > 0));
}

#[test]
fn the_guide_has_every_language() {
    let guide = fs::read_to_string(root().join("guest-tasks/README.md")).expect("a guide");
    let missing: Vec<_> = LANGUAGES.into_iter().filter(|name| !guide.contains(&format!("| `{name}` |"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn npm_finds_its_tools_in_a_folder_above() {
    let folder = elsewhere();
    let bin = folder.path().join("node_modules/.bin");
    fs::create_dir_all(&bin).expect("a folder");
    let (_keep, dir) = project_in(tempfile::tempdir_in(folder.path()).expect("a folder"), "assemblyscript");
    let wasm = wat::parse_str("(module (func (export \"_start\")))").expect("a module");
    fs::write(folder.path().join("made.wasm"), wasm).expect("a file");
    let made = folder.path().join("made.wasm");
    fake(&bin, "asc", &format!("for last; do :; done; /bin/cp {} \"$last\"", made.display()));
    fake(&bin, "node", "exit 1");
    let ran = run(wpool_with_only(&bin).arg("build").arg(&dir), "");
    assert_built(&ran);
    assert_eq!(kind_of(&dir.join("task.wasm")), "core-module");
}
