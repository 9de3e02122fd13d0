//! One JSON array, whose elements are rows.

use serde_json::json;

use super::*;

#[test]
fn the_elements_of_an_array_are_rows() {
    let desk = Desk::new();
    let array = "[\n  {\"a\": 1,\n   \"b\": [1.50, null]},\n  \"x, ]\",\n  22222222222222222222222\n]\n";
    let expected = "{\"a\":1,\"b\":[1.50,null]}\n\"x, ]\"\n22222222222222222222222\n";
    desk.write("rows.json", array);
    desk.write("rows.json.gz", gzip(array));
    for file in ["rows.json", "rows.json.gz"] {
        assert_eq!(desk.ends(&format!("run %echo --json-array {file} --values"), OK).stdout, expected);
    }
    assert_eq!(desk.fed("run %echo --input-format json-array --values", array).stdout, expected);
    let large: Vec<_> = (0..100_000).map(|n| json!({ "n": n })).collect();
    let ran = desk.fed("run %echo --json-array -q", serde_json::to_vec_pretty(&large).expect("JSON"));
    assert!(ran.each("output") == large, "{}", ran.stderr);
}

#[test]
fn an_element_that_is_wrong_is_told_with_its_place_and_others_run() {
    let desk = Desk::new();
    desk.write("a.json", "[1, {\"a\": tru}, [1}, 4]");
    let ran = desk.ends("run %echo --json-array a.json -q", NOT_OK);
    assert_eq!(ran.each("status"), ["ok", "invalid-input", "invalid-input", "ok"]);
    let told = ran.records()[1]["error"]["message"].as_str().expect("a message").to_owned();
    assert!(told.starts_with("a.json[1]: not JSON: "), "{told}");
    let checked = desk.ends("check %echo --json-array a.json", BAD_INPUT);
    assert_eq!(checked.stdout.lines().count(), 2, "{}", checked.stdout);
}

#[test]
fn what_is_not_an_array_ends_the_run_and_elements_before_it_are_kept() {
    let desk = Desk::new();
    for (text, rows, why) in [
        ("{\"a\":1}\n", 0, "does not begin with ["),
        ("", 0, "it holds no JSON array"),
        ("[1,2", 1, "cut off in element 1"),
        ("[1,2]\n[3]\n", 2, "more behind the end"),
        ("[1,,2]", 1, "an element is missing"),
    ] {
        let ran = desk.fed("run %echo --json-array -q", text);
        assert_eq!((ran.code, ran.records().len()), (BAD_INPUT, rows), "{text}: {}", ran.stderr);
        assert!(ran.stderr.contains(why), "{text}: {}", ran.stderr);
    }
}

#[test]
fn elements_that_failed_are_lines_of_json() {
    let desk = Desk::new();
    desk.write("a.json", "[1,\n {\"n\" :\n 2},\n \"x\"]");
    desk.ends("run %component-two --call double --json-array a.json -q --failed failed.jsonl", NOT_OK);
    assert_eq!(desk.read("failed.jsonl"), "\"x\"\n");
}
