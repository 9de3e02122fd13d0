//! CSV and TSV.

use serde_json::{Value, json};

use super::*;

/// The rows of a table, as the program gets them.
fn rows(args: &str, table: impl AsRef<[u8]>) -> Vec<Value> {
    let ran = Desk::new().fed(&format!("run %echo -q {args}"), table);
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    ran.each("output")
}

#[test]
fn a_record_is_an_object_of_strings_and_nothing_is_guessed() {
    let table = "id,name,note\r\n004,\"a,\"\"b\"\"\",true\r\n1e5,,\"two\nlines\"\r\n\r\n\u{e9},null, x \r\n";
    let expected = [
        json!({"id": "004", "name": "a,\"b\"", "note": "true"}),
        json!({"id": "1e5", "name": "", "note": "two\nlines"}),
        json!({"id": "\u{e9}", "name": "null", "note": " x "}),
    ];
    assert_eq!(rows("--csv", table), expected);
    assert_eq!(
        rows("--csv", format!("\u{feff}{}", table.trim_end_matches("\r\n"))),
        expected,
        "a mark, and no end of the last line"
    );
    assert_eq!(rows("--tsv", "a\tb\n1,2\t\"x\ty\"\n"), [json!({"a": "1,2", "b": "x\ty"})]);
    assert_eq!(rows("--csv --header a,b", "1,2\n"), [json!({"a": "1", "b": "2"})]);
    assert_eq!(rows("--input-format csv", "a\n5\" pipe\n\"\"\n"), [json!({"a": "5\" pipe"}), json!({"a": ""})]);
}

#[test]
fn the_name_of_a_file_tells_its_format_and_an_option_decides() {
    let desk = Desk::new();
    desk.write("t.csv", "a\n1\n");
    desk.write("t.tsv", "a\tb\n1\t2\n");
    desk.write("T.CSV.gz", gzip("a\n1\n"));
    desk.write("t.csv.zst", zstd("a\n1\n"));
    for (file, first) in
        [("t.csv", "{\"a\":\"1\"}"), ("t.tsv", "{\"a\":\"1\",\"b\":\"2\"}"), ("T.CSV.gz", "{\"a\":\"1\"}")]
    {
        assert_eq!(desk.ends(&format!("run %echo {file} --values"), OK).stdout.trim(), first, "{file}");
    }
    assert_eq!(desk.ends("run %echo t.csv T.CSV.gz t.csv.zst --values", OK).stdout.lines().count(), 3);
    assert_eq!(desk.ends("run %echo t.csv --lines", OK).each("output"), [json!("a"), json!(1)]);
    assert_eq!(desk.ends("run %echo t.csv --input-format json -q", NOT_OK).each("status"), ["invalid-input", "ok"]);
    let ran = desk.run("run %echo t.csv t.tsv");
    assert_refused(&ran, USAGE, &["different formats by their names"], "two formats");
    assert_refused(&desk.run("run %echo --files t.csv --csv"), USAGE, &["formats are for files of rows"], "files");
    assert_refused(&desk.run("run %echo --lines --csv"), USAGE, &["cannot be used with"], "two options");
    assert_refused(&desk.run("run %echo t.csv --header a,a"), USAGE, &["have to differ"], "a name twice");
    assert_refused(&desk.run("run %echo --header a -"), USAGE, &["--csv or --tsv"], "no table");
}

#[test]
fn a_record_that_is_wrong_is_told_with_line_and_column_and_others_run() {
    let table = b"a,b\n1,2\n1\n1,2,3\n\"x\"y,2\n\"two\nlines\",\n\"two\nlines\",\xff\n3,4\n5,\"never\n6,7\n";
    let desk = Desk::new();
    desk.write("t.csv", table);
    let ran = desk.ends("run %echo t.csv -q", NOT_OK);
    let told: Vec<_> = ran.records().iter().map(|record| record["error"]["message"].clone()).collect();
    let expected = [
        Value::Null,
        json!("t.csv:3: line 3, column 2: the record ends after 1 field, and the header has 2"),
        json!("t.csv:4: line 4, column 5: a record of 3 fields, and the header has 2"),
        json!("t.csv:5: line 5, column 4: there is text behind the closing quote of a field"),
        Value::Null,
        json!("t.csv:8: line 9, column 8: the text is not UTF-8 from here"),
        Value::Null,
        json!("t.csv:11: line 11, column 3: the quote that begins here is never closed"),
    ];
    assert_eq!(told, expected);
    assert_eq!(ran.records()[1]["error"]["code"], "csv");
    let checked = desk.ends("check %echo t.csv", BAD_INPUT);
    assert_eq!(checked.stdout.lines().count(), 5, "{}", checked.stdout);
}

#[test]
fn a_header_that_is_wrong_is_refused() {
    let desk = Desk::new();
    for (table, why) in [
        (&b"a,b,a\n1,2,3\n"[..], "the name \"a\" stands there twice"),
        (b"a,,b\n1,2,3\n", "the name of column 2 is empty"),
        (b"\"a\n1,2,3\n", "never closed"),
        (b"\xfc,b\n1,2\n", "not UTF-8"),
        (b"\xff\xfea\0,\0b\0\n\0", "not UTF-8"),
        (b"a\0,\0b\0\n\0", "UTF-8"),
        (b"a,b\r1,2\r", "carriage return"),
    ] {
        let ran = desk.fed("run %echo --csv", table);
        assert_refused(&ran, BAD_INPUT, &["the header of the table: line 1, column", why], why);
    }
    desk.write("a.csv", "a\n1\n");
    desk.write("b.csv", "b\n1\n");
    let ran = desk.ends("run %echo a.csv b.csv -q", BAD_INPUT);
    assert!(ran.stderr.contains("b.csv") && ran.stderr.contains("another than that of the first"), "{}", ran.stderr);
    assert_eq!(desk.fed("run %echo --csv -q", "").code, crate::cli::NO_INPUTS);
    assert_eq!(desk.fed("run %echo --csv -q", "a,b\n").code, crate::cli::NO_INPUTS, "a header is not a row");
}

#[test]
fn a_quote_that_never_ends_is_one_row_and_no_memory() {
    let desk = Desk::new();
    let mut table = b"a,b\n1,2\n3,\"".to_vec();
    table.extend(std::iter::repeat_n(&b"long line, and \"\" more\n"[..], 4 << 20).flatten());
    let ran = desk.fed("run %echo --csv -q", &table);
    assert_eq!(ran.each("status"), ["ok", "invalid-input"], "{}", ran.stderr);
    assert_eq!(ran.records()[1]["error"]["code"], "line-too-long");
    // Once it is closed, rows follow.
    table.extend_from_slice(b"\"\n5,6\n");
    let ran = desk.fed("run %echo --csv -q", &table);
    assert_eq!(ran.each("status"), ["ok", "invalid-input", "ok"], "{}", ran.stderr);
}

#[test]
fn columns_are_arguments_of_commands() {
    let desk = Desk::new();
    desk.write("t.csv", "name,scale\na b,007\n");
    let ran = desk.ends("run %args t.csv -q -- --scale={.scale} {.name}", OK);
    assert!(ran.stdout.contains("--scale=007\\na b"), "{}", ran.stdout);
}

#[test]
fn failed_rows_are_the_lines_they_were_below_their_header() {
    let desk = Desk::new();
    let header = "\"n\",note\r\n";
    let bad = ["\"x\",\"a \"\"b\"\"\"\r\n", "1,\"two\nlines\",3\n", "-1,\r\n"];
    desk.write("t.csv", format!("{header}1,\n{}7,\n{}{}", bad[0], bad[1], bad[2]));
    let args = "run %component-two --call double -q --failed failed.csv";
    // The function takes no note, so all rows fail: the table has one column too many.
    desk.ends(&format!("{args} t.csv"), NOT_OK);
    assert_eq!(desk.read("failed.csv"), desk.read("t.csv"));
    desk.write("n.csv", "n\n1\nx\n\"7\"\n\"-1\"\n");
    desk.ends(&format!("{args} n.csv"), NOT_OK);
    assert_eq!(desk.read("failed.csv"), "n\nx\n\"-1\"\n");
    desk.ends("run %component-two --call double failed.csv -q", NOT_OK);
    desk.write("n.csv", "n\n1\n");
    desk.ends(&format!("{args} n.csv"), OK);
    assert_eq!(desk.read("failed.csv"), "", "nothing to run again");
    desk.write("bare", "1\nx\n");
    desk.ends(&format!("{args} --csv --header n bare"), NOT_OK);
    assert_eq!(desk.read("failed.csv"), "x\n", "a table without a header stays one");
}

#[test]
fn shards_of_a_table_are_merged_with_their_failed_rows() {
    let desk = Desk::new();
    let rows: String = (0..200).map(|n| if n % 3 == 0 { format!("\"x\n{n}\"\n") } else { format!("{n}\n") }).collect();
    desk.write("t.csv", format!("n\n{rows}"));
    let args = "run %component-two --call double t.csv -q";
    let one = desk.ends(&format!("{args} --failed one.csv"), NOT_OK).stdout;
    for by in ["slice", "block", "hash"] {
        for number in 1..=3 {
            let of = format!("--shard {number}/3 --shard-by {by} -o {by}.{number} --failed {by}.failed.{number}");
            let ran = desk.run(&format!("{args} {of}"));
            assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
        }
        desk.ends(&format!("merge -q -o {by}.all --failed {by}.csv {by}.1 {by}.2 {by}.3"), NOT_OK);
        assert_eq!(desk.read(&format!("{by}.all")), one);
        assert_eq!(desk.read(&format!("{by}.csv")), desk.read("one.csv"), "{by}");
    }
}

#[test]
fn a_table_is_read_as_python_reads_and_writes_it() {
    let write = "import csv,sys,random\nrandom.seed(7)\nout=csv.writer(sys.stdout,lineterminator='\\r\\n')\nout.writerow(['a','b','c'])\n\
                 for n in range(300): out.writerow([''.join(random.choice('ab\"\\n,\\r \\u00e9') for _ in range(random.randrange(5))) \
                 for _ in range(3)])\n";
    let read = "import csv,sys,json\nsys.stdin.reconfigure(newline='')\nfor row in csv.DictReader(sys.stdin): print(json.dumps(row))\n";
    let python = |program: &str, input: &str| {
        let mut command = Command::new("python3");
        run(command.args(["-c", program]).env("PYTHONIOENCODING", "utf-8"), input)
    };
    let table = python(write, "");
    if table.code != OK {
        println!("left out: there is no python3 here");
        return;
    }
    let theirs: Vec<Value> = python(read, &table.stdout).records();
    assert_eq!(theirs.len(), 300);
    assert_eq!(rows("--csv", &table.stdout), theirs);
}
