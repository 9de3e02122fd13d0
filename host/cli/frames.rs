//! Frames of backtraces and of the tracebacks of scripts: where a task went wrong.

/// The frame that tells where a task went wrong: of a backtrace, whose innermost frame comes first, the innermost of the
/// program's own source, else the innermost; of a script, the innermost of its traceback.
pub fn place<'a>(backtrace: &'a [String], traceback: Option<&'a str>) -> Option<&'a str> {
    let frame = backtrace.iter().find(|frame| is_own(frame)).or(backtrace.first());
    frame.map(String::as_str).or_else(|| of_script(traceback?))
}

/// The innermost frame of a traceback. Python prints it last, and JavaScript first.
pub fn of_script(traceback: &str) -> Option<&str> {
    let lines = || traceback.lines().map(str::trim);
    let python = lines().rfind(|line| line.starts_with("File "));
    python.or_else(|| lines().find(|line| line.starts_with("at ")))
}

/// Whether a frame of a backtrace has a line of source code that is not of a language's library.
pub fn is_own(frame: &str) -> bool {
    let place = frame.strip_suffix(')').and_then(|frame| frame.rsplit_once(" (")).map(|(_, place)| place);
    let is_line = |line: &str| !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit());
    place.and_then(|place| place.rsplit_once(':')).is_some_and(|(file, line)| {
        let is_librarys = file.starts_with("library/") || file.contains("/wasi-libc/");
        is_line(line) && !is_librarys
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_went_wrong_where_the_programs_own_source_is_innermost() {
        let backtrace = ["rust_panic (library/std/src/panicking.rs:9)", "check (src/lib.rs:3)", "run (src/lib.rs:1)"];
        assert_eq!(place(&backtrace.map(str::to_owned), None), Some("check (src/lib.rs:3)"));
        assert_eq!(place(&["abort".to_owned(), "main".to_owned()], Some("at a.js:1:1")), Some("abort"));
        let python =
            "Traceback (most recent call last):\n  File \"a.py\", line 1, in run\n  File \"b.py\", line 2, in f";
        assert_eq!(place(&[], Some(python)), Some("File \"b.py\", line 2, in f"));
        assert_eq!(place(&[], Some("at f (a.js:1:1)\nat run (a.js:2:2)")), Some("at f (a.js:1:1)"));
        assert_eq!((place(&[], Some("nothing")), place(&[], None)), (None, None));
    }
}
