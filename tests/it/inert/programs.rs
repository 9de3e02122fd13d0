//! Programs and tools, and reports on them.

use super::*;

#[test]
fn what_is_said_of_a_program_before_it_runs_is_inert() {
    for place in places() {
        let (program, rows) = (place.program(Ends::Well), place.rows());
        for args in [&["inspect", &program][..], &["inspect", "--json", &program]] {
            place.loud(args);
        }
        place.looked_at(&["schema", &program]);
        place.loud(&["check", &program, &rows]);
        let typed = guest("typed");
        let typed = typed.to_str().unwrap();
        place.loud(&["check", typed, "--call", "shapes.between", &rows]);
        place.loud(&["run", typed, "--call", "shapes.between", &rows, "--strict-input"]);
        for command in ["schema", "inspect"] {
            place.loud(&[command, typed, "--call", &place.text()]);
        }
    }
}

#[test]
fn programs_that_are_refused_cannot_forge_a_line() {
    for place in places() {
        let rows = place.rows();
        let [module, name] = std::array::from_fn(|_| quoted(&place.text()));
        let raw = |what: &str| fs::read_to_string(wat(what)).unwrap();
        let refused = [
            raw("unknown-import").replace("\"env\" \"mystery\"", &format!("\"{module}\" \"{name}\"")),
            raw("no-convention").replace("\"add\"", &format!("\"{name}\"")),
            format!("(module\n{})", place.text()),
            place.text(),
        ];
        for source in refused {
            let program = place.file(".wat", source);
            for args in [&["run", &program, "-n"][..], &["inspect", &program], &["bench", &program, &rows]] {
                assert_eq!(place.loud(args).code, 101, "{args:?}");
            }
        }
        let program = place.initialized(true);
        for more in ["-v", "--no-cache"] {
            assert_eq!(place.loud(&["run", &program, "-n", more]).code, 101);
        }
        let ran = place.loud(&["run", &place.initialized(false), "-n", "-v", "--no-cache"]);
        assert!(ran.code == 0 && ran.stderr.contains("wpool: init: "), "{}", ran.stderr);
    }
}

#[test]
fn what_is_typed_and_is_not_there_is_quoted_without_harm() {
    for place in places() {
        let (nothing, program, rows) = (place.name(".wasm"), place.program(Ends::Well), place.rows());
        let (text, folder) = (place.text(), place.name("") + "/out");
        for args in [
            &["run", &nothing, "-n"][..],
            &["run", &program, &nothing],
            &["run", &program, "-n", "-o", &folder],
            &["run", &program, "-n", "--init-arg", &format!("@{nothing}")],
            &["run", &program, "-n", "--init-arg", &text],
            &["run", &program, "-n", "--dir", &nothing],
            &["run", &program, "-n", "--state-in", &rows],
            &["run", &program, "-n", "--timeout", &text],
            &["run", &program, "-n", &format!("--no-such{text}")],
            &["run", &program, "-n", "--halt", &text],
            &["run", &program, "--files", &format!("[{text}")],
            &["build", &nothing],
            &["replay", &nothing, "0"],
            &["rerun", &nothing, "--failed"],
            &["runs", "export", &nothing],
            &[&text],
        ] {
            assert_ne!(place.loud(args).code, 0, "{args:?}");
        }
    }
}

#[test]
fn projects_and_tools_whose_names_act_are_told_of_without_harm() {
    for place in places() {
        let dir = place.name("");
        place.loud(&["new", "--lang", "wat", &dir]);
        place.loud(&["new", "--lang", "wat", &dir]);
        place.loud(&["build", &dir]);
        fs::remove_file(place.path(&dir).join("task.wasm")).unwrap();
        place.loud(&["run", &dir, "-n"]);
        place.loud(&["build", &place.file(".wat", place.text())]);
        fs::create_dir(place.path("empty")).unwrap();
        let empty = place.name("");
        fs::rename(place.path("empty"), place.path(&empty)).unwrap();
        place.loud(&["build", &empty]);
        doctor_hears_of_tools(&place);
    }
}

/// A path cannot hold a colon, which every forged line has; so this one has other texts.
fn doctor_hears_of_tools(place: &Place) {
    let bin = place.path(&format!("{}bin", place.choose(&ACTIVE)));
    fs::create_dir(&bin).unwrap();
    let says: String = "1.0".chars().chain(place.text().chars()).filter(|c| !c.is_whitespace()).collect();
    fs::write(bin.join("says"), says).unwrap();
    for tool in ["go", "zig", "node"] {
        let tool = bin.join(tool);
        fs::write(&tool, "#!/bin/sh\nexec /bin/cat \"${0%/*}/says\"\n").unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    }
    for args in [&["doctor"][..], &["doctor", "--json"]] {
        let ran = look_at(place.command(args).env("PATH", &bin).env("WASI_SDK_PATH", &bin), args);
        assert!(ran.stdout.contains("forged"), "{}", ran.stdout);
    }
}

#[test]
fn a_bench_names_its_program_without_harm() {
    let place = Place::new(1);
    for ends in [Ends::Well, Ends::InATrap] {
        let (program, rows) = (place.program(ends), place.rows());
        for more in [&[][..], &["--json"]] {
            let args = ["bench", &program, &rows, "--rounds", "1", "--rows", "2", "-j", "1"];
            place.loud(&[&args[..], more].concat());
        }
    }
}
