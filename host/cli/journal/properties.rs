//! Whatever happens to the bytes of a journal, every record that is read from it was written.

use proptest::prelude::*;
use wpool::Input;

use crate::cli::journal::format::{Header, Kind, Parsed};
use crate::cli::journal::groups::Groups;
use crate::cli::journal::tests::{Disk, journal, read, whole};
use crate::cli::journal::verify::Trust;
use crate::cli::journal::{Entries, Entry, Key};

fn some_kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Plain), Just(Kind::Durable), Just(Kind::Tail)]
}

#[derive(Clone, Debug)]
enum Harm {
    Flip(usize, u8),
    Cut(usize),
    Zero(usize, usize),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    /// Blocks change places.
    Move(usize, usize, usize),
}

impl Harm {
    fn to(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        match self {
            Harm::Flip(at, bits) => bytes[at % length] ^= bits,
            Harm::Cut(at) => bytes.truncate(at % length),
            Harm::Zero(at, count) => {
                let at = at % length;
                let end = (at + count).min(length);
                bytes[at..end].fill(0);
            }
            Harm::Insert(at, what) => drop(bytes.splice(at % length..at % length, what.iter().copied())),
            Harm::Remove(at, count) => drop(bytes.drain(at % length..(at % length + count).min(length))),
            Harm::Move(from, to, count) => {
                let (from, to) = (from % length, to % length);
                let count = (*count).min(length - from.max(to));
                bytes.copy_within(from..from + count, to);
            }
        }
    }
}

fn some_harm() -> impl Strategy<Value = Harm> {
    let place = || 0..2_000usize;
    prop_oneof![
        (place(), 1..=255u8).prop_map(|(at, bits)| Harm::Flip(at, bits)),
        place().prop_map(Harm::Cut),
        (place(), 1..300usize).prop_map(|(at, count)| Harm::Zero(at, count)),
        (place(), proptest::collection::vec(any::<u8>(), 1..40)).prop_map(|(at, what)| Harm::Insert(at, what)),
        (place(), 1..100usize).prop_map(|(at, count)| Harm::Remove(at, count)),
        (place(), place(), 1..300usize).prop_map(|(from, to, count)| Harm::Move(from, to, count)),
    ]
}

fn some_groups() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(1..8usize, 1..8)
}

proptest! {
    #![proptest_config(crate::cases::many())]

    #[test]
    fn a_harmed_journal_yields_no_record_that_was_not_written(kind in some_kind(), groups in some_groups(), harms in proptest::collection::vec(some_harm(), 1..4)) {
        let (header, mut bytes, written) = journal(kind, &groups);
        for harm in &harms {
            if !bytes.is_empty() {
                harm.to(&mut bytes);
            }
        }
        for group in read(&header, &bytes) {
            prop_assert!(written.contains(&group), "{group:?} after {harms:?}");
        }
        // Any bytes are either read or rejected.
        if let Some(read) = Header::parse(&bytes) {
            prop_assert_eq!(read, header);
        }
    }

    #[test]
    fn noise_is_no_group(kind in some_kind(), bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let header = Header::new(kind);
        prop_assert!(Header::parse(&bytes).is_none());
        for at in 0..bytes.len() {
            prop_assert!(!matches!(header.parse_group(at as u64, &bytes[at..]), Parsed::Group(_)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_read(kind in some_kind(), groups in some_groups()) {
        let (header, bytes, written) = journal(kind, &groups);
        prop_assert_eq!(Header::parse(&bytes), Some(header));
        prop_assert_eq!(read(&header, &bytes), written);
    }

    /// FILE and journal harmed on a disk: the accepted part is as it was written, from the beginning on.
    #[test]
    fn what_is_verified_was_written(groups in some_groups(), durable: bool, harms in proptest::collection::vec((any::<bool>(), some_harm()), 0..3)) {
        let disk = Disk::new();
        let lines = disk.write(&groups, durable);
        for (journal, harm) in &harms {
            let path = if *journal { disk.journal() } else { disk.file() };
            let mut bytes = std::fs::read(&path).expect("it is there");
            if !bytes.is_empty() {
                harm.to(&mut bytes);
            }
            std::fs::write(&path, bytes).expect("it is written");
        }
        let file = std::fs::read(disk.file()).expect("it is there");
        for trust in [Trust::Crash, Trust::Salvage] {
            let Ok(verified) = disk.verify_by(trust) else { continue };
            let end = verified.end;
            let rows = whole(&lines, end.file);
            prop_assert_eq!(&file[..end.file as usize], lines[..rows].concat(), "{:?}", harms);
            let mut entries = Entries::open(disk.folder.dir()).expect("it was verified");
            for row in 0..rows {
                let entry = entries.next().expect("it is read").expect("there are as many");
                prop_assert_eq!(entry.record.key, Key::of(&Input::new(row.to_string())));
            }
            let mut row = rows;
            for stretch in verified.behind {
                let groups = Groups::open(&disk.folder.journal()).expect("it was verified");
                let mut entries = Entries::between(groups, stretch.begin, stretch.end);
                while let Some(Entry { offset, record, .. }) = entries.next().expect("it is read") {
                    // In their order, each at most once, and with its own line.
                    let skipped = (row..lines.len()).position(|row| Key::of(&Input::new(row.to_string())) == record.key);
                    row += skipped.expect("it was written");
                    prop_assert_eq!(&file[offset as usize..(offset + record.length) as usize], &lines[row], "{:?}", harms);
                    row += 1;
                }
            }
        }
    }
}
