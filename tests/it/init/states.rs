//! States that are laid over the instances of one image: every part of a state is what tasks find, and a state that lies is
//! refused.

use wpool::wire::{self, Kind};
use wpool::{Event, Observer, Outcome, PoolConfig};

use super::*;
use crate::reset::{makers, verified};
use crate::support::children_of;

/// Checks and changes everything that `init` has left. `prepare` and `check` are their functions, between core types.
const ALL_PARTS: &str = r#"
    (memory $first (export "memory") 1 20) (memory $second 1 4)
    (global $i32 (mut i32) (i32.const 0)) (global $i64 (mut i64) (i64.const 0))
    (global $f32 (mut f32) (f32.const 0)) (global $f64 (mut f64) (f64.const 0))
    (global $v128 (mut v128) (v128.const i64x2 0 0))
    (data (i32.const 64) "from the start")
    (func $prepare
        (global.set $i32 (i32.const -7)) (global.set $i64 (i64.const -9))
        (global.set $f32 (f32.reinterpret_i32 (i32.const 0x7fc00123)))
        (global.set $f64 (f64.reinterpret_i64 (i64.const 0x7ff8000000000123)))
        (global.set $v128 (v128.const i64x2 11 -12))
        (drop (memory.grow $first (i32.const 2))) (drop (memory.grow $second (i32.const 1)))
        (i32.store8 $first (i32.const 64) (i32.const 0x46))
        (i32.store $first (i32.const 190000) (i32.const 17)) (i32.store $second (i32.const 100000) (i32.const 18)))
    (func $check (result i32)
        (i32.eq (global.get $i32) (i32.const -7)) (i64.eq (global.get $i64) (i64.const -9)) (i32.and)
        (i32.eq (i32.reinterpret_f32 (global.get $f32)) (i32.const 0x7fc00123)) (i32.and)
        (i64.eq (i64.reinterpret_f64 (global.get $f64)) (i64.const 0x7ff8000000000123)) (i32.and)
        (i64.eq (i64x2.extract_lane 0 (global.get $v128)) (i64.const 11)) (i32.and)
        (i64.eq (i64x2.extract_lane 1 (global.get $v128)) (i64.const -12)) (i32.and)
        (i32.eq (memory.size $first) (i32.const 3)) (i32.and)
        (i32.eq (memory.size $second) (i32.const 2)) (i32.and)
        (i32.eq (i32.load $first (i32.const 64)) (i32.const 0x6d6f7246)) (i32.and)
        (i32.eq (i32.load $first (i32.const 190000)) (i32.const 17)) (i32.and)
        (i32.eq (i32.load $second (i32.const 100000)) (i32.const 18)) (i32.and)
        (global.set $i32 (i32.const 1)) (global.set $i64 (i64.const 1)) (global.set $f32 (f32.const 1))
        (global.set $f64 (f64.const 1)) (global.set $v128 (v128.const i64x2 1 1))
        (drop (memory.grow $first (i32.const 1))) (drop (memory.grow $second (i32.const 1)))
        (i32.store $first (i32.const 64) (i32.const 1)) (i32.store $second (i32.const 100000) (i32.const 1))
        (i32.store $first (i32.const 200000) (i32.const 1)))
"#;

/// The module alone, and in a component. Tasks answer with 1 if all is there, and else with 0. A row `!` traps.
fn of_all_parts(dir: &Path) -> [std::path::PathBuf; 2] {
    let module = format!(
        r#"(module {ALL_PARTS}
            (func (export "alloc") (param i32) (result i32) (i32.const 1024))
            (func (export "wpool_init") (call $prepare))
            (func (export "run") (param i32 i32) (result i64)
                (if (i32.eq (i32.load8_u $first (local.get 0)) (i32.const 0x21)) (then (unreachable)))
                (i32.store8 $first (i32.const 0) (i32.add (i32.const 0x30) (call $check)))
                (i64.const 1)))"#
    );
    let component = format!(
        r#"(component (core module $m {ALL_PARTS}
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func (export "init") (param i32 i32) (result i32) (call $prepare) (i32.store $first (i32.const 0) (i32.const 0))
                (i32.const 0))
            (func (export "run") (param i32 i32) (result i32)
                (if (i32.eq (i32.load8_u $first (local.get 0)) (i32.const 0x21)) (then (unreachable)))
                (i32.store8 $first (i32.const 32) (i32.add (i32.const 0x30) (call $check)))
                (i32.store $first (i32.const 0) (i32.const 0)) (i32.store $first (i32.const 4) (i32.const 32))
                (i32.store $first (i32.const 8) (i32.const 1)) (i32.const 0)))
            (core instance $i (instantiate $m))
            (func (export "init") (param "arg" (list u8)) (result (result (error string)))
                (canon lift (core func $i "init") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
            (func (export "run") (param "input" (list u8)) (result (result (list u8) (error string)))
                (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"#
    );
    [("module.wat", module), ("component.wat", component)].map(|(name, text)| {
        let path = dir.join(name);
        fs::write(&path, text).unwrap();
        path
    })
}

#[test]
fn every_part_of_a_state_is_what_each_task_finds() {
    let dir = tempfile::tempdir().unwrap();
    for task in of_all_parts(dir.path()) {
        let ran = verified(&task, "--lines", &"x\n".repeat(40));
        assert_eq!(ran.each("output"), vec![json!(1); 40], "{}: {}", task.display(), ran.stderr);
        assert_eq!(makers(&ran), [0], "one instance serves all: {}", ran.stdout);
        // After a trap, and in all ways to get a fresh instance, the state is laid over a new one.
        for args in ["--isolation auto", "--isolation fresh", "--fuel 1000000", "--deterministic", "--timeout 10s"] {
            let ran = run(&mut wpool_run(&task, &format!("-j 1 --lines {args}")), "x\n!\nx\n!\nx\n");
            assert_eq!(ran.each("status"), ["ok", "trap", "ok", "trap", "ok"], "{args}: {}", ran.stderr);
            let outputs: Vec<_> = ran.each("output").into_iter().filter(|output| !output.is_null()).collect();
            assert_eq!(outputs, [1, 1, 1], "{} {args}", task.display());
        }
    }
}

#[test]
fn work_for_an_instance_with_a_state_is_no_work_of_its_task() {
    let dir = tempfile::tempdir().unwrap();
    for task in of_all_parts(dir.path()) {
        let ran = run(&mut wpool_run(&task, "-j 1 --lines --receipts --fuel 1000000"), "x\nx\nx\n");
        let fuel: Vec<_> = ran.each("receipt").iter().map(|receipt| receipt["fuel"].clone()).collect();
        assert!(fuel[0].is_u64() && fuel.iter().all(|spent| *spent == fuel[0]), "{fuel:?}");
    }
}

#[test]
fn another_argument_makes_another_state_of_the_same_image() {
    let cache = tempfile::tempdir().unwrap();
    let entries = || fs::read_dir(cache.path().join("wpool")).unwrap().count();
    let ran = |args: &str| {
        let ran = run_in(cache.path(), &wat("init-component"), &format!("-v {args}"), "1\n");
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        (ran.stderr.contains("compiled"), ran.stderr.contains("init took"), entries())
    };
    assert_eq!(ran("--init-arg 1"), (true, true, 2), "an image and a state");
    assert_eq!(ran("--init-arg 2"), (false, true, 3), "another state");
    assert_eq!(ran("--init-arg 1"), (false, false, 3));
    assert_eq!(ran("--init-arg 1 --isolation fresh"), (false, false, 3), "the same image and state");
    assert_eq!(ran("--init-arg 1 --timeout 60s"), (true, false, 4), "another image for the same state");
    let again = run_in(cache.path(), &wat("init-component"), "-v --init-arg 1 --timeout 60s --fuel 1000000", "1\n");
    assert!(again.stderr.contains("compiled again, because of --fuel in "), "{}", again.stderr);
    assert!(!again.stderr.contains("init took"), "{}", again.stderr);
}

#[test]
fn a_state_in_the_cache_that_is_damaged_is_made_anew() {
    let cache = tempfile::tempdir().unwrap();
    let run = || run_in(cache.path(), &wat("init-component"), "-v --init-arg [1]", "1\n");
    let first = run();
    let entries = fs::read_dir(cache.path().join("wpool")).unwrap().map(|entry| entry.unwrap().path());
    let smallest = entries.min_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let mut state = fs::read(&smallest).unwrap();
    state[1032] ^= 1;
    fs::write(&smallest, state).unwrap();
    let again = run();
    assert!(again.stderr.contains("it is damaged") && again.stderr.contains("init took"), "{}", again.stderr);
    assert_eq!(again.each("output")[0][2], first.each("output")[0][2]);
}

/// Data that is taken out of a module and mapped: segments behind each other, one over another, at the end of the memory,
/// and one that instructions name.
#[test]
fn the_data_of_a_large_program_is_where_its_module_says() {
    let dir = tempfile::tempdir().unwrap();
    let task = dir.path().join("large.wat");
    let large = "ab\\00c".repeat(100_000);
    let text = format!(
        r#"(module (memory (export "memory") 8)
            (data (i32.const 65530) "{large}") (data (i32.const 65532) "over") (data (i32.const 524284) "last")
            (data $named "named") (data (i32.const 10) "begin")
            (func (export "alloc") (param i32) (result i32) (i32.const 1024))
            (func (export "run") (param i32 i32) (result i64)
                (i32.store8 (i32.const 0) (i32.const 0x22))
                (memory.copy (i32.const 1) (i32.const 65530) (i32.const 6))
                (memory.copy (i32.const 7) (i32.const 524284) (i32.const 4))
                (memory.init $named (i32.const 11) (i32.const 0) (i32.const 5))
                (i32.store8 (i32.const 16) (i32.const 0x22))
                (i32.store8 (i32.const 65533) (i32.const 0x58))
                (i64.const 17)))"#
    );
    fs::write(&task, text).unwrap();
    let ran = verified(&task, "--lines", "x\nx\nx\n");
    assert_eq!(ran.each("output"), vec![json!("aboverlastnamed"); 3], "{}", ran.stderr);
    assert_eq!(makers(&ran), [0]);
    assert_eq!(outputs(&task, "--lines --isolation fresh", "x\n"), ["aboverlastnamed"]);
}

/// Builds a pool whose initializer sends this state.
fn with_state(task: &Path, state: &[u8]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let sent = dir.path().join("sent");
    fs::write(&sent, [wire::frame(Kind::Report, b"null"), wire::frame(Kind::Snapshot, state)].concat()).unwrap();
    let wpool = env!("CARGO_BIN_EXE_wpool");
    let script = format!("case \"$*\" in *initializer*) cat '{}'; exit ;; esac\nexec '{wpool}' \"$@\"", sent.display());
    let worker = WorkerCommand { args: ["-c", &script, "sh"].map(Into::into).into(), ..WorkerCommand::at("/bin/sh") };
    let program = Program::read(task).unwrap();
    block_on(async { Pool::builder(program).worker(worker).build().await.map(drop) })
        .map_or_else(|error| error.to_string(), |()| "accepted".to_owned())
}

#[test]
fn a_state_that_lies_is_refused_by_the_host() {
    let memory = |size: u64, blocks: &[(u64, u64)]| {
        let places = blocks.iter().flat_map(|(at, length)| [at.to_le_bytes(), length.to_le_bytes()].concat());
        let head = [size.to_le_bytes(), (4_u64 << 30).to_le_bytes()].concat();
        head.into_iter().chain((blocks.len() as u32).to_le_bytes()).chain(places).collect::<Vec<u8>>()
    };
    let state = |pages: usize, memories: &[Vec<u8>], parts: u32| {
        let mut index = (memories.len() as u32).to_le_bytes().to_vec();
        memories.iter().for_each(|memory| index.extend_from_slice(memory));
        index.extend_from_slice(&parts.to_le_bytes());
        index.extend_from_slice(&[0; 8].repeat(parts as usize));
        let length = (index.len() as u64).to_le_bytes();
        [vec![7; pages], index, length.to_vec()].concat()
    };
    // It has a memory of one page and two globals.
    let task = wat("init-component");
    let page = 64 << 10;
    assert_eq!(with_state(&task, &state(4096, &[memory(page, &[(4096, 4096)])], 2)), "accepted");
    for (lie, why) in [
        (vec![], "without a length"),
        (vec![0xff; 64], "impossible length"),
        (state(0, &[memory(page, &[])], 3), "other memories or globals"),
        (state(0, &[memory(page, &[]), memory(page, &[])], 2), "other memories or globals"),
        (state(0, &[memory(0, &[])], 2), "cannot have"),
        (state(0, &[memory(1 << 40, &[])], 2), "can have"),
        (state(0, &[memory(4 << 30, &[])], 2), "over the limit"),
        (state(4096, &[memory(page, &[(61_440, 8192)])], 2), "a block"),
        (state(4096, &[memory(page, &[(u64::MAX - 4095, 4096)])], 2), "a block"),
        (state(8192, &[memory(page, &[(4096, 4096), (4096, 4096)])], 2), "a block"),
        (state(4096, &[memory(page, &[(0, 8192)])], 2), "bytes of pages"),
        (state(8192, &[memory(page, &[(0, 4096)])], 2), "bytes of pages"),
        (state(4096, &[memory(page, &[(1, 4096)])], 2), "a block"),
    ] {
        let error = with_state(&task, &lie);
        assert!(error.contains("initializer") && error.contains(why), "{why}: {error}");
    }
}

/// A module whose `init` fills so many MiB with something else than zeros.
fn filling(mib: usize) -> Program {
    let (pages, bytes) = (mib * 16 + 1, mib << 20);
    let text = format!(
        r#"(module (memory (export "memory") {pages})
            (func (export "alloc") (param i32) (result i32) (i32.const 1024))
            (func (export "wpool_init") (memory.fill (i32.const 65536) (i32.const 7) (i32.const {bytes})))
            (func (export "run") (param i32 i32) (result i64)
                (i32.store8 (i32.const 0) (i32.add (i32.const 0x30) (i32.load8_u (i32.const {bytes}))))
                (i64.const 1)))"#
    );
    Program::new("filling.wat", text)
}

#[test]
fn workers_share_the_pages_of_a_state() {
    const MIB: usize = 64;
    let workers = || {
        let is_it = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.starts_with(b"wpool worker") && line.windows(11).any(|part| part == b"filling.wat")
        };
        children_of(std::process::id()).into_iter().filter(is_it).collect::<Vec<_>>()
    };
    block_on(async {
        let worker = WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"));
        let pool = Pool::builder(filling(MIB)).worker(worker).workers(4).build().await.unwrap();
        let mut results = pool.map(vec!["1"; 400]);
        while let Some(result) = results.next().await.unwrap() {
            assert!(matches!(result.outcome, Outcome::Ok(_)), "{result:?}");
        }
        let pids = workers();
        assert!(!pids.is_empty());
        for pid in pids {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
            let own: usize = line.split_whitespace().next().unwrap().parse().unwrap();
            assert!(own >> 10 < MIB / 4, "{own} KiB of its own, of a state of {MIB} MiB");
        }
    });
}

#[test]
fn an_observer_hears_how_long_the_compiler_is_at_work() {
    let wpool = env!("CARGO_BIN_EXE_wpool");
    let script = format!("case \"$*\" in *compiler*) sleep 2.2 ;; esac\nexec '{wpool}' \"$@\"");
    let worker = WorkerCommand { args: ["-c", &script, "sh"].map(Into::into).into(), ..WorkerCommand::at("/bin/sh") };
    let (observer, mut events) = Observer::channel(1 << 10);
    block_on(async {
        let program = Program::read(wat("noop")).unwrap();
        let config = PoolConfig { observer, ..PoolConfig::default() };
        Pool::builder(program).config(config).worker(worker).build().await.unwrap();
    });
    let mut heard = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let Event::Compiling { elapsed, again_for, ended } = event {
            assert!(elapsed >= Duration::from_secs(heard.len().min(2) as u64), "{elapsed:?}");
            heard.push((again_for, ended));
        }
    }
    assert!(heard.len() >= 3, "{heard:?}");
    let (last, before) = heard.split_last().unwrap();
    assert!(last.1 && before.iter().all(|(_, ended)| !ended), "{heard:?}");
    assert!(heard.iter().all(|(again_for, _)| again_for.is_empty()), "there is no cache: {heard:?}");
}
