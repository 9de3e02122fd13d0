//! A script is read once: what a run is made of is of one version, and a pipe is as good as a file.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::*;

/// A FIFO that gives another version of a script to each reader, and counts them. The thread ends with the process.
fn versions(path: PathBuf) -> Arc<AtomicUsize> {
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
    let readers = Arc::new(AtomicUsize::new(0));
    let count = readers.clone();
    thread::spawn(move || {
        loop {
            let Ok(mut pipe) = OpenOptions::new().write(true).open(&path) else { return };
            let version = count.fetch_add(1, Ordering::SeqCst) + 1;
            let _ = writeln!(pipe, "VERSION = {version}\n{SCRIPT}");
            drop(pipe);
            // Until this reader is gone, or it would read the next version, too.
            while OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(&path).is_ok() {
                thread::sleep(Duration::from_millis(1));
            }
        }
    });
    readers
}

#[test]
fn a_script_that_changes_with_each_reading_runs_in_its_first_version() {
    let desk = Desk::new();
    let readers = versions(desk.path("jobs/app.py"));
    desk.write("jobs/helper.py", "");
    let (header, contents) = desk.bundle("jobs/app.py");
    assert!(contents.starts_with("VERSION = 1\n"), "{contents}");
    assert_eq!((&header["main"], &header["files"][0]["path"]), (&"app.py".into(), &"jobs/app.py".into()));
    assert_eq!(readers.load(Ordering::SeqCst), 1, "it was read once");
}

#[test]
fn a_kept_run_has_the_version_of_a_pipe_that_ran() {
    let desk = Desk::new();
    let readers = versions(desk.path("app.py"));
    desk.write("rows", "b\n");
    let ran = desk.wpool("run app.py rows --lines -o out -q", "");
    assert_eq!((ran.code, readers.load(Ordering::SeqCst)), (0, 1), "{}", ran.stderr);
    let kept = fs::read_dir(desk.path("out.wpool")).expect("a journal").flatten().map(|it| fs::read(it.path()));
    let has = |content: &[u8], text: &str| String::from_utf8_lossy(content).contains(text);
    let kept: Vec<_> = kept.flatten().filter(|content| has(content, "VERSION = ")).collect();
    assert!(kept.len() == 1 && has(&kept[0], "VERSION = 1\n"), "one file has the script");
    // Nobody waits for the writer of a pipe that has been read.
    let ran = desk.wpool("replay out 0", "");
    assert_eq!((ran.code, readers.load(Ordering::SeqCst)), (0, 1), "{}", ran.stderr);
}

#[test]
fn a_script_without_a_name_is_known_by_what_it_defines() {
    let desk = Desk::new();
    desk.write("app.py", &format!("import helper\n{SCRIPT}"));
    desk.write("helper.py", "");
    desk.write("rows", "b\n");
    let through_shell = |line: &str| {
        let real = desk.command();
        let mut shell = Command::new("/bin/bash");
        shell.args(["-c", line]).arg(real.get_program()).current_dir(desk.path("."));
        shell.envs(real.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ran = run(&mut shell, "");
        assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
        let output = ran.each("output")[0]["base64"].as_str().expect("a bundle").to_owned();
        let bundle = base64::engine::general_purpose::STANDARD.decode(output).expect("base64");
        String::from_utf8_lossy(&bundle).into_owned()
    };
    let options = "rows --lines --output-type base64 -q";
    for line in [
        format!("\"$0\" run <(/bin/cat app.py) {options}"),
        format!("\"$0\" run /dev/stdin {options} <app.py"),
        format!("/bin/cat app.py | \"$0\" run /dev/stdin {options}"),
    ] {
        let bundle = through_shell(&line);
        assert!(bundle.contains(r#""main":"script.py""#) && bundle.contains(r#""path":"script.py""#), "{bundle}");
        assert!(bundle.contains("helper.py") && bundle.contains(SCRIPT), "{bundle}");
    }
}

#[test]
fn a_program_without_a_name_is_known_by_its_content() {
    let desk = Desk::new();
    desk.write("rows", "1\n");
    let text = fs::read_to_string(wat("echo")).expect("it is there");
    let wasm = wat::parse_str(&text).expect("a program");
    for program in [text.into_bytes(), wasm] {
        let ran = run(desk.command().args(["run", "/dev/stdin", "rows", "-q"]), program);
        assert_eq!((ran.code, ran.each("output").len()), (0, 1), "{}", ran.stderr);
    }
    let ran = run(desk.command().args(["run", "/dev/stdin", "rows"]), "neither");
    assert_eq!(ran.code, REFUSED, "{}", ran.stderr);
    assert!(ran.stderr.contains("/dev/stdin has no name that says what it is"), "{}", ran.stderr);
    let ran = run(desk.command().args(["run", "/dev/stdin"]), SCRIPT);
    assert_eq!(ran.code, USAGE, "{}", ran.stderr);
    assert!(ran.stderr.contains("and so do the rows"), "{}", ran.stderr);
}

#[test]
fn a_program_without_a_name_is_what_is_left_to_read_of_its_descriptor() {
    let desk = Desk::new();
    desk.write("rows", "1\n");
    let text = fs::read_to_string(wat("echo")).expect("it is there");
    desk.write("file", &format!("a line that the shell reads\n{text}"));
    let real = desk.command();
    let mut shell = Command::new("/bin/bash");
    shell.args(["-c", "{ read; \"$0\" run /dev/stdin rows -q; } <file"]).arg(real.get_program());
    shell.envs(real.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(desk.path("."));
    let ran = run(&mut shell, "");
    assert_eq!((ran.code, ran.each("output").len()), (0, 1), "{}", ran.stderr);
}

#[test]
fn a_script_that_is_missing_is_reported_as_that() {
    let desk = Desk::new();
    let ran = desk.wpool("run app.py", "1\n");
    assert!(ran.code == SET_UP && ran.stderr.contains("cannot read app.py"), "{}", ran.stderr);
}

/// Runs a script in TypeScript, with the images that other tests have compiled.
fn run_typescript(desk: &Desk, args: &str) -> Ran {
    let mut command = desk.command();
    command.env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
    run(command.args(args.split_whitespace()), "")
}

/// A bundler that takes its time: `after` is done when it has read the script.
fn bundler(desk: &Desk, after: &str) {
    let script = format!(
        "#!/bin/sh\nfor arg; do case $arg in --metafile=*) meta=${{arg#*=}};; --outfile=*) out=${{arg#*=}};; \
         ./*) in=$arg;; esac; done\necho call >>{}\n/bin/cat \"$in\" part.ts >\"$out\"\n{after}\n\
         echo '{{\"version\":3,\"sources\":[],\"names\":[],\"mappings\":\"\"}}' >\"$out.map\"\n\
         echo '{{\"inputs\":{{\"app.ts\":{{}},\"part.ts\":{{}}}}}}' >\"$meta\"\n",
        desk.path("calls").display()
    );
    tool(desk, "esbuild", &script);
}

fn tool(desk: &Desk, name: &str, script: &str) {
    let path = format!("bin/{name}");
    desk.write(&path, script);
    fs::set_permissions(desk.path(&path), fs::Permissions::from_mode(0o755)).expect("it is ours");
}

#[test]
fn a_script_that_is_saved_while_its_tools_read_it_is_bundled_again() {
    let desk = Desk::new();
    desk.write("app.ts", "export function run() { return 'first' }\n");
    desk.write("part.ts", "");
    bundler(&desk, "");
    let save = "echo \"export function run() { return 'second' }\" >app.ts";
    tool(&desk, "tsc", &format!("#!/bin/sh\n[ -e saved ] || {{ {save}; : >saved; }}\n"));
    let ran = run_typescript(&desk, "run app.ts -n -q");
    assert_eq!((ran.code, ran.each("output"), desk.calls()), (0, vec!["second".into()], 2), "{}", ran.stderr);

    tool(&desk, "tsc", "#!/bin/sh\necho '// more' >>app.ts\n");
    let ran = run_typescript(&desk, "run app.ts -n");
    assert_eq!(ran.code, SET_UP, "{}", ran.stderr);
    assert!(ran.stderr.contains("app.ts was changed each time"), "{}", ran.stderr);
}

#[test]
fn a_module_that_is_saved_while_it_is_bundled_is_bundled_again_by_the_next_run() {
    let desk = Desk::new();
    desk.write("app.ts", "export function run() { return part }\n");
    desk.write("part.ts", "const part = 1\n");
    bundler(&desk, "echo 'const part = 2' >part.ts");
    let part = || run_typescript(&desk, "run app.ts -n -q").each("output");
    assert_eq!(part(), [1], "the bundler had read it");
    assert_eq!(part(), [2], "what the bundler had read was not kept as if it were that");
}

#[test]
fn a_list_of_programs_that_comes_through_a_pipe_is_read_whole() {
    let desk = Desk::new();
    assert!(Command::new("mkfifo").arg(desk.path("list")).status().expect("mkfifo").success());
    let (pipe, program) = (desk.path("list"), wat("echo"));
    desk.write("rows", "1\n");
    let writer = thread::spawn(move || match File::create(pipe) {
        Ok(mut pipe) => writeln!(pipe, "{}", program.display()).map_err(|error| error.kind()),
        Err(error) => Err(error.kind()),
    });
    let ran = desk.wpool("judge list rows --expect 1", "");
    assert_eq!(writer.join().expect("no panic"), Ok::<(), ErrorKind>(()));
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
}
