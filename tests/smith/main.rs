//! Writes programs that nobody has written: `smith SEED COUNT` makes COUNT modules and components, each after its length as
//! four bytes, lowest first. The same arguments make the same programs.
//!
//! Most of them fit a calling convention and end by themselves, so that their code really runs. Some never end, some
//! are broken on purpose, a few are large, and a few are whatever comes.

mod large;

use std::io::{self, BufWriter, Write};

use arbitrary::{Arbitrary, Unstructured};
use wasm_smith::{Component, Config, Module};

/// Loops and calls of a program that is to end: some milliseconds of work.
const FUEL: u32 = 100_000;

/// What a raw program exports.
const RAW: &str = r#"(module
    (memory (export "memory") 2)
    (func (export "alloc") (param i32) (result i32) unreachable)
    (func (export "run") (param i32 i32) (result i64) unreachable))"#;

/// What a command exports.
const COMMAND: &str = r#"(module (memory (export "memory") 1) (func (export "_start") unreachable))"#;

/// What programs may import: WASI's functions that do not wait.
const WASI: &str = r#"(module
    (import "wasi_snapshot_preview1" "args_get" (func (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_sizes_get" (func (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get" (func (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_close" (func (param i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_fdstat_get" (func (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_prestat_get" (func (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_seek" (func (param i32 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open"
        (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
    (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "sched_yield" (func (result i32))))"#;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let (Some(Ok(seed)), Some(Ok(count))) = (arguments.next(), arguments.next()) else {
        return Err(io::Error::other("usage: smith SEED COUNT"));
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let shapes = Shapes::new();
    for number in 0..count {
        let program = shapes.program(&mut Random(seed.wrapping_mul(1 << 32).wrapping_add(number)));
        out.write_all(&(program.len() as u32).to_le_bytes())?;
        out.write_all(&program)?;
    }
    out.flush()
}

/// SplitMix64: neighbouring seeds give unrelated numbers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).take(count).collect()
    }
}

/// Shapes of programs, as modules that wasm-smith imitates.
struct Shapes {
    raw: Vec<u8>,
    command: Vec<u8>,
    wasi: Vec<u8>,
}

impl Shapes {
    fn new() -> Shapes {
        let [raw, command, wasi] = [RAW, COMMAND, WASI].map(|text| wat::parse_str(text).expect("it is WebAssembly"));
        Shapes { raw, command, wasi }
    }

    fn program(&self, random: &mut Random) -> Vec<u8> {
        // Mostly small ones; a few take the compiler a while.
        let largest = if random.one_in(50) { 16 } else { 12 };
        let size = 1 << random.below(largest);
        let noise = random.bytes(256 + size);
        let mut noise = Unstructured::new(&noise);
        if random.one_in(40) {
            return wat::parse_str(large::program(random)).expect("it is WebAssembly");
        }
        let mut program = match random.below(40) {
            0 => component(&mut noise),
            1 => module(
                Config { gc_enabled: true, ..Config::arbitrary(&mut noise).unwrap_or_default() },
                &mut noise,
                None,
            ),
            _ => {
                let fuel = (!random.one_in(100)).then_some(FUEL);
                module(self.config(random), &mut noise, fuel)
            }
        };
        if random.one_in(20) {
            damage(&mut program, random);
        }
        program
    }

    /// Settings under which most programs are taken and called.
    fn config(&self, random: &mut Random) -> Config {
        // Half of them do what lets their instances be put back after a task: they return, and have no tables.
        let tame = random.one_in(2);
        let command = tame || random.one_in(3);
        let wasi = command || random.one_in(3);
        Config {
            exports: Some(if command { self.command.clone() } else { self.raw.clone() }),
            available_imports: wasi.then(|| self.wasi.clone()),
            // Of what nobody provides, seldom: such programs are refused.
            max_imports: if wasi { 14 } else { usize::from(random.one_in(30)) },
            max_instructions: 20 << random.below(6),
            max_funcs: 1 + random.below(20) as usize,
            max_memories: 1 + random.below(3) as usize,
            max_memory32_bytes: 16 << (16 + random.below(6)),
            max_memory64_bytes: 16 << 20,
            max_tables: if tame { 0 } else { random.below(4) as usize },
            max_table_elements: 1 << random.below(22),
            min_data_segments: random.below(2) as usize,
            min_element_segments: random.below(2) as usize,
            allow_invalid_funcs: random.one_in(50),
            disallow_traps: tame || random.one_in(2),
            // wpool's engine has neither, so these are refused.
            gc_enabled: false,
            exceptions_enabled: random.one_in(30),
            reference_types_enabled: random.one_in(30),
            memory64_enabled: random.one_in(4),
            threads_enabled: random.one_in(30),
            wide_arithmetic_enabled: random.one_in(10),
            generate_custom_sections: random.one_in(4),
            ..Config::default()
        }
    }
}

/// A module, or nothing when the noise has run out in the wrong place.
fn module(config: Config, noise: &mut Unstructured<'_>, fuel: Option<u32>) -> Vec<u8> {
    let Ok(mut module) = Module::new(config, noise) else { return Vec::new() };
    if let Some(fuel) = fuel {
        // Only a module with functions of raw bytes cannot be made to end, and those are refused anyway.
        let _ = module.ensure_termination(fuel);
    }
    module.to_bytes()
}

fn component(noise: &mut Unstructured<'_>) -> Vec<u8> {
    Component::new(Config::default(), noise).map(|component| component.to_bytes()).unwrap_or_default()
}

/// What a bad disk, a cut connection or an attacker would do.
fn damage(program: &mut Vec<u8>, random: &mut Random) {
    if program.is_empty() {
        return;
    }
    let length = program.len() as u64;
    if random.one_in(3) {
        program.truncate(random.below(length) as usize);
        return;
    }
    for _ in 0..=random.below(4) {
        let at = random.below(length) as usize;
        program[at] ^= 1 << random.below(8);
    }
}
