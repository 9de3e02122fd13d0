//! Records are whole: nothing that a program says is lost on the way, and wpool reads what it writes.

use serde_json::{Value, json};

use crate::cli::{NOT_OK, OK, folder, write};
use crate::support::*;

#[test]
fn exit_codes_of_preview_1_are_kept_whole() {
    let rows = "0\n125\n126\n137\n255\n256\n4294967295\n";
    let ran = run(&mut wpool_run(&wat("exit-code"), "--success-codes 0,255"), rows);
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    let codes: Vec<Value> = ran.records().iter().map(|record| record["error"]["exit_code"].clone()).collect();
    assert_eq!(codes, [Value::Null, 125.into(), 126.into(), 137.into(), Value::Null, 256.into(), (-1).into()]);
    let ran = run(
        &mut wpool_run(&wat("exit-code"), "--retries 2 --retry-on exit=255 --retry-delay 1ms --receipts"),
        "255\n126\n",
    );
    let attempts: Vec<_> = ran.records().iter().map(|record| record["receipt"]["attempts"].clone()).collect();
    assert_eq!(attempts, [3, 1], "{}", ran.stdout);
}
