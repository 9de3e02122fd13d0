//! Seccomp: a program, from the lists, that the kernel runs on every system call.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter_all_threads,
};

use super::calls::{self, Call, Only};
use super::needs::Needs;
use crate::protocol::roles::Role;

#[cfg(target_arch = "x86_64")]
const ARCH: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCH: TargetArch = TargetArch::aarch64;

/// From here on, any other system call, by any thread, ends this process.
pub(super) fn apply(needs: &Needs<'_>) -> io::Result<()> {
    program(lists(needs)).and_then(|program| apply_filter_all_threads(&program)).map_err(io::Error::other)
}

/// The system calls that a child needs.
fn lists(needs: &Needs<'_>) -> impl Iterator<Item = &'static [Call]> {
    // The compiler runs no guest.
    let pagemap = (needs.role != Role::Compiler).then_some(calls::PAGEMAP);
    let dirs = needs.files().then_some(calls::DIRS);
    let writes = needs.scratch.is_some() || needs.dirs.iter().any(|dir| dir.writable);
    let writable = writes.then_some(calls::WRITABLE_DIRS);
    [Some(calls::BASE), Some(calls::ABORT), pagemap, dirs, writable].into_iter().flatten()
}

/// A system call that a fenced child has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemCall {
    /// Its name in the manual pages.
    pub name: &'static str,
    /// Whether only some values of its arguments are allowed.
    pub checked: bool,
    /// Its purpose.
    pub why: &'static str,
}

/// The system calls that fenced children have, by the children that have them.
pub fn system_calls() -> Vec<(&'static str, Vec<SystemCall>)> {
    let list = |calls: &[Call]| {
        let shown = |call: &Call| SystemCall { name: call.name, checked: !call.cases.is_empty(), why: call.why };
        calls.iter().map(shown).collect()
    };
    vec![
        ("every child", list(&[calls::BASE, calls::ABORT].concat())),
        ("every child but the compiler", list(calls::PAGEMAP)),
        ("workers with directories", list(calls::DIRS)),
        ("workers with directories that they may write to", list(calls::WRITABLE_DIRS)),
    ]
}

fn program<'a>(lists: impl IntoIterator<Item = &'a [Call]>) -> Result<BpfProgram, Error> {
    let mut rules = BTreeMap::new();
    for call in lists.into_iter().flatten() {
        rules.insert(call.number, call.cases.iter().map(|case| rule(case)).collect::<Result<Vec<_>, Error>>()?);
    }
    Ok(SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, ARCH)?.try_into()?)
}

fn rule(case: &[Only]) -> Result<SeccompRule, Error> {
    Ok(SeccompRule::new(case.iter().map(condition).collect::<Result<_, _>>()?)?)
}

fn condition(only: &Only) -> Result<SeccompCondition, seccompiler::BackendError> {
    let (argument, compare, value) = match *only {
        Only::Is { argument, value } => (argument, SeccompCmpOp::Eq, value),
        Only::Masked { argument, mask, value } => (argument, SeccompCmpOp::MaskedEq(mask), value),
        Only::OwnProcess { argument } => (argument, SeccompCmpOp::Eq, u64::from(std::process::id())),
    };
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, compare, value)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const ALL: [&[Call]; 5] = [calls::BASE, calls::ABORT, calls::PAGEMAP, calls::DIRS, calls::WRITABLE_DIRS];

    #[test]
    fn every_list_can_be_made_a_program_and_names_no_call_twice() {
        for lists in [&ALL[..], &ALL[..2]] {
            let mut numbers: Vec<_> = lists.iter().copied().flatten().map(|call| call.number).collect();
            let all = numbers.len();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), all);
            let names: BTreeSet<_> = lists.iter().copied().flatten().map(|call| call.name).collect();
            assert_eq!(names.len(), all, "each has its own name");
            assert!(program(lists.iter().copied()).is_ok_and(|program| !program.is_empty()));
        }
    }

    #[test]
    fn the_page_on_security_counts_the_calls() {
        let Ok(page) = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/SECURITY.md")) else { return };
        let [base, abort, pagemap, dirs, writable] = ALL.map(<[Call]>::len);
        let guest = base + abort + pagemap;
        let counts =
            format!("the {guest} system calls that a guest needs, {dirs} more with directories and {writable} more");
        assert!(page.contains(&counts), "{counts}");
    }
}
