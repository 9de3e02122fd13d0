//! Resume, rerun and replay with formats, and with records that tell places.

use super::*;

#[test]
fn a_table_is_resumed_by_the_content_of_its_rows() {
    let desk = Desk::new();
    let table = |from: u64, to: u64| (from..to).fold("n\n".to_owned(), |table, n| format!("{table}{n}\n"));
    desk.write("t.csv", table(0, 300));
    desk.ends("run %echo t.csv -q -o out", OK);
    // Another quoting, another compression, other rows around.
    let quoted = table(0, 300).replace("\n7\n", "\r\n\"7\"\r\n");
    desk.write("t.csv", gzip(quoted + "300\n"));
    let ran = desk.ends("run %echo t.csv -o out --resume", OK);
    assert!(ran.stderr.contains("300 rows kept from before"), "{}", ran.stderr);
    assert_eq!(desk.read("out"), desk.ends("run %echo t.csv -q", OK).stdout);
    // As lines the file has other rows.
    let ran = desk.run("run %echo t.csv -o out --resume --input-format json");
    assert_refused(&ran, USAGE, &["rows was csv and is json"], "another format");
    desk.write("t.csv", "1,2\n");
    desk.ends("run %echo t.csv --header a,b -q -o named", OK);
    let ran = desk.run("run %echo t.csv --header a,c -q -o named --resume");
    assert_refused(&ran, USAGE, &["--header"], "other names");
}

#[test]
fn rows_of_a_table_are_rerun_and_replayed() {
    let desk = Desk::new();
    desk.write("n.csv", "n\n1\nx\n3\n");
    desk.ends("run %component-two --call double n.csv -q -o out", NOT_OK);
    let ran = desk.ends("replay out 1", NOT_OK);
    assert!(ran.stdout.contains("n.csv:3") && ran.stdout.contains("the same as recorded"), "{}", ran.stdout);
    desk.write("mended.csv", "n\n1\n2\n3\n");
    desk.ends("rerun out mended.csv --failed -q", OK);
    assert!(desk.read("out").contains("{\"id\":1,\"status\":\"ok\",\"output\":4}"));
}

#[test]
fn records_that_stay_get_the_places_of_their_rows() {
    let desk = Desk::new();
    let args = "run %echo a b -q --with-input";
    desk.write("a", numbers(20));
    desk.write("b", "\"x\"\n\"y\"\n");
    desk.ends(&format!("{args} -o out"), OK);
    // The rows are the same, and stand in other lines.
    desk.write("a", format!("\n\n{}", numbers(20)));
    let ran = desk.ends("run %echo a b --with-input -o out --resume", OK);
    assert!(ran.stderr.contains("22 rows kept from before"), "{}", ran.stderr);
    assert_eq!(desk.read("out"), desk.ends(args, OK).stdout);
    // One is gone, and one comes from the other file.
    desk.write("a", format!("\"x\"\n{}", numbers(19)));
    desk.write("b", "\"y\"\n");
    desk.ends(&format!("{args} -o out --resume"), OK);
    assert_eq!(desk.read("out"), desk.ends(args, OK).stdout);
    let ran = desk.run("run %echo a b -q --with-input --values -o v --resume");
    assert_refused(&ran, USAGE, &["--values and several inputs"], "values");
}

#[test]
fn merged_records_say_where_their_runs_are() {
    let desk = Desk::new();
    desk.write("rows", numbers(9));
    for by in ["slice", "hash"] {
        for number in 1..=3 {
            desk.ends(&format!("run %echo rows -q --shard {number}/3 --shard-by {by} -o {by}.{{shard}}"), OK);
        }
        desk.ends(&format!("merge -q -o {by} {by}.{{shard}}"), OK);
    }
    let ran = desk.run("rerun slice --failed");
    let all = "wpool rerun slice.1 --failed, wpool rerun slice.2 --failed, wpool rerun slice.3 --failed";
    assert_refused(&ran, USAGE, &["was merged from shards", "merge again", all], "rerun");
    let ran = desk.run("replay slice 4");
    assert_refused(
        &ran,
        USAGE,
        &["was merged from shards", "in the file of its shard: wpool replay slice.2 4"],
        "replay",
    );
    assert!(!ran.stderr.contains("slice.1"), "{}", ran.stderr);
    desk.ends("replay slice.2 4", OK);
    let ran = desk.run("replay hash 4");
    assert_refused(&ran, USAGE, &["wpool replay hash.1 4, wpool replay hash.2 4"], "a shard by content is not known");
}
