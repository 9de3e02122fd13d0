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
    let has_dirs = !needs.dirs.is_empty();
    if has_dirs {
        // The arguments of clone3 are in memory, where no filter sees them. Without it, libc uses clone.
        let unknown = SeccompAction::Errno(libc::ENOSYS as u32);
        install(program([calls::REFUSED], SeccompAction::Allow, unknown))?;
    }
    let role: &[&[Call]] = match needs.role {
        Role::Compiler => &[calls::COMPILER],
        Role::Worker | Role::Initializer if has_dirs => &[calls::PAGEMAP, calls::DIRS, calls::REFUSED],
        Role::Worker | Role::Initializer => &[calls::PAGEMAP],
    };
    let lists = [calls::BASE, calls::ABORT].into_iter().chain(role.iter().copied());
    install(program(lists, SeccompAction::KillProcess, SeccompAction::Allow))
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
    program.and_then(|program| apply_filter_all_threads(&program)).map_err(|error| match error {
        Error::Prctl(error) | Error::Seccomp(error) => error,
        other => io::Error::other(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_can_be_made_a_program_and_names_no_call_twice() {
        for lists in [
            vec![calls::BASE, calls::ABORT, calls::PAGEMAP, calls::DIRS, calls::REFUSED],
            vec![calls::BASE, calls::ABORT, calls::COMPILER],
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
