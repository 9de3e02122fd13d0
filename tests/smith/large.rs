//! Large programs, as the engines of scripting languages are: thousands of globals, megabytes of data, and tasks that
//! write thousands of pages, other ones for other rows.
//!
//! wasm-smith makes none of that size. These are made of a dozen kinds of steps, in loops with fixed ends.

use std::fmt::Write as _;

use crate::Random;

const PAGE: u64 = 64 << 10;
/// Rows and results stand in the first page; steps leave it alone.
const BEGIN: u64 = PAGE;

/// A raw module or a task component, as text.
pub fn program(random: &mut Random) -> String {
    let pages = 80 + random.below(400);
    let most = if random.one_in(4) { 4_000 } else { 500 };
    let globals = 65 + random.below(most) as usize;
    let mut text = format!("(memory (export \"memory\") {pages})\n(global $word (mut i32) (i32.const 0))\n");
    for number in 0..globals {
        let ty = ["i32", "i64", "f32", "f64"][number % 4];
        let _ = writeln!(text, "(global $g{number} (mut {ty}) ({ty}.const {}))", random.below(1 << 20));
    }
    data(&mut text, random, pages);
    if random.one_in(3) {
        let at = place(random, pages);
        let _ = writeln!(text, "(func $start (i32.store (i32.const {at}) (i32.const 7))) (start $start)");
    }
    text.push_str("(func $steps (param $seed i32) (local $at i32)\n");
    for _ in 0..2 + random.below(8) {
        step(&mut text, random, pages, globals);
    }
    text.push_str(")\n");
    // The row is anywhere; its first byte and its length decide which steps are taken.
    let seed = "(call $steps (i32.add (i32.load8_u (local.get $row)) (local.get $length)))";
    if random.one_in(2) {
        return format!(
            "(module {text} (func (export \"alloc\") (param i32) (result i32) (i32.const 1024))
               (func (export \"run\") (param $row i32) (param $length i32) (result i64) {seed}
                 (i32.store (i32.const 16) (global.get $word)) (i64.const 0x1000000004)))"
        );
    }
    format!(
        "(component (core module $m {text}
             (func (export \"realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
             (func (export \"run\") (param $row i32) (param $length i32) (result i32) {seed}
               (i32.store (i32.const 0) (i32.const 0)) (i32.store (i32.const 4) (i32.const 16))
               (i32.store (i32.const 8) (i32.const 4)) (i32.store (i32.const 16) (global.get $word)) (i32.const 0)))
           (core instance $i (instantiate $m))
           (func (export \"run\") (param \"input\" (list u8)) (result (result (list u8) (error string)))
             (canon lift (core func $i \"run\") (memory (core memory $i \"memory\")) (realloc (core func $i \"realloc\")))))"
    )
}

/// Up to 6 MiB of data, in segments that may overlap.
fn data(text: &mut String, random: &mut Random, pages: u64) {
    let mut left = (1 + random.below(6)) << 20;
    while left > 0 {
        let length = (1 + random.below(1 << 19)).min(left);
        let at = BEGIN + random.below((pages - 1) * PAGE - length);
        let letter = char::from(b'a' + random.below(26) as u8);
        let _ = writeln!(text, "(data (i32.const {at}) \"{}\")", letter.to_string().repeat(length as usize));
        left -= length;
    }
}

/// A place for a word behind the first page.
fn place(random: &mut Random, pages: u64) -> u64 {
    BEGIN + random.below((pages - 1) * PAGE - 8)
}

fn step(text: &mut String, random: &mut Random, pages: u64, globals: usize) {
    // Some of the steps are taken for some of the rows.
    let mask = if random.one_in(2) { 0 } else { 1 << random.below(6) };
    let _ = write!(text, "(if (i32.eqz (i32.and (local.get $seed) (i32.const {mask}))) (then ");
    let (from, to) = (place(random, pages), place(random, pages));
    let length = random.below(1 << 20).min(pages * PAGE - from.max(to));
    let _ = match random.below(6) {
        // A word on each of many pages, next to each other or apart, upwards or downwards.
        0 | 1 => {
            let stride = 4_096 * (1 + random.below(4)) + 8 * random.below(3);
            let (begin, end) = (BEGIN + random.below(PAGE), pages * PAGE - 8);
            let at = "(local.get $at)";
            let place = if random.one_in(3) {
                format!("(i32.sub (i32.const {}) {at})", begin + end - 8)
            } else {
                at.to_owned()
            };
            write!(
                text,
                "(local.set $at (i32.const {begin}))
                 (loop $next (i32.store {place} (i32.add {at} (local.get $seed)))
                   (local.set $at (i32.add {at} (i32.const {stride})))
                   (br_if $next (i32.lt_u {at} (i32.const {}))))",
                begin + random.below(end - begin - stride) / 2 + stride
            )
        }
        2 => write!(text, "(memory.fill (i32.const {from}) (local.get $seed) (i32.const {length}))"),
        3 => write!(text, "(memory.copy (i32.const {from}) (i32.const {to}) (i32.const {length}))"),
        4 => write!(
            text,
            "(local.set $at (memory.grow (i32.const {})))
             (if (i32.ne (local.get $at) (i32.const -1))
               (then (i32.store (i32.mul (local.get $at) (i32.const 65536)) (local.get $seed))))",
            1 + random.below(20)
        ),
        _ => {
            let first = random.below(globals as u64) as usize;
            for number in (first..globals).step_by(1 + random.below(3) as usize) {
                let change = match number % 4 {
                    0 => "i32.add",
                    1 => "i64.add",
                    2 => "f32.add",
                    _ => "f64.add",
                };
                let ty = &change[..3];
                let _ = writeln!(
                    text,
                    "(global.set $g{number} ({change} (global.get $g{number}) ({ty}.const {})))",
                    1 + number
                );
            }
            write!(text, "(global.set $word (i32.add (global.get $word) (global.get $g0)))")
        }
    };
    text.push_str("))\n(global.set $word (i32.add (i32.mul (global.get $word) (i32.const 31))");
    let _ = writeln!(text, " (i32.load (i32.const {from}))))");
}
