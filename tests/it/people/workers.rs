//! How many workers there are, and how large a memory is, however it is typed.

use super::*;

/// The number of workers of a run.
fn workers(command: &mut Command) -> u64 {
    let ran = run(command.args(["run", "echo.wat", "--summary-json", "summary", "-q"]), "1\n");
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    let summary = command.get_current_dir().expect("a folder").join("summary");
    let summary: Value = serde_json::from_slice(&fs::read(summary).expect("a summary")).expect("JSON");
    summary["workers"].as_u64().expect("a number")
}

#[test]
fn workers_are_a_number_or_a_share_of_the_cores() {
    let desk = Desk::new();
    let with = |args: &[&str], variable: Option<&str>| {
        let mut run = desk.command("");
        run.envs(variable.map(|value| ("WPOOL_WORKERS", value)));
        run.args(["run", "echo.wat", "--summary-json", "summary", "-q"]).args(args);
        let ran = crate::support::run(&mut run, "1\n");
        assert_eq!(ran.code, OK, "{args:?}: {}", ran.stderr);
        let summary: Value = serde_json::from_str(&desk.read("summary")).expect("JSON");
        summary["workers"].as_u64().expect("a number")
    };
    let cores = workers(&mut desk.command(""));
    assert_eq!(with(&["-j", "auto"], None), cores);
    assert_eq!(with(&["-j", "100%"], None), cores);
    assert_eq!(with(&["-j", "300%"], None), 3 * cores);
    assert_eq!(with(&["-j", "50%"], None), (cores / 2).max(1));
    assert_eq!(with(&["-j", "1%"], None), 1);
    assert_eq!(with(&[], Some("3")), 3);
    assert_eq!(with(&[], Some("200%")), 2 * cores);
    assert_eq!(with(&[], Some("")), cores);
    assert_eq!(with(&["-j", "2"], Some("3")), 2, "what is typed counts");
    assert_eq!(with(&["-j", "3", "--once"], None), 1, "a single task has no use for a second one");
    let ran = run(desk.command("run echo.wat -n").env("WPOOL_WORKERS", "many"), "");
    assert!(ran.code == USAGE && ran.stderr.contains("WPOOL_WORKERS=many: expected"), "{}", ran.stderr);
    for args in ["-j 0%", "-j 5000000%", "-j all"] {
        let ran = desk.wpool(&format!("run echo.wat -n {args}"));
        assert_eq!(ran.code, USAGE, "{args}: {}", ran.stderr);
    }
}

/// Removes a control group that a test has made.
struct Group(PathBuf);

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// A control group with a quota of processor time below this process's own, where the machine lets one be made.
fn group(quota: &str) -> Option<Group> {
    // Elsewhere the second version has no quotas, or another place.
    fs::metadata("/sys/fs/cgroup/cgroup.controllers").ok()?;
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = own.lines().find_map(|line| line.strip_prefix("0::/"))?.to_owned();
    let group = PathBuf::from("/sys/fs/cgroup").join(path).join(format!("wpool-test-{}", std::process::id()));
    fs::create_dir(&group).ok()?;
    let group = Group(group);
    fs::write(group.0.join("cpu.max"), quota).ok()?;
    Some(group)
}

#[test]
fn a_quota_of_a_control_group_and_an_affinity_bound_the_workers() {
    let desk = Desk::new();
    let doctor = |prefix: &str| {
        let real = desk.command("");
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{prefix} exec \"$0\" doctor --json")]).arg(real.get_program());
        shell.envs(real.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ran = run(&mut shell, "");
        assert_eq!(ran.code, OK, "{prefix}: {}", ran.stderr);
        let machine = ran.records()[0]["machine"].clone();
        (machine["workers"].as_u64().expect("a number"), machine)
    };
    let (workers, machine) = doctor("");
    let cores = machine["cores"].as_u64().expect("a number");
    let quota = machine["cpu_quota"].as_f64().map_or(cores, |quota| (quota as u64).max(1));
    assert_eq!(workers, cores.min(quota), "{machine}");
    match group("100000 100000") {
        None => println!("no control group with a quota can be made here: what it does is not tested"),
        Some(group) => {
            let (workers, machine) = doctor(&format!("echo $$ > {}/cgroup.procs &&", group.0.display()));
            assert_eq!((workers, &machine["cpu_quota"]), (1, &json!(1.0)), "{machine}");
        }
    }
}

#[test]
fn a_memory_without_a_unit_is_asked_about() {
    let desk = Desk::new();
    for (args, needle) in [
        ("--memory 512", "did you mean 512MiB?"),
        ("--memory 65535", "one page of 64KiB"),
        ("--memory 1KiB", "one page of 64KiB"),
        ("--compile-memory 4096", "did you mean 4096MiB?"),
    ] {
        let ran = desk.wpool(&format!("run echo.wat -n {args}"));
        assert!(ran.code == USAGE && ran.stderr.contains(needle), "{args}: {}", ran.stderr);
    }
    for args in ["--memory 65536", "--memory 64KiB", "--memory 1GiB"] {
        assert_eq!(desk.wpool(&format!("run echo.wat -n {args}")).code, OK, "{args}");
    }
}
