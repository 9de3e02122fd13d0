//! `URL` and `URLSearchParams` in scripts: the values are those of Node 20, as javascript_url.json has them.

use serde_json::{Value, json};

use crate::javascript::Desk;

const TABLE: &str = include_str!("javascript_url.json");

/// A row is a URL and its base, or a URL and what is assigned to a part of it, or code.
const APP: &str = r#"
const PARTS = ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"];
export function run(row) {
  if (row.code) return new Function(row.code)();
  try {
    const url = new URL(row.url, row.base);
    if (!row.name) return PARTS.map((name) => url[name]);
    url[row.name] = row.value;
    return url.href;
  } catch (error) {
    return error instanceof TypeError && error.code === "ERR_INVALID_URL" ? null : String(error);
  }
}
"#;

/// Compares the outputs for one list of the table with the member of each row that has the value.
fn compare(list: &str, member: &str, least: usize) {
    let table: Value = serde_json::from_str(TABLE).expect("the table is JSON");
    let rows = table[list].as_array().expect("a list");
    assert!(rows.len() >= least, "{list} has {} rows", rows.len());
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let ran = Desk::new(&[("app.js", APP)]).run("app.js", &lines);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let outputs = ran.each("output");
    assert_eq!(outputs.len(), rows.len());
    for (row, output) in rows.iter().zip(outputs) {
        assert_eq!(output, row[member], "{row}");
    }
}

#[test]
fn the_parts_of_urls_are_those_of_node() {
    compare("urls", "parts", 150);
}

#[test]
fn a_part_that_is_assigned_changes_a_url_as_in_node() {
    compare("assigned", "href", 190);
}

#[test]
fn queries_and_the_errors_of_urls_are_those_of_node() {
    compare("code", "value", 40);
}

#[test]
fn urls_are_shown_returned_and_refused_as_what_they_are() {
    let source = r#"
const url = new URL("https://u@h/p?a=1#f");
export function run(row) {
  if (row === 0) return console.log(url, [url.searchParams]), { url };
  if (row === 1) return [url, url.searchParams].map((it) => { try { structuredClone(it) } catch (error) { return error.name } });
  return url.searchParams;
}
"#;
    let ran = Desk::new(&[("app.js", source)]).run("app.js --receipts", "0\n1\n2\n");
    let outputs = ran.each("output");
    assert_eq!(outputs[0], json!({"url": "https://u@h/p?a=1#f"}), "{}", ran.stdout);
    assert_eq!(outputs[1], json!(["DataCloneError", "DataCloneError"]));
    let shown = [
        "URL {",
        "  href: \"https://u@h/p?a=1#f\",",
        "  origin: \"https://h\",",
        "  protocol: \"https:\",",
        "  username: \"u\",",
        "  password: \"\",",
        "  host: \"h\",",
        "  hostname: \"h\",",
        "  port: \"\",",
        "  pathname: \"/p\",",
        "  search: \"?a=1\",",
        "  searchParams: URLSearchParams { \"a\" => \"1\" },",
        "  hash: \"#f\"",
        "} [URLSearchParams { \"a\" => \"1\" }]",
    ];
    let printed = ran.each("receipt")[0]["stderr"].as_str().expect("a text").to_owned();
    assert_eq!(printed.lines().collect::<Vec<_>>(), shown);
    let error = &ran.each("error")[2];
    assert_eq!(error["code"], "result-type");
    assert!(
        error["message"].as_str().is_some_and(|text| text.starts_with("run returned a URLSearchParams; ")),
        "{error}"
    );
}
