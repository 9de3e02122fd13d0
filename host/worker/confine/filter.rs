//! Seccomp: from the lists to what the kernel runs on every system call.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter_all_threads,
};

use super::Needs;
use super::calls::{self, Call, Only};
use crate::process::Role;

#[cfg(target_arch = "x86_64")]
const ARCH: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCH: TargetArch = TargetArch::aarch64;

/// From here on, any thread that makes another system call ends this process.
pub(super) fn apply(needs: &Needs<'_>) -> io::Result<()> {
    let dirs = dirs(needs);
    if !dirs.is_empty() {
        // The arguments of clone3 are in memory, where no filter sees them. Without it, libc uses clone.
        let unknown = SeccompAction::Errno(libc::ENOSYS as u32);
        install(program([calls::REFUSED], SeccompAction::Allow, unknown))?;
    }
    // The compiler has no guest.
    let pagemap = (needs.role != Role::Compiler).then_some(calls::PAGEMAP);
    let lists = [calls::BASE, calls::ABORT].into_iter().chain(pagemap).chain(dirs.iter().copied());
    install(program(lists, SeccompAction::KillProcess, SeccompAction::Allow))
}

/// What the directories of a child take.
fn dirs(needs: &Needs<'_>) -> &'static [&'static [Call]] {
    match needs.dirs {
        [] => &[],
        dirs if dirs.iter().any(|dir| dir.writable) => &[calls::DIRS, calls::WRITABLE_DIRS, calls::REFUSED],
        _ => &[calls::DIRS, calls::REFUSED],
    }
}

fn program<'a>(
    lists: impl IntoIterator<Item = &'a [Call]>,
    others: SeccompAction,
    listed: SeccompAction,
) -> Result<BpfProgram, Error> {
    let mut rules = BTreeMap::new();
    for call in lists.into_iter().flatten() {
        rules.insert(call.number, call.only.iter().map(rule).collect::<Result<Vec<_>, Error>>()?);
    }
    Ok(SeccompFilter::new(rules, others, listed, ARCH)?.try_into()?)
}

fn rule(only: &Only) -> Result<SeccompRule, Error> {
    let (argument, compare, value) = match *only {
        Only::Is { argument, value } => (argument, SeccompCmpOp::Eq, value),
        Only::Masked { argument, mask, value } => (argument, SeccompCmpOp::MaskedEq(mask), value),
        Only::OwnProcess { argument } => (argument, SeccompCmpOp::Eq, u64::from(std::process::id())),
    };
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, compare, value)?;
    Ok(SeccompRule::new(vec![condition])?)
}

fn install(program: Result<BpfProgram, Error>) -> io::Result<()> {
    program.and_then(|program| apply_filter_all_threads(&program)).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_can_be_made_a_program_and_names_no_call_twice() {
        for lists in [
            vec![calls::BASE, calls::ABORT, calls::PAGEMAP, calls::DIRS, calls::WRITABLE_DIRS, calls::REFUSED],
            vec![calls::BASE, calls::ABORT],
        ] {
            let mut numbers: Vec<_> = lists.iter().copied().flatten().map(|call| call.number).collect();
            let all = numbers.len();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), all);
            let made = program(lists.iter().copied(), SeccompAction::KillProcess, SeccompAction::Allow);
            assert!(made.is_ok_and(|program| !program.is_empty()));
        }
    }
}
