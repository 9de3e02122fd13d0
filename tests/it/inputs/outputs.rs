//! Records as tables.

use super::*;

#[test]
fn records_are_a_table_with_a_header() {
    let desk = Desk::new();
    let rows = "\"a,\\\"b\\\"\"\n-7\n\"=1+1\"\nnull\n{\"x\":[1,2]}\nbad\n";
    let expected = "id,status,output,error.code,error.message\n\
                    0,ok,\"a,\"\"b\"\"\",,\n\
                    1,ok,-7,,\n\
                    2,ok,'=1+1,,\n\
                    3,ok,,,\n\
                    4,ok,\"{\"\"x\"\":[1,2]}\",,\n\
                    5,invalid-input,,json,";
    let ran = desk.fed("run %echo -q --output-format csv", rows);
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    assert!(ran.stdout.starts_with(expected), "{}", ran.stdout);
    let ran = desk.fed("run %echo -q --output-format tsv", rows);
    assert!(ran.stdout.starts_with("id\tstatus\toutput\terror.code\terror.message\n0\tok\t\"a,\"\"b\"\"\"\t\t\n"));
    assert_eq!(desk.fed("run %echo -q --output-format csv", "").stdout.lines().count(), 1, "a table without rows");
}

#[test]
fn a_table_goes_to_a_file_without_a_journal() {
    let desk = Desk::new();
    desk.write("t.csv", "id,n\n007,1\n008,2\n");
    desk.ends("run %echo t.csv -q --output-format csv --key .id -o out.csv", OK);
    let table = "id,key,status,output,error.code,error.message\n\
                 0,007,ok,\"{\"\"id\"\":\"\"007\"\",\"\"n\"\":\"\"1\"\"}\",,\n";
    assert!(desk.read("out.csv").starts_with(table), "{}", desk.read("out.csv"));
    assert!(!desk.path("out.csv.wpool").exists());
    for option in ["--resume", "--shard 1/2", "--durable"] {
        let ran = desk.run(&format!("run %echo t.csv --output-format csv -o other {option}"));
        assert_refused(&ran, USAGE, &["needs records as lines of JSON"], option);
    }
    assert_refused(&desk.run("run %echo t.csv --output-format csv --values"), USAGE, &["choose one"], "values");
}

#[test]
fn shards_are_merged_into_a_table() {
    let desk = Desk::new();
    desk.write("rows", numbers(50) + "bad\n");
    let one = desk.ends("run %echo rows -q --with-input --output-format csv", NOT_OK).stdout;
    for number in 1..=3 {
        desk.run(&format!("run %echo rows -q --with-input --shard {number}/3 -o part.{number}"));
    }
    desk.ends("merge -q -o all.csv --output-format csv part.1 part.2 part.3", NOT_OK);
    assert_eq!(desk.read("all.csv"), one);
    assert!(!desk.path("all.csv.wpool").exists());
    desk.ends("merge -q -o all.csv --output-format csv part.1 part.2 part.3", NOT_OK);
    desk.ends("merge -q -o all.csv part.1 part.2 part.3", USAGE);
}
