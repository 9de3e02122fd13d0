use wiggle::bitflags::Flags;

use super::*;

const PLAIN: Proposals = Proposals { heap: false, tasks: false };
const HEAP_ONLY: Proposals = Proposals { heap: true, tasks: false };
const TASKS_ONLY: Proposals = Proposals { heap: false, tasks: true };

/// The fate of a program: the parts that it needs, or a piece of the words of its refusal.
type Fate = Result<Proposals, &'static str>;

/// A tiny program for each proposal that the text format can express, with its fate.
const PROGRAMS: &[(&str, Fate, &str)] = &[
    ("MUTABLE_GLOBAL", Ok(PLAIN), r#"(module (import "a" "b" (global (mut i32))))"#),
    ("SATURATING_FLOAT_TO_INT", Ok(PLAIN), "(module (func (param f32) (drop (i32.trunc_sat_f32_s (local.get 0)))))"),
    ("SIGN_EXTENSION", Ok(PLAIN), "(module (func (param i32) (drop (i32.extend8_s (local.get 0)))))"),
    ("REFERENCE_TYPES", Ok(PLAIN), "(module (table 1 funcref) (func (drop (table.size 0))))"),
    ("REFERENCE_TYPES", Ok(HEAP_ONLY), "(module (func (param externref)))"),
    ("MULTI_VALUE", Ok(PLAIN), "(module (func (result i32 i32) unreachable))"),
    ("BULK_MEMORY", Ok(PLAIN), r#"(module (memory 1) (data "x") (func (data.drop 0)))"#),
    (
        "BULK_MEMORY_OPT",
        Ok(PLAIN),
        "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))",
    ),
    ("CALL_INDIRECT_OVERLONG", Ok(PLAIN), "(module (table 1 funcref) (func (call_indirect (i32.const 0))))"),
    ("SIMD", Ok(PLAIN), "(module (func (param v128)))"),
    (
        "RELAXED_SIMD",
        Ok(PLAIN),
        "(module (func (param v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))))",
    ),
    ("THREADS", Ok(PLAIN), "(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))"),
    ("TAIL_CALL", Ok(PLAIN), "(module (func return_call 0))"),
    ("FLOATS", Ok(PLAIN), "(module (func (param f64)))"),
    ("MULTI_MEMORY", Ok(PLAIN), "(module (memory 1) (memory 1))"),
    ("MEMORY64", Ok(PLAIN), "(module (memory i64 1))"),
    ("EXTENDED_CONST", Ok(PLAIN), "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))"),
    (
        "FUNCTION_REFERENCES",
        Ok(PLAIN),
        "(module (type $t (func)) (func (param (ref null $t)) (call_ref $t (local.get 0))))",
    ),
    (
        "WIDE_ARITHMETIC",
        Ok(PLAIN),
        "(module (func (param i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 0))))",
    ),
    ("EXCEPTIONS", Ok(HEAP_ONLY), "(module (tag $t) (func (throw $t)))"),
    ("EXCEPTIONS", Ok(HEAP_ONLY), "(module (func (block $b (try_table (catch_all $b)))))"),
    ("GC", Ok(HEAP_ONLY), "(module (type (struct (field i32))) (func (drop (struct.new_default 0))))"),
    ("GC_TYPES", Ok(HEAP_ONLY), "(module (func (param i31ref)))"),
    ("COMPONENT_MODEL", Ok(PLAIN), "(component)"),
    ("CM_ASYNC", Ok(TASKS_ONLY), "(component (core func (canon backpressure.inc)))"),
    ("CM_ASYNC", Ok(TASKS_ONLY), r#"(component (type (func async (param "x" (stream u8)))))"#),
    ("CM_ASYNC", Ok(MOST), "(component (core func (canon backpressure.inc)) (core module (tag)))"),
    ("LEGACY_EXCEPTIONS", Err("draft form of exceptions"), "(module (tag $t) (func try catch $t end))"),
    ("SHARED_EVERYTHING_THREADS", Err("shared-everything"), "(module (type (shared (struct))))"),
    (
        "MEMORY_CONTROL",
        Err("memory-control"),
        "(module (memory 1) (func (memory.discard (i32.const 0) (i32.const 0))))",
    ),
    ("CUSTOM_PAGE_SIZES", Err("custom-page-sizes"), "(module (memory 1 (pagesize 1)))"),
    ("STACK_SWITCHING", Err("stack-switching"), "(module (type $f (func)) (type (cont $f)))"),
    (
        "CUSTOM_DESCRIPTORS",
        Err("custom-descriptors"),
        "(module (rec (type $a (descriptor $b) (struct)) (type $b (describes $a) (struct))))",
    ),
    ("CM_VALUES", Err("values among"), r#"(component (import "a" (value u32)))"#),
    ("CM_NESTED_NAMES", Err("nested namespaces"), r#"(component (import "a:b:c/d" (func)))"#),
    (
        "CM_ASYNC_STACKFUL",
        Err("stackful"),
        r#"(component
        (core module $m (func (export "f"))) (core instance $i (instantiate $m))
        (func (export "f") async (canon lift (core func $i "f") async)))"#,
    ),
    ("CM_MORE_ASYNC_BUILTINS", Err("further built-ins"), "(component (core func (canon subtask.cancel async)))"),
    ("CM_THREADING", Err("threads of the component model"), "(component (core func (canon thread.index)))"),
    ("CM_ERROR_CONTEXT", Err("error-context"), "(component (core func (canon error-context.drop)))"),
    ("CM_FIXED_LENGTH_LISTS", Err("fixed length"), "(component (type (list u8 4)))"),
    ("CM_MAP", Err("maps"), "(component (type (map string u32)))"),
    (
        "CM_GC",
        Err("structures instead of memories"),
        r#"(component
        (core type $t (func)) (import "f" (func $f)) (core func (canon lower (func $f) gc (core-type $t))))"#,
    ),
    (
        "CM64",
        Err("64-bit memories"),
        r#"(component
        (core module $m (memory (export "m") i64 1)) (core instance $i (instantiate $m))
        (import "f" (func $f (param "s" string)))
        (core func (canon lower (func $f) (memory (core memory $i "m")))))"#,
    ),
    ("CM_IMPLEMENTS", Err("`implements`"), r#"(component (import "x" (implements "a:b/c") (instance)))"#),
    ("CM_CANON_NAMES", Err("`version-suffix`"), r#"(component (import "a:b/c@1" (version-suffix ".0.0") (instance)))"#),
];

/// Proposals without a text.
const WITHOUT_TEXT: [&str; 1] = ["COMPACT_IMPORTS"];

#[test]
fn each_proposal_is_on_for_its_programs_or_refused_in_words() {
    let mut wrong = Vec::new();
    for (name, expected, text) in PROGRAMS {
        let wasm = match wat::parse_str(text) {
            Ok(wasm) => wasm,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        let got = used(&wasm);
        let is_right = match (&got, expected) {
            (Ok(got), Ok(expected)) => got == expected,
            (Err(got), Err(piece)) => got.code == RefusalCode::UnsupportedFeature && got.message.contains(piece),
            _ => false,
        };
        if !is_right {
            wrong.push(format!("{name}: expected {expected:?}, got {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_of_programs_and_the_list_of_missing_proposals_are_whole() {
    let listed = MISSING.iter().filter(|missing| missing.features != WasmFeatures::all());
    let missing = listed.fold(WasmFeatures::empty(), |all, missing| all.union(missing.features));
    assert!(!features(MOST).intersects(missing), "on and missing");
    assert_eq!(features(MOST).union(missing), WasmFeatures::all(), "neither on nor missing");
    for flag in WasmFeatures::FLAGS {
        let has_program = PROGRAMS.iter().any(|(name, ..)| *name == flag.name());
        assert!(has_program != WITHOUT_TEXT.contains(&flag.name()), "{} has no program", flag.name());
    }
}

#[test]
fn a_damaged_program_is_said_to_be_damaged() {
    let mut wasm = wat::parse_str("(module (func (i32.const 1) drop))").unwrap();
    let last = wasm.len() - 2;
    wasm[last] = 0xff;
    let refusal = used(&wasm).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::BadModule);
    assert!(refusal.message.contains("it is damaged"), "{refusal}");
}
