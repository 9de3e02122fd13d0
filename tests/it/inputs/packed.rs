//! Files of gzip and Zstandard.

use super::*;

#[test]
fn compressed_rows_are_rows_whatever_the_file_is_called() {
    let desk = Desk::new();
    let rows = numbers(50_000);
    desk.write("rows", &rows);
    let plain = desk.ends("run %echo rows -q", OK).stdout;
    let (first, second) = rows.split_at(100_003);
    for (name, bytes) in [
        ("rows.gz", gzip(&rows)),
        ("rows.zst", zstd(&rows)),
        ("members", [gzip(first), gzip(""), gzip(second)].concat()),
        ("frames", [&zstd(first)[..], b"\x50\x2a\x4d\x18\x03\0\0\0abc", &zstd(second)].concat()),
        ("skipped-first", [&b"\x5f\x2a\x4d\x18\0\0\0\0"[..], &zstd(&rows)].concat()),
    ] {
        desk.write(name, &bytes);
        assert!(desk.ends(&format!("run %echo {name} -q"), OK).stdout == plain, "{name}");
        assert!(desk.fed("run %echo -q", &bytes).stdout == plain, "{name} on standard input");
    }
    desk.write("half", gzip(first));
    let mixed = desk.fed("run %echo half - -q", second);
    assert!(mixed.stdout == plain, "files of both kinds: {}", mixed.stderr);
}

#[test]
fn what_is_hardly_the_beginning_of_a_compressed_file_is_text() {
    let desk = Desk::new();
    for text in ["", "P", "(", "_*", "P*M", "x"] {
        let ran = desk.fed("run %echo --lines", text);
        assert_eq!(ran.each("output"), if text.is_empty() { vec![] } else { vec![text] }, "{}", ran.stderr);
    }
}

#[test]
fn a_row_that_arrives_alone_does_not_wait_for_what_could_be_compressed() {
    let desk = Desk::new();
    let mut live = crate::support::Live::start(&mut desk.command("run %echo --unordered"));
    live.say("1\n");
    assert!(live.line().contains("\"output\":1"));
    assert_eq!(live.end().code, OK);
}

#[test]
fn what_is_cut_off_or_corrupt_is_an_error_with_its_byte_and_rows_before_it_are_kept() {
    let desk = Desk::new();
    let rows = numbers(200_000);
    for (name, packed) in [("gzip", gzip(&rows)), ("Zstandard", zstd(&rows))] {
        let half = &packed[..packed.len() / 2];
        desk.write("half", half);
        let ran = desk.ends("run %echo half -q -o out --overwrite", BAD_INPUT);
        let told = format!("cannot read half any further: its {name} data is cut off: it ends at byte {}", half.len());
        assert!(ran.stderr.contains(&told), "{}", ran.stderr);
        // The decoder of Zstandard keeps a window of what it has unpacked.
        assert!(desk.read("out").lines().count() > 1_000, "rows before it have their records");
        // Once the file is whole, the same run goes on.
        desk.write("half", &packed);
        desk.ends("run %echo half -q -o out --resume", OK);
        assert_eq!(desk.read("out").lines().count(), 200_000);

        let mut broken = packed.clone();
        let middle = broken.len() / 2;
        broken[middle..middle + 64].fill(0x5a);
        let (mut sum, behind) = (packed.clone(), [&packed[..], b"more"].concat());
        let at = sum.len() - 2;
        sum[at] ^= 0x40;
        for (what, bytes) in [("broken", &broken), ("another sum", &sum), ("more behind it", &behind)] {
            let ran = desk.fed("run %echo -q", bytes);
            assert_eq!(ran.code, BAD_INPUT, "{name}, {what}: {}", ran.stderr);
            assert!(ran.stderr.contains(&format!("its {name} data is c")), "{what}: {}", ran.stderr);
        }
    }
}

#[test]
fn a_wrong_checksum_of_zstandard_is_found() {
    let desk = Desk::new();
    // `printf '1\n' | zstd --check`, which ends in the four bytes of the checksum.
    let mut frame = *b"\x28\xb5\x2f\xfd\x04\x58\x11\0\0\x31\x0a\x4f\x66\x51\x30";
    let ran = desk.fed("run %echo -q --values", frame);
    assert_eq!((ran.code, ran.stdout.as_str()), (OK, "1\n"), "{}", ran.stderr);
    frame[14] ^= 1;
    let ran = desk.fed("run %echo -q --values", frame);
    assert_eq!(ran.code, BAD_INPUT, "{}", ran.stderr);
    assert!(ran.stderr.contains("its checksum is wrong"), "{}", ran.stderr);
}

#[test]
fn a_bomb_is_a_row_that_is_too_long() {
    let desk = Desk::new();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let block = vec![b'x'; 1 << 20];
    (0..300).for_each(|_| encoder.write_all(&block).expect("memory takes all"));
    encoder.write_all(b"\n7\n").expect("memory takes all");
    let bomb = encoder.finish().expect("memory takes all");
    assert!(bomb.len() < 1 << 20);
    let ran = desk.fed("run %echo", &bomb);
    assert_eq!(ran.each("status"), ["invalid-input", "ok"], "{}", ran.stderr);
    assert_eq!(ran.records()[0]["error"]["code"], "line-too-long");
}

#[test]
fn all_commands_read_compressed_rows_alike() {
    let desk = Desk::new();
    let rows = numbers(300);
    desk.write("rows", &rows);
    desk.write("rows.gz", gzip(&rows));
    let checked = desk.ends("check %component-two --call double rows.gz", OK);
    assert!(checked.stderr.contains("300 rows, 0 of them bad"), "{}", checked.stderr);
    let dry = desk.ends("run %echo rows.gz --dry-run", OK);
    assert!(dry.stdout.contains("300 rows in rows.gz"), "{}", dry.stdout);
    desk.ends("run %echo rows -q -o plain --shard 1/2", OK);
    desk.ends("run %echo rows.gz -q -o packed --shard 2/2", OK);
    desk.ends("merge -q -o merged plain packed", OK);
    let one = desk.ends("run %echo rows -q", OK).stdout;
    assert_eq!(desk.read("merged"), one, "a shard of each kind: the digest is that of the rows");
    desk.ends("run %echo rows.gz -q -o out", OK);
    let replayed = desk.ends("replay out 250 --json", OK);
    assert!(replayed.stdout.contains("\"output\":250"), "{}", replayed.stdout);
    let strict = desk.ends("run %component-two --call double rows.gz --strict-input -q", OK);
    assert_eq!(strict.stdout.lines().count(), 300);
    let spooled = desk.fed("run %echo -q --strict-input", gzip(&rows));
    assert_eq!(spooled.stdout, one, "standard input that is read twice: {}", spooled.stderr);
}
