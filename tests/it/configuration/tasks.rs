//! Tasks by name: `wpool run @NAME`.

use serde_json::json;

use super::{Place, USAGE, assert_refused, value};
use crate::support::run;

#[test]
fn a_task_has_a_program_with_its_inputs_and_arguments() {
    let place = Place::with(
        "[run]\nvalues = true\n[task.t]\nprogram = \"echo.wat\"\ninputs = [\"rows\"]\n[task.words]\nprogram = \"args.wat\"\n\
         args = [\"a\", \"-b\"]\nonce = true\n",
    );
    assert_eq!(place.wpool("run @t").stdout, "1\n2\n");
    place.write("project/others", "7\n");
    assert_eq!(place.wpool("run @t others").stdout, "7\n", "what is typed replaces them");
    assert_eq!(run(&mut place.command("project", "run @t -"), "8\n").stdout, "8\n");
    let words = place.wpool("run @words").stdout;
    assert!(words.contains("a") && words.contains("-b"), "{words}");
    let words = place.wpool("run @words -- -c").stdout;
    assert!(words.contains("-c") && !words.contains("-b"), "{words}");
}

#[test]
fn inputs_of_a_task_over_files_are_patterns() {
    let place =
        Place::with("[run]\nvalues = true\nlines = false\n[task.t]\nprogram = \"cat.wat\"\nfiles = \"inner/*.a\"\n");
    for (name, text) in [("1.a", "one"), ("2.a", "two"), ("3.b", "three"), ("4.b", "four")] {
        place.write(&format!("project/inner/{name}"), text);
    }
    assert_eq!(place.wpool("run @t").stdout, "\"one\"\n\"two\"\n");
    assert_eq!(place.wpool("run @t inner/*.b").stdout, "\"three\"\n\"four\"\n");
    assert_eq!(place.wpool("run @t inner/4.b inner/1.a").stdout, "\"one\"\n\"four\"\n", "as a shell would write them");
    assert_eq!(place.wpool("run @t --files inner/3.b").stdout, "\"three\"\n");
    place.write("project/wpool.toml", "[task.t]\nprogram = \"cat.wat\"\nfiles = []\n");
    assert_refused(
        &place.wpool("run @t"),
        USAGE,
        &["@t needs files (wpool.toml:3 [task.t])", "wpool run @t 'FOLDER/*'"],
    );
    assert_eq!(place.wpool("run @t --values inner/1.a").stdout, "\"one\"\n");
}

#[test]
fn a_task_has_a_profile_and_another_may_be_typed() {
    let place = Place::with(
        "[profile.fast]\nretries = 1\n[profile.ci]\nretries = 2\n[task.t]\nprogram = \"echo.wat\"\nprofile = \"fast\"\n",
    );
    assert_eq!(value(&place.show("-- @t"), "retries"), (json!("1"), "profile.fast".to_owned()));
    assert_eq!(value(&place.show("-- run @t --profile ci"), "retries"), (json!("2"), "profile.ci".to_owned()));
    assert_eq!(value(&place.show("--profile default -- @t"), "retries"), (json!("0"), "built-in".to_owned()));
    let shown = place.show("-- @t rows");
    assert_eq!([&shown["task"], &shown["profile"]], ["t", "fast"]);
    assert_eq!(value(&shown, "inputs"), (json!(["rows"]), "command line".to_owned()));
    assert_eq!(value(&shown, "program"), (json!("echo.wat"), "task.t".to_owned()));
}

#[test]
fn the_user_has_tasks_and_profiles_of_their_own() {
    let place = Place::with("[task.own]\nprogram = \"echo.wat\"\n[profile.ci]\nretries = 2\n");
    place.write("config/wpool/mine.wat", place.read("project/echo.wat"));
    place.write_users(
        "[task.mine]\nprogram = \"mine.wat\"\nprofile = \"slow\"\n[profile.slow]\ninherits = \"ci\"\nvalues = true\n\
         [profile.ci]\nretries = 7\n",
    );
    assert_eq!(place.wpool("run @mine rows").stdout, "1\n2\n");
    assert_eq!(value(&place.show("-- @mine"), "retries").0, "7", "a profile inherits from those of its own file");
    assert_eq!(value(&place.show("--profile ci -- @own"), "retries").0, "2");
    let shown = place.show("--profile slow -- @own");
    assert_eq!(value(&shown, "values"), (json!(true), "profile.slow".to_owned()));
}

#[test]
fn a_task_that_does_not_exist_is_named_with_those_that_are_near() {
    let place = Place::with("[task.thumbnail]\nprogram = \"echo.wat\"\n");
    let needles = ["@thumbnial: there is no [task.thumbnail]".replace("[task.thumbnail]", "[task.thumbnial]")];
    assert_refused(
        &place.wpool("run @thumbnial rows"),
        USAGE,
        &[&needles[0], "did you mean thumbnail?", "./@thumbnial"],
    );
    assert_refused(&place.wpool("run @thumbnail rows --no-config"), USAGE, &["--no-config reads none"]);
    // A file of such a name is a program, as ever.
    place.write("project/@file", place.read("project/echo.wat"));
    assert_eq!(place.wpool("run @file rows --values").stdout, "1\n2\n");
    assert_eq!(place.wpool("run ./@file rows --values").stdout, "1\n2\n");
    let place = Place::new();
    assert_refused(&place.wpool("run @thumbnail rows"), USAGE, &["none was found"]);
}
