//! The limit: the engine alone, in as many processes as wpool has workers, doing for each row what no pool can leave
//! out (a fresh instance, the row copied in, the call, the output copied out), on rows that are in memory already.

#![allow(unsafe_code, reason = "the limit uses the engine's fastest way to call a function, as wpool does")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use wasmtime::{
    Config, Engine, Instance, InstanceAllocationStrategy, InstancePre, Linker, Module, ModuleExport,
    PoolingAllocationConfig, Store, ValRaw,
};

const MARK: &str = "bare-loop";

/// Wall time of the loop over a file of rows, the parts of `processes` processes together.
pub fn seconds(program: &Path, rows: &Path, processes: usize) -> f64 {
    let start = |part: usize| {
        let mut command = Command::new(std::env::current_exe().expect("this executable"));
        command.arg(MARK).arg(program).arg(rows).args([part.to_string(), processes.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a process")
    };
    let mut children: Vec<Child> = (0..processes).map(start).collect();
    children.iter_mut().for_each(wait_for_byte);
    let started = Instant::now();
    for child in &mut children {
        child.stdin.take().expect("it is piped").write_all(b"go").expect("it listens");
    }
    children.iter_mut().for_each(wait_for_byte);
    let elapsed = started.elapsed();
    children.into_iter().for_each(|mut child| assert!(child.wait().is_ok_and(|status| status.success())));
    elapsed.as_secs_f64()
}

fn wait_for_byte(child: &mut Child) {
    let mut byte = [0];
    child.stdout.as_mut().expect("it is piped").read_exact(&mut byte).expect("it answers");
}

/// Whether this process is one of those that [`seconds`] starts; then it has done its work.
pub fn ran_as_loop() -> bool {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [mark, program, rows, part, parts] = args.as_slice() else { return false };
    if mark != MARK {
        return false;
    }
    let number = |text: &str| text.parse::<usize>().expect("a number");
    let rows = read_part(Path::new(rows), number(part), number(parts));
    run(Path::new(program), &rows).expect("the loop runs");
    true
}

fn read_part(path: &Path, part: usize, parts: usize) -> Vec<Vec<u8>> {
    let file = BufReader::new(std::fs::File::open(path).expect("rows"));
    let rows = file.split(b'\n').map(|row| row.expect("a row"));
    rows.skip(part).step_by(parts).collect()
}

fn run(program: &Path, rows: &[Vec<u8>]) -> wasmtime::Result<()> {
    let engine = engine()?;
    let text = std::fs::read(program)?;
    let module =
        Module::new(&engine, wat::parse_bytes(&text).map_err(|error| wasmtime::Error::msg(error.to_string()))?)?;
    let pre = Linker::new(&engine).instantiate_pre(&module)?;
    let export = |name| module.get_export_index(name).ok_or_else(|| wasmtime::Error::msg("an export is missing"));
    let exports = Exports { memory: export("memory")?, alloc: export("alloc")?, run: export("run")? };
    let mut stdout = std::io::stdout();
    stdout.write_all(b"r").and_then(|()| stdout.flush())?;
    std::io::stdin().read_exact(&mut [0; 2])?;
    for row in rows {
        std::hint::black_box(one(&engine, &pre, &exports, row)?);
    }
    stdout.write_all(b"d").and_then(|()| stdout.flush())?;
    Ok(())
}

struct Exports {
    memory: ModuleExport,
    alloc: ModuleExport,
    run: ModuleExport,
}

fn one(engine: &Engine, pre: &InstancePre<()>, exports: &Exports, row: &[u8]) -> wasmtime::Result<Vec<u8>> {
    let mut store = Store::new(engine, ());
    let instance = pre.instantiate(&mut store)?;
    let length = row.len() as u32;
    let at = call(&mut store, instance, &exports.alloc, [length, 0])? as u32;
    let memory = instance.get_module_export(&mut store, &exports.memory).and_then(|export| export.into_memory());
    let memory = memory.expect("`memory` is one");
    memory.data_mut(&mut store)[at as usize..at as usize + row.len()].copy_from_slice(row);
    let packed = call(&mut store, instance, &exports.run, [at, length])?;
    let (at, length) = ((packed >> 32) as usize, packed as u32 as usize);
    Ok(memory.data(&store)[at..at + length].to_vec())
}

fn call(store: &mut Store<()>, instance: Instance, export: &ModuleExport, args: [u32; 2]) -> wasmtime::Result<u64> {
    let func = instance.get_module_export(&mut *store, export).and_then(|export| export.into_func());
    let mut values = args.map(ValRaw::u32);
    // SAFETY: the benches use it only with the program `noop`, whose functions take one or two i32 and give one value.
    unsafe { func.expect("it is a function").call_unchecked(&mut *store, &mut values)? };
    Ok(values[0].get_u64())
}

/// The settings of wpool's own engine, for one memory and one table.
fn engine() -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_memories(1)
        .total_tables(1)
        .total_core_instances(1)
        .total_stacks(1)
        .linear_memory_keep_resident(4 << 20)
        .table_keep_resident(4 << 20);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .concurrency_support(false)
        .memory_reservation(4 << 30)
        .memory_init_cow(true);
    Engine::new(&config)
}
