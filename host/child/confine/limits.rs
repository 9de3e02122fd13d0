//! Limits of a child's share of the machine.

use std::{fs, io};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::needs::Needs;

/// The kernel's preference, from -1000 to 1000, for ending a child when the machine is out of memory. It ends a child
/// before its host and before all else that runs here, because the child's tasks can run again.
const OOM_SCORE: &str = "1000";

/// Open files. A worker has some ten. With directories, the files that a guest opens are added.
const FILES: u64 = 32;
const FILES_WITH_DIRS: u64 = 1024;

/// Sets each limit, even if another one fails.
///
/// The limit on memory is for faults of wpool's own. A guest that has broken out can write to pages and then make them
/// read-only, and the kernel stops counting them. Against this stand the order in which the kernel ends processes, and
/// a control group if there is one. Threads need no limit: the fence lets nobody start one.
///
/// # Errors
/// The first error of all.
pub(super) fn set(needs: &Needs<'_>) -> io::Result<()> {
    let order = fs::write("/proc/self/oom_score_adj", OOM_SCORE);
    let data = needs.data.map_or(Ok(()), |more| limit_data(data_now()?.saturating_add(more)));
    let files = lower(Resource::Nofile, if needs.files() { FILES_WITH_DIRS } else { FILES });
    // A limit on time that the host was started with is here, too.
    let time = getrlimit(Resource::Cpu).maximum.map_or(Ok(()), limit_time);
    order.and(data).and(files).and(time)
}

/// Bytes of memory that this process may write to.
pub(crate) fn limit_data(bytes: u64) -> io::Result<()> {
    lower(Resource::Data, bytes)
}

/// Seconds of processor time of this process, or fewer if it may have no more. The limit that names itself in the signal that
/// it sends comes a second before the limit that cannot be caught.
pub(crate) fn limit_time(seconds: u64) -> io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Cpu);
    let hard = maximum.map_or(seconds.saturating_add(1), |most| most.min(seconds.saturating_add(1)));
    let soft = current.map_or(seconds, |soft| soft.min(seconds)).min(hard.saturating_sub(1)).max(1);
    Ok(setrlimit(Resource::Cpu, Rlimit { current: Some(soft), maximum: Some(hard) })?)
}

/// Lowers a limit. A process without rights cannot raise it again. A limit that is lower already stays.
fn lower(resource: Resource, limit: u64) -> io::Result<()> {
    let most = getrlimit(resource).maximum.map_or(limit, |most| most.min(limit));
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}

/// Bytes that count for the limit, as this process has them now.
fn data_now() -> io::Result<u64> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages = statm.split(' ').nth(5).and_then(|pages| pages.parse::<u64>().ok());
    let pages = pages.ok_or(io::ErrorKind::InvalidData)?;
    Ok(pages.saturating_mul(rustix::param::page_size() as u64))
}
