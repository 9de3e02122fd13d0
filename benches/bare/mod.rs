//! The limit: the engine alone, doing for each row what no pool can leave out (a fresh instance, the row copied in, the
//! call, the output copied out), on rows that are in memory already. In as many processes as wpool has workers, or in
//! threads of this one.

#![allow(dead_code, reason = "each bench uses a part")]
#![allow(unsafe_code, reason = "the limit uses the engine's fastest way to call a function, as wpool does")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{
    Config, Enabled, Engine, Instance, InstanceAllocationStrategy, InstancePre, Linker, Module, ModuleExport,
    PoolingAllocationConfig, Store, ValRaw,
};

const MARK: &str = "bare-loop";

/// What the engine's pool is tuned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Images {
    /// Memories that are small at the start.
    Small,
    /// Memories of many pages at the start, of which a task writes few: the kernel is asked which.
    Large,
}

/// Wall time of the loop over a file of rows, the parts of `processes` processes together.
pub fn seconds(program: &Path, rows: &Path, processes: usize, images: Images) -> f64 {
    let start = |part: usize| {
        let mut command = Command::new(std::env::current_exe().expect("this executable"));
        command.arg(MARK).arg(program).arg(rows).args([part.to_string(), processes.to_string(), format!("{images:?}")]);
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
    let [mark, program, rows, part, parts, images] = args.as_slice() else { return false };
    if mark != MARK {
        return false;
    }
    let number = |text: &str| text.parse::<usize>().expect("a number");
    let rows = read(Path::new(rows)).into_iter().skip(number(part)).step_by(number(parts)).collect();
    let images = if images == "Large" { Images::Large } else { Images::Small };
    Loop::new(Path::new(program), 1, images).and_then(|bare| run(&bare, rows)).expect("the loop runs");
    true
}

fn read(path: &Path) -> Vec<Vec<u8>> {
    let file = BufReader::new(std::fs::File::open(path).expect("rows"));
    file.split(b'\n').map(|row| row.expect("a row")).collect()
}

fn run(bare: &Loop, rows: Vec<Vec<u8>>) -> wasmtime::Result<()> {
    let mut stdout = std::io::stdout();
    stdout.write_all(b"r").and_then(|()| stdout.flush())?;
    std::io::stdin().read_exact(&mut [0; 2])?;
    for row in &rows {
        std::hint::black_box(bare.call(row)?);
    }
    stdout.write_all(b"d").and_then(|()| stdout.flush())?;
    Ok(())
}

/// Wall time of threads of this process that share the rows of a file, each taking the next one.
pub fn threads_seconds(program: &Path, rows: &Path, threads: usize, images: Images) -> f64 {
    let rows = read(rows);
    let bare = Loop::new(program, threads as u32, images).expect("the program compiles");
    let (next, start) = (AtomicUsize::new(0), Barrier::new(threads + 1));
    std::thread::scope(|scope| {
        let work = || {
            start.wait();
            while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                std::hint::black_box(bare.call(row).expect("the task runs"));
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        start.wait();
        let started = Instant::now();
        workers.into_iter().for_each(|worker| worker.join().expect("it does not panic"));
        started.elapsed().as_secs_f64()
    })
}

/// A program of the raw convention without imports, ready to be called.
pub struct Loop {
    engine: Engine,
    pre: InstancePre<()>,
    memory: ModuleExport,
    alloc: ModuleExport,
    run: ModuleExport,
}

impl Loop {
    /// For so many instances at a time.
    pub fn new(program: &Path, instances: u32, images: Images) -> wasmtime::Result<Loop> {
        let engine = engine(instances, images)?;
        let binary = std::fs::read(program)?;
        let binary = wat::parse_bytes(&binary).map_err(|error| wasmtime::Error::msg(error.to_string()))?;
        let module = Module::new(&engine, binary)?;
        let pre = Linker::new(&engine).instantiate_pre(&module)?;
        let export = |name| module.get_export_index(name).ok_or_else(|| wasmtime::Error::msg("an export is missing"));
        let (memory, alloc, run) = (export("memory")?, export("alloc")?, export("run")?);
        Ok(Loop { engine, pre, memory, alloc, run })
    }

    /// One task in an instance of its own.
    pub fn call(&self, row: &[u8]) -> wasmtime::Result<Vec<u8>> {
        let mut store = Store::new(&self.engine, ());
        let instance = self.pre.instantiate(&mut store)?;
        let length = row.len() as u32;
        let at = call(&mut store, instance, &self.alloc, [length, 0])? as u32;
        let memory = instance.get_module_export(&mut store, &self.memory).and_then(|export| export.into_memory());
        let memory = memory.expect("`memory` is one");
        memory.data_mut(&mut store)[at as usize..at as usize + row.len()].copy_from_slice(row);
        let packed = call(&mut store, instance, &self.run, [at, length])?;
        let (at, length) = ((packed >> 32) as usize, packed as u32 as usize);
        Ok(memory.data(&store)[at..at + length].to_vec())
    }

    /// Processor time of the fastest of some calls.
    pub fn fastest(&self, row: &[u8], calls: usize) -> Duration {
        let time = |_| {
            let before = thread_cpu();
            std::hint::black_box(self.call(row).expect("the task runs"));
            thread_cpu() - before
        };
        (0..calls).map(time).min().unwrap_or_default()
    }
}

fn thread_cpu() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

fn call(store: &mut Store<()>, instance: Instance, export: &ModuleExport, args: [u32; 2]) -> wasmtime::Result<u64> {
    let func = instance.get_module_export(&mut *store, export).and_then(|export| export.into_func());
    let mut values = args.map(ValRaw::u32);
    // SAFETY: the benches use it only with guests of the repository, whose functions take one or two i32 and give one value.
    unsafe { func.expect("it is a function").call_unchecked(&mut *store, &mut values)? };
    Ok(values[0].get_u64())
}

/// The settings of wpool's own engine, for so many memories and tables.
fn engine(instances: u32, images: Images) -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_memories(instances)
        .total_tables(instances)
        .total_core_instances(instances)
        .total_stacks(instances)
        .linear_memory_keep_resident(4 << 20)
        .table_keep_resident(4 << 20)
        .pagemap_scan(if images == Images::Large { Enabled::Auto } else { Enabled::No });
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .concurrency_support(false)
        .gc_support(false)
        .wasm_exceptions(false)
        .memory_reservation(4 << 30)
        .memory_init_cow(true);
    Engine::new(&config)
}
