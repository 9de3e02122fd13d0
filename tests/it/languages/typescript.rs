//! Scripts in TypeScript and scripts with packages, with esbuild and tsc.

use super::*;
use crate::javascript::Desk;

const REFUSED: i32 = 101;

fn desk(files: &[(&str, &str)]) -> Desk {
    Desk::at(tempfile::tempdir_in(toolchains()).expect("a folder"), files)
}

/// Whether the tools are here; if not, says so or fails.
fn is_here(tool: &str) -> bool {
    let is_there = toolchains().join("node_modules/.bin").join(tool).exists();
    assert!(is_there || env::var_os("WPOOL_REQUIRE_LANGUAGES").is_none(), "{tool} is missing");
    if !is_there {
        println!("skipped, because {tool} is missing");
    }
    is_there
}

const APP: &str = r#"import { Thing, type Row } from "./lib";
import { pad } from "pad";

enum Kind { Small = "small", Large = "large" }

export function run(row: Row): { kind: Kind; n: string } {
  const n = new Thing(row).check();
  return { kind: n > 9 ? Kind.Large : Kind.Small, n: pad(n) };
}
"#;
const LIB: &str = r#"export interface Row {
  name: string;
  n?: number;
}

export class Thing<T extends Row> {
  constructor(private readonly row: T) {}

  check(): number {
    if (this.row.n === undefined) throw new TypeError(`no n in ${this.row.name}`);
    return this.row.n;
  }
}
"#;
const FILES: [(&str, &str); 5] = [
    ("app.ts", APP),
    ("lib.ts", LIB),
    ("node_modules/pad/package.json", r#"{"name":"pad","main":"index.js","types":"index.d.ts"}"#),
    ("node_modules/pad/index.js", "exports.pad = (n) => String(n).padStart(3, '0');\n"),
    ("node_modules/pad/index.d.ts", "export function pad(n: number): string;\n"),
];

#[test]
fn a_script_in_typescript_runs_with_its_packages_and_errors_name_its_own_lines() {
    if !is_here("esbuild") {
        return;
    }
    let desk = desk(&FILES);
    let rows = "{\"name\":\"a\",\"n\":7}\n{\"name\":\"b\"}\n";
    let ran = desk.run_with(&mut wpool_with_tools(), "app.ts", rows);
    assert_eq!(ran.each("status"), ["ok", "failed"], "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.each("output")[0], json!({"kind": "small", "n": "007"}));
    let traceback = ran.each("error")[1]["traceback"].as_str().expect("a text").to_owned();
    let head = "lib.ts:10\n      if (this.row.n === undefined) throw new TypeError(`no n in ${this.row.name}`);\n";
    assert!(traceback.starts_with(head), "{traceback}");
    assert!(
        traceback.contains("    at check (lib.ts:10:") && traceback.contains("    at run (app.ts:7:"),
        "{traceback}"
    );
    // A change is seen, also of a file that the script imports.
    fs::write(desk.path().join("lib.ts"), LIB.replace("this.row.n;", "this.row.n + 1;")).expect("a file");
    let ran = desk.run_with(&mut wpool_with_tools(), "app.ts", rows);
    assert_eq!(ran.each("output")[0]["n"], "008", "{}", ran.stderr);
}

#[test]
fn types_that_do_not_fit_refuse_the_run() {
    if !is_here("esbuild") || !is_here("tsc") {
        return;
    }
    let cases = [
        ("export function run(row: number): string { return row * 2; }", "app.ts(1,44): error TS2322"),
        ("export function run(row: number, more: string) { return row; }", "app.ts: run has one parameter, the row"),
        (
            "export function run(row: string) { return new Map([[row, 1]]); }",
            "app.ts: run returns a value that JSON cannot hold",
        ),
        (
            "export async function run(row: string) { return { at: () => row }; }",
            "app.ts: run returns a value that JSON cannot hold",
        ),
        (
            "export const run = (row: string) => new URLSearchParams({ row });",
            "app.ts: run returns a value that JSON cannot hold",
        ),
        ("export function run(row: string) { console.log(row); }", "app.ts: run returns a value that JSON cannot hold"),
        ("export const runs = 1;", "app.ts: it exports no function run"),
        ("export function run(row: number) { return document.title; }", "error TS2584"),
    ];
    for (source, expected) in cases {
        let ran = desk(&[("app.ts", source)]).run_with(&mut wpool_with_tools(), "app.ts", "1\n");
        assert_eq!((ran.code, ran.stdout.as_str()), (REFUSED, ""), "{source}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{source}: {}", ran.stderr);
        assert!(!ran.stderr.contains("check.ts") && !ran.stderr.contains("/tmp"), "{}", ran.stderr);
    }
}

#[test]
fn errors_of_types_with_settings_of_the_user_name_files_of_the_user() {
    if !is_here("esbuild") || !is_here("tsc") {
        return;
    }
    let node = "export const run = (row: unknown): unknown => process.env;\n";
    let strict = ("tsconfig.json", "{ \"compilerOptions\": { \"strict\": true, \"target\": \"es2022\" } }");
    let ran = desk(&[("app.ts", node), strict]).run_with(&mut wpool_with_tools(), "app.ts", "1\n");
    assert!(ran.stderr.contains("name 'process'. Tasks have no Node") && !ran.stderr.contains("npm"), "{}", ran.stderr);
    // tsc 7 has no such setting, and earlier ones take it.
    let base = ("tsconfig.json", "{ \"compilerOptions\": { \"baseUrl\": \".\" } }");
    let script = ("app.ts", "export const run = () => 1;\n");
    let ran = desk(&[script, base]).run_with(&mut wpool_with_tools(), "app.ts", "1\n");
    assert!(ran.code == 0 || ran.stderr.contains("tsconfig.json: error TS5102"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("wpool-types"), "{}", ran.stderr);
}

#[test]
fn types_that_fit_are_let_through() {
    if !is_here("esbuild") || !is_here("tsc") {
        return;
    }
    let sources = [
        "interface Out { a: string; b?: number; c: Out[] }\nexport async function run(row: { x: string }): Promise<Out> { return { a: row.x, c: [] }; }",
        "export function run(row: any) { return row; }",
        "export const run = (row: unknown): unknown => JSON.parse(JSON.stringify(row));",
        "export default (row: unknown) => (console.log(structuredClone(row)), new TextEncoder().encode('x'));",
        "export const run = (row: { x: string }) => { const url = new URL('/?a=1', 'http://h'); url.searchParams.set('x', row.x); return { url, all: [...url.searchParams] }; };",
        "export function run() { return [new Date(0), { n: Math.random() > 2 ? 1 : null }] as const; }",
    ];
    for source in sources {
        let ran = desk(&[("app.ts", source)]).run_with(&mut wpool_with_tools(), "app.ts", "{\"x\":\"y\"}\n");
        assert_eq!(ran.each("status"), ["ok"], "{source}: {}", ran.stderr);
    }
}

#[test]
fn errors_of_the_bundler_have_line_and_caret_and_nothing_outside_is_read() {
    if !is_here("esbuild") {
        return;
    }
    let syntax = desk(&[("app.ts", "export function run(row: number) {\n  const x = ;\n}\n")]);
    let ran = syntax.run_with(&mut wpool_with_tools(), "app.ts", "1\n");
    assert_eq!(ran.code, REFUSED, "{}", ran.stderr);
    assert!(ran.stderr.contains("app.ts:2:12") && ran.stderr.contains("const x = ;"), "{}", ran.stderr);
    let node = desk(&[("app.js", "import fs from 'node:fs';\nexport const run = fs.readFileSync;\n")]);
    let ran = node.run_with(&mut wpool_with_tools(), "app.js", "1\n");
    assert!(ran.stderr.contains("tasks have no Node") && !ran.stderr.contains("--platform"), "{}", ran.stderr);
    let package = desk(&[("app.js", "import pad from 'left-pad';\nexport const run = pad;\n")]);
    let ran = package.run_with(&mut wpool_with_tools(), "app.js", "1\n");
    assert!(ran.stderr.contains("npm install") && !ran.stderr.contains("external"), "{}", ran.stderr);
    let outside = desk(&[
        ("in/app.js", "import secret from '../secret.json';\nexport const run = () => secret;\n"),
        ("secret.json", "{\"a\":1}"),
    ]);
    let ran = outside.run_with(&mut wpool_with_tools(), "in/app.js", "1\n");
    assert!(ran.stderr.contains("secret.json is not code and lies outside of"), "{}{}", ran.stdout, ran.stderr);
}
