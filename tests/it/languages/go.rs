//! Go: a library whose runtime starts once, before all rows.

use super::*;

/// The template's glue around a function of the test's own.
fn project_with(task: &str) -> (TempDir, PathBuf) {
    let (folder, dir) = project("go");
    fs::write(dir.join("main.go"), format!("package main\n\n{task}\n")).expect("a source");
    build_with_tools(&dir);
    (folder, dir.join("task.wasm"))
}

/// A task that counts in a global what it does, and does as its row says.
const ACTS: &str = r#"
import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"
)

var tasks int
var prepared string

func prepare() {
	argument, _ := io.ReadAll(os.Stdin)
	prepared = string(argument)
}

func task(row []byte) ([]byte, error) {
	tasks++
	switch string(row) {
	case "panic":
		var none map[string]int
		none["one"] = 1
	case "error":
		return nil, errors.New("not today")
	case "exit":
		os.Exit(7)
	case "asleep":
		select {}
	case "leak":
		for range 10 {
			go func() { select {} }()
		}
		runtime.Gosched()
	case "print":
		fmt.Println("printed")
	case "sleep":
		time.Sleep(2 * time.Millisecond)
	case "memory":
		for all := [][]byte{}; ; {
			all = append(all, make([]byte, 1<<20))
		}
	case "garbage":
		for i := range 500 {
			_ = fmt.Sprint(make([]int, i))
		}
		runtime.GC()
	}
	sums := make(chan int)
	var group sync.WaitGroup
	for i := range 5 {
		group.Go(func() { sums <- i })
	}
	go func() { group.Wait(); close(sums) }()
	sum := 0
	for i := range sums {
		sum += i
	}
	return fmt.Appendf(nil, "[%d,%d,%s]", tasks, sum, prepared), nil
}
"#;

#[test]
fn a_task_in_go_that_fails_says_why_in_the_words_of_go() {
    if !is_ready("go") {
        return;
    }
    let (_folder, program) = project_with(ACTS);
    let rows = "one\npanic\nerror\nexit\nasleep\nmemory\ntwo\n";
    let ran = run(&mut wpool_run(&program, "-j 1 --lines --memory 64MiB"), rows);
    let expected = ["ok", "failed", "failed", "failed", "trap", "out-of-memory", "ok"];
    assert_eq!(ran.each("status"), expected, "{}", ran.stdout);
    let errors = ran.each("error");
    let codes: Vec<_> = errors.iter().map(|error| error["exit_code"].as_i64()).collect();
    assert_eq!(codes, [None, Some(2), Some(1), Some(7), None, None, None], "{}", ran.stdout);
    let said = |row: usize| errors[row]["stderr"].as_str().unwrap_or_default();
    assert!(said(1).ends_with("\npanic: assignment to entry in nil map\n"), "{}", said(1));
    assert!(said(1).contains("task/main.go:"), "{}", said(1));
    assert_eq!(said(2), "not today\n");
    assert!(said(4).contains("all goroutines are asleep"), "{}", said(4));
    assert!(said(5).contains("out of memory"), "{}", said(5));
}

#[test]
fn a_task_in_go_finds_its_runtime_as_it_was_after_its_preparation() {
    if !is_ready("go") {
        return;
    }
    let (_folder, program) = project_with(ACTS);
    let acts = ["one", "leak", "print", "sleep", "garbage", "error", "exit"];
    let rows: String = (0..140).map(|row| format!("{}\n", acts[row * row % acts.len()])).collect();
    for args in ["--isolation reset --verify-isolation", "--isolation fresh"] {
        let args = format!("-j 1 --lines --init-arg \"words\" {args}");
        let ran = run(&mut wpool_run(&program, &args), &rows);
        for (act, record) in rows.lines().zip(ran.records()) {
            match act {
                "error" | "exit" => assert_eq!(record["status"], "failed", "{record}"),
                _ => assert_eq!(record["output"], json!([1, 10, "words"]), "{act}: {record}"),
            }
        }
        assert!(!ran.stderr.contains("put back"), "{}", ran.stderr);
    }
}

#[test]
fn a_command_in_go_stays_a_command() {
    if !is_ready("go") {
        return;
    }
    let (_folder, dir) = project("go");
    fs::remove_file(dir.join("wpool.go")).expect("a file");
    let main = "package main\n\nimport (\n\t\"io\"\n\t\"os\"\n)\n\nfunc main() { io.Copy(os.Stdout, os.Stdin) }\n";
    fs::write(dir.join("main.go"), main).expect("a source");
    build_with_tools(&dir);
    let ran = run(&mut wpool_run(&dir.join("task.wasm"), ""), "[1]\n2\n");
    assert_eq!(ran.each("output"), [json!([1]), json!(2)], "{}", ran.stderr);
}
