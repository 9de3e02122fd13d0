//! Programs that wpool cannot read or run.

use super::*;

#[test]
fn c16_a_program_that_cannot_be_read_is_a_failed_set_up() {
    let folder = folder();
    let fifo = folder.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("a pipe");
    let nothing_to_read = "cannot read the program";
    for (path, why) in [
        (&*folder.path().join("missing.wasm"), nothing_to_read),
        (Path::new("/dev/zero"), nothing_to_read),
        (&fifo, nothing_to_read),
        (folder.path(), "is not a task that wpool can build"),
    ] {
        let name = path.to_str().expect("a name");
        assert_refused(&run_rows(&[name], "1"), SET_UP, &[why, name], name);
        assert_refused(&run(wpool().arg("inspect").arg(path), ""), SET_UP, &[why, name], name);
    }
}

#[test]
fn c08_c09_c11_a_guest_that_wpool_cannot_run_is_refused_with_the_reason() {
    let looked_for = ["looked for", "_start", "`run: func(i32, i32) -> (i64)`", "memory", "alloc", "add: func"];
    for (task, needles) in [
        (wat("no-convention"), &looked_for[..]),
        (wat("unknown-import"), &["env", "mystery"]),
        (wat("huge-memory"), &["1250 MiB", "512 MiB", "--memory"]),
    ] {
        assert_refused(&run(&mut wpool_run(&task, ""), "1"), REFUSED, needles, "run");
    }
    let small = run(&mut wpool_run(&wat("pages"), "--memory 64KiB"), "1");
    assert_refused(&small, REFUSED, &["64 KiB"], "a small limit");
    let ran = run(&mut wpool_run(&wat("huge-memory"), "--memory 1250MiB"), "1");
    assert_eq!((ran.code, ran.each("status")), (OK, vec![json!("ok")]), "{}", ran.stderr);
}

#[test]
fn c01_c02_c03_a_file_that_is_no_program_is_refused() {
    let folder = folder();
    // Bytes that are no module and no text, the same in every run.
    let noise: Vec<u8> = (0..2000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 | 0x80).collect();
    let module = fs::read(guest("word-count")).expect("a module");
    let flipped: Vec<u8> = module.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at % 64 == 63)).collect();
    for (name, content, needle) in [
        ("empty", &b""[..], "empty"),
        ("noise", &noise, "not WebAssembly"),
        ("magic", b"\0asm", "unexpected end"),
        ("header", b"\0asm\x01\0", "offset 0x4"),
        ("picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not WebAssembly (it begins with 89 50 4e 47"),
        ("nothing", b"\0asm\x01\0\0\0", "no exports"),
        ("future", b"\0asm\x63\0\0\0", "version"),
        ("half", &module[..module.len() / 2], "unexpected end"),
        ("flipped", &flipped, ""),
        ("prose", b"this is no program\n", "not WebAssembly"),
    ] {
        let path = write(&folder, name, content);
        let ran = run(&mut wpool_run(&path, ""), "1");
        assert_refused(&ran, REFUSED, &[&format!("{name}: "), needle], name);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
}

#[test]
fn c03_machine_code_is_refused() {
    let ran = run(&mut wpool_run(Path::new(env!("CARGO_BIN_EXE_wpool")), ""), "1");
    assert_refused(&ran, REFUSED, &["not WebAssembly (it begins with 7f 45 4c 46"], "an ELF file");
}

#[test]
fn c05_a_mistake_in_webassembly_text_is_shown_in_its_place() {
    let folder = folder();
    let path = write(&folder, "typo.wat", "(module\n  (func (oops))\n)\n");
    assert_refused(&run(&mut wpool_run(&path, ""), "1"), REFUSED, &["typo.wat", "2:10", "(func (oops))"], "a typo");
}

#[test]
fn a_refused_program_leaves_an_existing_output_alone() {
    let folder = folder();
    write(&folder, "out", "precious");
    let ran = run_in(&folder, "no-convention", "--once --overwrite -o out");
    assert_refused(&ran, REFUSED, &[], "refused");
    assert_eq!(read(folder.path().join("out")), "precious");
    run_in(&folder, "no-convention", "--once -o new");
    assert!(!folder.path().join("new").exists());
}
