//! Debug information as compilers write it, and as nobody would.

use addr2line::gimli::constants::*;
use addr2line::gimli::write::{
    Address, AttributeValue, DwarfUnit, EndianVec, FileId, LineProgram, LineString, Sections, UnitEntryId,
};
use addr2line::gimli::{Encoding, Format, LineEncoding, LittleEndian};
use proptest::prelude::*;

use super::*;
use crate::child::compiler::code::places;

/// The first function calls the second, which is where bytes 2 to 7 of the code are.
const FUNCTIONS: &str = r#"(func nop nop unreachable) (func (export "f") nop (call 0))"#;

/// Where its instructions stand, in the code: `unreachable`, the second `nop`, and the call.
const TRAP: u64 = 5;
const NOP: u64 = 4;
const CALL: u64 = 10;

/// A file of the unit that is written.
fn file(dwarf: &mut DwarfUnit, encoding: Encoding, path: &str) -> FileId {
    let directory = dwarf.unit.line_program.default_directory();
    let path = LineString::new(path, encoding, &mut dwarf.line_strings);
    dwarf.unit.line_program.add_file(path, directory, None)
}

fn function(
    dwarf: &mut DwarfUnit,
    parent: UnitEntryId,
    tag: DwTag,
    name: &str,
    (low, length): (u64, u64),
) -> UnitEntryId {
    let id = dwarf.unit.add(parent, tag);
    let entry = dwarf.unit.get_mut(id);
    entry.set(DW_AT_linkage_name, AttributeValue::String(name.into()));
    entry.set(DW_AT_low_pc, AttributeValue::Address(Address::Constant(low)));
    entry.set(DW_AT_high_pc, AttributeValue::Udata(length));
    id
}

/// The sections of a unit in which `inner`, of another file, was inlined into the first function.
fn sections(version: u16) -> Vec<(&'static str, Vec<u8>)> {
    let encoding = Encoding { format: Format::Dwarf32, version, address_size: 4 };
    let mut dwarf = DwarfUnit::new(encoding);
    let folder = LineString::new("/home/u/app", encoding, &mut dwarf.line_strings);
    let main = LineString::new("src/main.rs", encoding, &mut dwarf.line_strings);
    dwarf.unit.line_program = LineProgram::new(encoding, LineEncoding::default(), folder, None, main, None);
    let files = ["src/main.rs", "/rustc/1159e78c/library/core/src/option.rs"];
    let [main, core] = files.map(|path| file(&mut dwarf, encoding, path));
    let lines = &mut dwarf.unit.line_program;
    lines.begin_sequence(Some(Address::Constant(2)));
    for (offset, file, line) in [(0, main, 10), (2, core, 900), (5, main, 20), (8, main, 21)] {
        (lines.row().address_offset, lines.row().file, lines.row().line) = (offset, file, line);
        lines.generate_row();
    }
    lines.end_sequence(11);
    let root = dwarf.unit.root();
    let unit = dwarf.unit.get_mut(root);
    unit.set(DW_AT_comp_dir, AttributeValue::String("/home/u/app".into()));
    unit.set(DW_AT_low_pc, AttributeValue::Address(Address::Constant(2)));
    unit.set(DW_AT_high_pc, AttributeValue::Udata(11));
    unit.set(DW_AT_stmt_list, AttributeValue::LineProgramRef);
    let outer = function(&mut dwarf, root, DW_TAG_subprogram, "outer", (2, 5));
    let inlined =
        function(&mut dwarf, outer, DW_TAG_inlined_subroutine, "_ZN4core6option6unwrap17h0123456789abcdefE", (4, 2));
    dwarf.unit.get_mut(inlined).set(DW_AT_call_file, AttributeValue::FileIndex(Some(main)));
    dwarf.unit.get_mut(inlined).set(DW_AT_call_line, AttributeValue::Udata(12));
    function(&mut dwarf, root, DW_TAG_subprogram, "caller", (8, 5));
    let mut sections = Sections::new(EndianVec::new(LittleEndian));
    dwarf.write(&mut sections).expect("it is written");
    let mut found = Vec::new();
    let _: Result<(), ()> = sections.for_each(|id, data| {
        found.push((id.name(), data.slice().to_vec()));
        Ok(())
    });
    found
}

/// A module with these sections, as text.
fn module(sections: &[(&str, Vec<u8>)]) -> String {
    let escaped = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let custom = sections.iter().map(|(name, bytes)| format!("(@custom \"{name}\" \"{}\")", escaped(bytes)));
    FUNCTIONS.to_owned() + &custom.collect::<String>()
}

/// The lines of an instruction of a module, by its number. The program was compiled after it had been shifted.
fn lines_of(wasm: &[u8], place: usize, function: u32, at: u64) -> Vec<Line> {
    const SHIFT: u32 = 1_000;
    let code: Vec<u32> = places(wasm).expect("a table").into_iter().map(|at| at + SHIFT).collect();
    let body = if function == 0 { 2 } else { 8 };
    let spot = Spot { function, body: code[place] + body, at: code[place] + at as u32 };
    find(wasm, &Asked { code, spots: vec![spot] }).remove(0)
}

fn shown(lines: &[Line]) -> Vec<String> {
    lines.iter().map(|line| format!("{} {}", line.function, line.place)).collect()
}

#[test]
fn a_place_has_the_line_of_each_function_that_was_inlined_and_of_their_caller() {
    for version in [2, 3, 4, 5] {
        let wasm = wat::parse_str(format!("(module {})", module(&sections(version)))).unwrap();
        let inlined = ["core::option::unwrap library/core/src/option.rs:900", "outer src/main.rs:12"];
        assert_eq!(shown(&lines_of(&wasm, 0, 0, NOP)), inlined, "version {version}");
        assert_eq!(shown(&lines_of(&wasm, 0, 0, TRAP)), inlined);
        assert_eq!(shown(&lines_of(&wasm, 0, 0, 3)), ["outer src/main.rs:10"]);
        assert_eq!(shown(&lines_of(&wasm, 0, 1, CALL)), ["caller src/main.rs:21"]);
    }
}

#[test]
fn places_of_a_component_are_of_the_module_that_they_are_in() {
    let module = module(&sections(4));
    let text = format!("(component (core module (func)) (core module {module}) (component (core module {FUNCTIONS})))");
    let wasm = wat::parse_str(text).unwrap();
    assert_eq!(shown(&lines_of(&wasm, 1, 1, CALL)), ["caller src/main.rs:21"]);
    assert_eq!(lines_of(&wasm, 2, 1, CALL), []);
    let code = places(&wasm).unwrap();
    // A function of the engine's own, and places that are nowhere.
    let at = code[1] + CALL as u32;
    for spot in [
        Spot { function: 1, body: code[1] + 9, at },
        Spot { function: 0, body: code[1] + 8, at },
        Spot { function: 2, body: code[1] + 8, at },
        Spot { function: u32::MAX, body: u32::MAX, at: u32::MAX },
        Spot { function: 1, body: code[1] + 8, at: code[1] },
        Spot { function: 1, body: 0, at: 0 },
    ] {
        assert_eq!(find(&wasm, &Asked { code: code.clone(), spots: vec![spot] }), [vec![]], "{spot:?}");
    }
    let spot = Spot { function: 1, body: code[1] + 8, at };
    assert_eq!(find(&wasm, &Asked { code: vec![], spots: vec![spot] }), [vec![]]);
    assert_eq!(find(b"no program", &Asked { code, spots: vec![spot] }), [vec![]]);
}

/// Changes of sections: in which, where, and to what; and where it ends, if it is cut.
fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, prop::sample::Index, u8, bool)>> {
    let byte = prop_oneof![any::<u8>(), Just(0), Just(0x7f), Just(0xff)];
    prop::collection::vec(
        (any::<prop::sample::Index>(), any::<prop::sample::Index>(), byte, prop::bool::weighted(0.05)),
        1..12,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn lines_of_broken_debug_information_are_wrong_or_missing_and_bounded(version in 2..6u16, changes in changes()) {
        thread_local!(static SAMPLES: Vec<Vec<(&'static str, Vec<u8>)>> = (2..6).map(sections).collect());
        let mut broken = SAMPLES.with(|samples| samples[usize::from(version) - 2].clone());
        broken.retain(|(_, bytes)| !bytes.is_empty());
        for (section, at, byte, cuts) in changes {
            let bytes = &mut section.get_mut(&mut broken).1;
            let Some(at) = (!bytes.is_empty()).then(|| at.index(bytes.len())) else { continue };
            if cuts { bytes.truncate(at) } else { bytes[at] = byte }
        }
        let mut code = Code::default();
        code.debug = broken.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
        let context = context(&code);
        for at in context.iter().flat_map(|context| (0..14).map(|at| lines_at(context, at))) {
            prop_assert!(at.len() <= MOST_LINES);
            prop_assert!(at.iter().all(|line| line.function.len() <= MOST_OF_A_TEXT && line.place.len() <= MOST_OF_A_TEXT));
        }
    }

    #[test]
    fn noise_for_debug_information_is_no_panic(noise in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 4)) {
        let names = [".debug_info", ".debug_abbrev", ".debug_line", ".debug_str"];
        let mut code = Code::default();
        code.debug = names.into_iter().zip(noise.iter().map(Vec::as_slice)).collect();
        if let Some(context) = context(&code) {
            (0..14).for_each(|at| drop(lines_at(&context, at)));
        }
    }
}

#[test]
fn functions_that_were_inlined_into_each_other_without_end_are_bounded() {
    let encoding = Encoding { format: Format::Dwarf32, version: 4, address_size: 4 };
    let mut dwarf = DwarfUnit::new(encoding);
    let root = dwarf.unit.root();
    let name = LineString::String("a.c".into());
    dwarf.unit.line_program = LineProgram::new(encoding, LineEncoding::default(), name.clone(), None, name, None);
    let source = file(&mut dwarf, encoding, &("x".repeat(5_000) + ".c"));
    let unit = dwarf.unit.get_mut(root);
    unit.set(DW_AT_low_pc, AttributeValue::Address(Address::Constant(2)));
    unit.set(DW_AT_high_pc, AttributeValue::Udata(11));
    unit.set(DW_AT_stmt_list, AttributeValue::LineProgramRef);
    let mut parent = function(&mut dwarf, root, DW_TAG_subprogram, "outermost", (2, 5));
    for depth in 0..1_000 {
        parent =
            function(&mut dwarf, parent, DW_TAG_inlined_subroutine, &format!("f{depth}{}", "y".repeat(500)), (2, 5));
        dwarf.unit.get_mut(parent).set(DW_AT_call_file, AttributeValue::FileIndex(Some(source)));
        dwarf.unit.get_mut(parent).set(DW_AT_call_line, AttributeValue::Udata(depth + 1));
    }
    let mut sections = Sections::new(EndianVec::new(LittleEndian));
    dwarf.write(&mut sections).unwrap();
    let mut code = Code::default();
    let _: Result<(), ()> = sections.for_each(|id, data| {
        code.debug.insert(id.name(), data.slice());
        Ok(())
    });
    let lines = lines_at(&context(&code).unwrap(), 3);
    assert_eq!(lines.len(), MOST_LINES);
    assert!(lines[0].function.starts_with("f999y") && lines[MOST_LINES - 1].function == "outermost");
    assert!(lines[MOST_LINES - 1].place.ends_with("x.c:1"), "{:?}", lines[MOST_LINES - 1]);
    assert!(lines.iter().all(|line| line.function.len().max(line.place.len()) <= MOST_OF_A_TEXT));
}
