//! Many runs of a small WASI command, as one would do them from a shell: beside xargs and GNU parallel, which start a
//! process for each.
//!
//! That process is `wasmtime run` of a precompiled program where it is installed, and else this bench again, which does the
//! same and nothing else: load the program, run it once.
//!
//! `WPOOL_BENCH_ROWS` (default 100 000) runs of wpool, `WPOOL_BENCH_PEER_ROWS` (default 400) of the others, and
//! `WPOOL_BENCH_ROUNDS` (default 5) rounds.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]
#![allow(unsafe_code, reason = "precompiled programs are loaded as `wasmtime run --allow-precompiled` does")]

mod support;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::Target::AtLeast;
use support::{Comparison, Rows, cores, guest, is_installed, rounds, setting, time, wpool_seconds};
use wasmtime::{Engine, Linker, Module, Store};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p1::{WasiP1Ctx, add_to_linker_sync};

const MARK: &str = "bare-command";

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|first| first == MARK) {
        return run_once(Path::new(&args[1])).expect("the command runs");
    }
    if !support::is_bench() {
        return;
    }
    let (count, few) = (setting("WPOOL_BENCH_ROWS", 100_000), setting("WPOOL_BENCH_PEER_ROWS", 400));
    let (rows, peers) = (Rows::strings(count, 20), Rows::strings(few, 20));
    let program = guest("wat/cat.wat");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (runner, name) = runner(&program, dir.path());
    println!("{} cores; {count} runs by wpool, {few} by the others, which start `{name}` for each\n", cores());
    // Puts the program into the cache.
    wpool_seconds(&program, rows.path(), &[]);
    let shell = |tool: &[&str]| {
        let workers = cores().to_string();
        let mut command = Command::new(tool[0]);
        command.args(&tool[1..]).args(["-P", &workers]).args(&runner);
        command.stdin(File::open(peers.path()).expect("rows"));
        few as f64 / time(&mut command).as_secs_f64()
    };
    let mut all = Comparison::new("runs/s");
    let wpool = all.side("wpool run", || count as f64 / wpool_seconds(&program, rows.path(), &[]));
    let xargs = all.side("xargs -P", || shell(&["xargs", "-d", "\\n", "-n", "1"]));
    let missing = (!is_installed("parallel")).then_some("GNU parallel is not installed");
    let parallel = all.side_unless(missing, "GNU parallel", || shell(&["parallel", "-n", "1", "--will-cite"]));
    all.run(rounds(5));
    println!();
    all.claim("runs of a small p1 command", wpool, xargs, Some(AtLeast(200.0)));
    all.claim("runs of a small p1 command", wpool, parallel, Some(AtLeast(500.0)));
}

/// What runs the program once, with the row as its argument, and what it is called.
fn runner(program: &Path, dir: &Path) -> (Vec<PathBuf>, &'static str) {
    let precompiled = dir.join("command.cwasm");
    if is_installed("wasmtime") {
        let compiled = Command::new("wasmtime").arg("compile").arg(program).arg("-o").arg(&precompiled).status();
        assert!(compiled.is_ok_and(|status| status.success()), "wasmtime compiles");
        let command = ["wasmtime", "run", "--allow-precompiled"].map(PathBuf::from);
        return (command.into_iter().chain([precompiled]).collect(), "wasmtime run --allow-precompiled");
    }
    let binary = wat::parse_file(program).expect("the guest is there");
    let image = Engine::default().precompile_module(&binary).expect("it compiles");
    std::fs::write(&precompiled, image).expect("it can be written");
    let this = std::env::current_exe().expect("this executable");
    (vec![this, MARK.into(), precompiled], "the engine alone; wasmtime is not installed")
}

/// All that a run of a precompiled command takes.
fn run_once(image: &Path) -> wasmtime::Result<()> {
    let engine = Engine::default();
    // SAFETY: this bench has compiled it itself.
    let module = unsafe { Module::deserialize_file(&engine, image)? };
    let mut linker: Linker<WasiP1Ctx> = Linker::new(&engine);
    add_to_linker_sync(&mut linker, |context| context)?;
    let mut store = Store::new(&engine, WasiCtxBuilder::new().inherit_stdio().build_p1());
    let instance = linker.instantiate(&mut store, &module)?;
    instance.get_typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ())
}
