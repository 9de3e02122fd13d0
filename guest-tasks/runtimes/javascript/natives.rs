//! The functions of the host, as the prelude sees them.

use std::cell::Cell;

use rquickjs::{Ctx, Function, Object, TypedArray, Value};
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::wasi::clocks::{monotonic_clock, wall_clock};
use crate::wasi::random::random;
use crate::{bytes_of, copy};

const NANOS_OF_A_MILLI: f64 = 1e6;

/// The object `native` of the prelude.
pub fn object<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
    let native = Object::new(ctx.clone())?;
    native.set("print", Function::new(ctx.clone(), print))?;
    native.set("encode", Function::new(ctx.clone(), encode))?;
    native.set("decode", Function::new(ctx.clone(), decode))?;
    native.set("whole", Function::new(ctx.clone(), whole))?;
    native.set("digest", Function::new(ctx.clone(), digest))?;
    native.set("random", Function::new(ctx.clone(), number).and_then(|it| it.with_name("random")))?;
    native.set("randomBytes", Function::new(ctx.clone(), random_bytes))?;
    native.set("now", Function::new(ctx.clone(), || monotonic_clock::now() as f64 / NANOS_OF_A_MILLI))?;
    native.set("sleep", Function::new(ctx.clone(), sleep))?;
    crate::url::add(ctx, &native)?;
    Ok(native)
}

fn print(text: Value) {
    crate::print(&bytes_of(text).unwrap_or_default());
}

fn encode<'js>(ctx: Ctx<'js>, text: Value<'js>) -> rquickjs::Result<TypedArray<'js, u8>> {
    TypedArray::new(ctx, bytes_of(text).unwrap_or_default())
}

/// The text of bytes. `None`: they are not of the encoding, and that is fatal.
fn decode(bytes: TypedArray<'_, u8>, encoding: String, is_fatal: bool) -> Option<String> {
    let bytes = copy(&bytes);
    match encoding.as_str() {
        "windows-1252" => Some(bytes.into_iter().map(western).collect()),
        "utf-16le" => {
            let units = bytes.chunks(2).map(|unit| u16::from_le_bytes([unit[0], *unit.get(1).unwrap_or(&0xff)]));
            let read: Result<String, _> = char::decode_utf16(units.clone()).collect();
            read.ok().or_else(|| (!is_fatal).then(|| String::from_utf16_lossy(&units.collect::<Vec<_>>())))
        }
        _ if is_fatal => String::from_utf8(bytes).ok(),
        _ => Some(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// How many bytes at the beginning hold whole characters.
fn whole(bytes: TypedArray<'_, u8>, encoding: String) -> usize {
    let bytes = copy(&bytes);
    match encoding.as_str() {
        "windows-1252" => bytes.len(),
        "utf-16le" => bytes.len() & !1,
        _ => {
            let lengths = [(1, 0xc0..=0xff_u8), (2, 0xe0..=0xff), (3, 0xf0..=0xff)];
            let starts = |(back, first): &(usize, std::ops::RangeInclusive<u8>)| {
                bytes.len() >= *back && first.contains(&bytes[bytes.len() - back])
            };
            lengths.into_iter().find(starts).map_or(bytes.len(), |(back, _)| bytes.len() - back)
        }
    }
}

/// A character of Windows' western encoding.
fn western(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    byte.checked_sub(0x80).and_then(|at| HIGH.get(usize::from(at))).copied().unwrap_or(char::from(byte))
}

/// The hash of bytes. `None`: there is no algorithm of this name.
fn digest<'js>(
    ctx: Ctx<'js>,
    name: String,
    bytes: TypedArray<'js, u8>,
) -> rquickjs::Result<Option<TypedArray<'js, u8>>> {
    let bytes = copy(&bytes);
    let hash = match name.as_str() {
        "SHA-256" => Sha256::digest(bytes).to_vec(),
        "SHA-384" => Sha384::digest(bytes).to_vec(),
        "SHA-512" => Sha512::digest(bytes).to_vec(),
        _ => return Ok(None),
    };
    TypedArray::new(ctx, hash).map(Some)
}

thread_local! {
    /// The state of `Math.random`. Empty at the start of a task, so that tasks do not share their numbers.
    static RANDOM: Cell<Option<[u64; 2]>> = const { Cell::new(None) };
}

/// Makes the next random number the first of a new sequence.
pub fn forget_random() {
    RANDOM.set(None);
}

/// A number from 0 to below 1: xorshift128+, which is the usual choice for `Math.random`.
fn number() -> f64 {
    const BITS_OF_A_FRACTION: u32 = 53;
    let [mut first, second] = RANDOM.get().unwrap_or_else(|| [random::get_random_u64() | 1, random::get_random_u64()]);
    first ^= first << 23;
    first ^= first >> 17;
    first ^= second ^ (second >> 26);
    RANDOM.set(Some([second, first]));
    (first.wrapping_add(second) >> (u64::BITS - BITS_OF_A_FRACTION)) as f64 / (1_u64 << BITS_OF_A_FRACTION) as f64
}

fn random_bytes(ctx: Ctx<'_>, length: usize) -> rquickjs::Result<TypedArray<'_, u8>> {
    TypedArray::new(ctx, random::get_random_bytes(length as u64))
}

fn sleep(millis: f64) {
    monotonic_clock::subscribe_duration((millis * NANOS_OF_A_MILLI) as u64).block();
}

/// The clock of `Date` and `performance`, which QuickJS' C library asks for in this form.
#[unsafe(no_mangle)]
extern "C" fn __rquickjs_host_now_us() -> f64 {
    let now = wall_clock::now();
    now.seconds as f64 * 1e6 + f64::from(now.nanoseconds / 1000)
}
