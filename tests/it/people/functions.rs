//! What `inspect` and `schema` say of a component with several functions.

use super::*;

#[test]
fn all_functions_are_described_where_one_has_to_be_chosen() {
    let desk = Desk::new();
    let ran = desk.wpool("inspect component-two.wat");
    assert_eq!((ran.code, ran.stderr.as_str()), (OK, ""));
    for needle in ["--call", "double: func(n: u32) -> u32", "halve: func(n: u32) -> u32", "\n            double\n"] {
        assert!(ran.stdout.contains(needle), "no {needle:?} in {}", ran.stdout);
    }
    let ran = desk.wpool("inspect component-two.wat --json");
    let [report] = &ran.records()[..] else { panic!("{}", ran.stdout) };
    assert_eq!(report["call"], json!(["double", "halve"]));
    assert!(report["why"].as_str().is_some_and(|why| why.contains("--call")), "{report}");
    assert_eq!(report["functions"].as_array().map(Vec::len), Some(2));
    let ran = desk.wpool("schema component-two.wat");
    assert_eq!((ran.code, ran.stderr.as_str()), (OK, ""));
    let schema: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    for call in ["double", "halve"] {
        let one = desk.wpool(&format!("schema component-two.wat --call {call}"));
        assert_eq!(schema["functions"][call], serde_json::from_str::<Value>(&one.stdout).expect("JSON"), "{call}");
    }
}

#[test]
fn each_choice_can_be_made_as_it_is_named() {
    let path = guest("typed");
    let inspect = |args: &[&str]| run(wpool().arg("inspect").arg(&path).args(args), "");
    let ran = inspect(&["--json"]);
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    let [report] = &ran.records()[..] else { panic!("{}", ran.stdout) };
    let choices: Vec<&str> = match report["call"].as_array() {
        Some(choices) => choices.iter().map(|choice| choice.as_str().expect("a name")).collect(),
        // It is called without a choice.
        None => Vec::new(),
    };
    for choice in choices {
        assert_eq!(inspect(&["--call", choice]).code, OK, "{choice}");
    }
    // What cannot be run has nothing to choose from.
    assert_eq!(run(wpool().arg("inspect").arg(wat("no-convention")), "").code, REFUSED);
    assert_eq!(run(wpool().arg("schema").arg(wat("component-two")).args(["--call", "third"]), "").code, REFUSED);
}
