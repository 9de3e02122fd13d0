//! Tables for typed functions: the types of the function say what a text is.

use serde_json::json;

use super::*;

#[test]
fn the_types_of_a_function_read_the_texts_of_a_table() {
    let desk = Desk::new();
    let table = "id,name,price,tags,active\n004,004,1.50,\"[\"\"a\"\",\"\"b\"\"]\",true\n";
    desk.write("orders.csv", table);
    let ran = desk.ends("run %typed --call echo.order orders.csv -q", OK);
    let order = json!({"id": 4, "name": "004", "price": 1.5, "tags": ["a", "b"], "active": true});
    assert_eq!(ran.each("output"), [order]);
    // The same as lines of JSON are texts where the function takes numbers.
    desk.write("orders.jsonl", "{\"id\":\"x\",\"name\":\"004\",\"price\":\"1.5\",\"tags\":[],\"active\":true}\n");
    desk.ends("run %typed --call echo.order orders.jsonl -q", NOT_OK);
    desk.ends("check %typed --call echo.order orders.csv", OK);
}

#[test]
fn nothing_is_the_none_of_an_option_and_json_is_a_value_of_parts() {
    let desk = Desk::new();
    let cell = |x: u8, y: u8| format!("\"{{\"\"x\"\":{x},\"\"y\"\":{y}}}\"");
    desk.write("points.csv", format!("a,b,t\n{0},{1},\n{0},{1},00.25\n", cell(0, 0), cell(2, 4)));
    let ran = desk.ends("run %typed --call shapes.between points.csv -q", OK);
    assert_eq!(ran.each("output"), [json!({"x": 1.0, "y": 2.0}), json!({"x": 0.5, "y": 1.0})]);
}

#[test]
fn a_text_that_does_not_fit_is_told_with_its_column() {
    let desk = Desk::new();
    desk.write("n.csv", "n\n4.5\n\n99999999999\n-1\n\"\"\n12\n");
    let ran = desk.ends("run %component-two --call double n.csv -q", NOT_OK);
    assert_eq!(ran.each("status"), ["invalid-input", "invalid-input", "invalid-input", "invalid-input", "ok"]);
    let first = ran.records()[0]["error"]["message"].as_str().expect("a message").to_owned();
    assert_eq!(first, "n.csv:2: at /n: expected u32, found \"4.5\"");
    assert_eq!(ran.records()[4]["output"], 24);
    let checked = desk.ends("check %component-two --call double n.csv", BAD_INPUT);
    assert_eq!(checked.stdout.lines().count(), 4, "the host sees what the worker sees: {}", checked.stdout);
}

#[test]
fn a_failure_of_the_function_keeps_its_line_as_it_was() {
    let desk = Desk::new();
    let bad = "\"{\"\"circle\"\":-1}\"";
    desk.write("shapes.csv", format!("shape\nempty\n{bad}\n"));
    desk.ends("run %typed --call shapes.area shapes.csv -q --failed failed.csv", NOT_OK);
    assert_eq!(desk.read("failed.csv"), format!("shape\n{bad}\n"));
}
