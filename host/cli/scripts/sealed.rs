//! Runtimes as files: a program with its hash behind it. A file that was cut off, or has changed on its disk, is found when
//! it is read, and not by what tasks make of it. The hash is needed for the run in any case.

use wpool::Program;

/// The hash stands in a custom section, so the file is the same component for every tool.
const NAME: &[u8] = b"wpool.hash";
const CUSTOM_SECTION: u8 = 0;
const HASH: usize = 32;
const CONTENT: usize = 1 + NAME.len() + HASH;
const SECTION: usize = 2 + CONTENT;

/// What is written behind a program.
pub fn seal(program: &Program) -> Vec<u8> {
    // Both lengths have seven bits, which are one byte.
    let head = [CUSTOM_SECTION, CONTENT as u8, NAME.len() as u8];
    [&head, NAME, program.hash().as_bytes()].concat()
}

/// The program in a file. `None` if it is not what was written.
pub fn unseal(name: &str, mut bytes: Vec<u8>) -> Option<Program> {
    let seal_at = bytes.len().checked_sub(SECTION)?;
    let found = bytes.split_off(seal_at);
    Some(Program::new(name, bytes)).filter(|program| found == seal(program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_component_is_one_and_any_change_is_found() {
        let program = Program::new("p", wat::parse_str("(component)").expect("a component"));
        let whole = [&program.bytes()[..], &seal(&program)].concat();
        assert!(wasmparser::Validator::new().validate_all(&whole).is_ok());
        assert_eq!(unseal("p", whole.clone()).expect("it is whole").bytes(), program.bytes());
        for at in 0..whole.len() {
            assert!(unseal("p", whole[..at].to_vec()).is_none(), "cut off at {at}");
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(unseal("p", changed).is_none(), "changed at {at}");
        }
    }
}
