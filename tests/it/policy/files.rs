//! Files of policies: whose they are, and what stands in them.

use std::os::unix::fs::chown;
use std::process::Command;

use super::*;

#[test]
fn a_file_that_somebody_else_could_have_written_is_not_a_policy() {
    let place = Place::new();
    let made = |name: &str| place.policy(name, "[max]\nmemory = '64MiB'\n");
    for (name, mode) in [("group.toml", 0o664), ("others.toml", 0o646), ("all.toml", 0o666)] {
        fs::set_permissions(made(name), Permissions::from_mode(mode)).expect("its mode");
    }
    symlink(made("real.toml"), place.at("link.toml")).expect("a link");
    fs::create_dir(place.at("folder.toml")).expect("a folder");
    assert!(Command::new("mkfifo").arg(place.at("pipe.toml")).status().expect("mkfifo").success());
    fs::write(place.at("long.toml"), "#".repeat(2 << 20)).expect("a file");
    fs::write(place.at("bytes.toml"), [0xff, 0xfe]).expect("a file");
    fs::write(place.at("real.toml/").parent().expect("a folder").join("plain"), "").expect("a file");
    let mut wrong = vec![
        ("group.toml", "others than its owner may write to it"),
        ("others.toml", "others than its owner may write to it"),
        ("all.toml", "others than its owner may write to it"),
        ("link.toml", "it is a link"),
        ("folder.toml", "Is a directory"),
        ("folder.toml/", "Is a directory"),
        ("pipe.toml", "not a regular file"),
        ("/dev/null", "not a regular file"),
        ("/dev/stdin", "it is a link"),
        ("long.toml", "longer than 1024 KiB"),
        ("bytes.toml", "not UTF-8"),
        ("missing.toml", "No such file"),
        ("plain/policy.toml", "not a directory"),
    ];
    if chown(made("stranger.toml"), Some(12_345), None).is_ok() {
        wrong.push(("stranger.toml", "belongs to another user"));
    }
    for (name, said) in wrong {
        for by_variable in [false, true] {
            let option = if by_variable { String::new() } else { format!("--policy {name}") };
            let mut command = place.command(&format!("run tasks/cat.wat - {option}"));
            if by_variable {
                command.env("WPOOL_POLICY", name);
            }
            let ran = run(&mut command, "1\n");
            assert_eq!((ran.code, ran.stdout.as_str()), (96, ""), "{name}: {}", ran.stderr);
            assert!(ran.stderr.contains(said), "{name}: {}", ran.stderr);
        }
    }
}

#[test]
fn a_policy_with_a_mistake_lets_nothing_run() {
    let place = Place::new();
    for (text, said) in [
        ("[max]\nmemroy = '1GiB'\n", "wrong.toml:2: there is no \"memroy\" in a policy"),
        ("[maximum]\n", "wrong.toml:1: there is no \"maximum\" in a policy"),
        ("[max]\nmemory = 1\nmemory = '1GiB'\n", "wrong.toml:3: duplicate key"),
        ("[max]\n[max]\n", "wrong.toml:2: duplicate key"),
        ("[max]\nmemory = 0\n", "wrong.toml:2: memory: expected a size over 0"),
        ("[max]\ntimeout = 'none'\n", "wrong.toml:2: timeout: expected a time over 0"),
        ("[max]\nfuel = inf\n", "wrong.toml:2: fuel: expected a whole number"),
        ("[allow]\ndirs = ['~/x']\n", "wrong.toml:2: a path in a policy has no variables"),
        ("[allow]\nnet = true\n", "wrong.toml:2: there is no \"net\" in a policy"),
        ("on-excess = 'ignore'\n", "wrong.toml:1: expected \"refuse\" or \"cap\""),
        ("max", "wrong.toml:1: "),
        ("\u{1b}[2J = 1", "wrong.toml:1: "),
    ] {
        place.policy("wrong.toml", text);
        // There is no run `x`, which is looked for first.
        let commands = ["run tasks/cat.wat -", "bench tasks/cat.wat -", "reduce tasks/cat.wat x", "replay x 0"];
        for command in commands {
            let ran = place.run(&format!("{command} --policy wrong.toml"));
            let first = if command.starts_with("replay") { "" } else { said };
            assert!(ran.code != 0 && ran.stderr.contains(first), "{command}: {text}: {}", ran.stderr);
            assert!(!ran.stderr.contains('\u{1b}'), "{text}");
        }
    }
}

/// The machine's own policy stands at a fixed path, so that the test needs a file system of its own.
#[test]
fn the_policy_of_the_machine_binds_whatever_the_environment_says() {
    let place = Place::new();
    let allowed = Command::new("unshare").args(["-rm", "true"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        println!("skipped: this machine lets nobody have namespaces");
        return;
    }
    place.policy("wide.toml", "[max]\nmemory = '4GiB'\n");
    let prepare = "mount -t tmpfs tmpfs /etc && mkdir /etc/wpool && printf \"$POLICY\" > /etc/wpool/policy.toml && \
                   chmod $MODE /etc/wpool/policy.toml && exec \"$0\" \"$@\"";
    for (policy, mode, args, code, said) in [
        ("[max]\\nmemory = '64MiB'\\n", "644", "--memory 65MiB", 96, "(/etc/wpool/policy.toml:2)"),
        ("[max]\\nmemory = '64MiB'\\n", "644", "--memory 65MiB --policy wide.toml", 96, "(/etc/wpool/policy.toml:2)"),
        ("[max]\\nmemory = '64MiB'\\n", "644", "--memory 64MiB", 0, ""),
        ("[max]\\nmemory = '64MiB'\\n", "666", "", 96, "others than its owner may write to it"),
        ("[max]\\nmemory = 0\\n", "644", "", 96, "/etc/wpool/policy.toml:2: memory: expected"),
    ] {
        let inner = place.command(&format!("run tasks/cat.wat - {args}"));
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", prepare]).arg(inner.get_program()).args(inner.get_args());
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?)))).env_remove("CI");
        command.current_dir(place.folder.path()).env("POLICY", policy).env("MODE", mode);
        command.env("WPOOL_POLICY", place.at("wide.toml"));
        let ran = run(&mut command, "1\n");
        assert_eq!(ran.code, code, "{policy} {args}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{policy} {args}: {}", ran.stderr);
    }
}
