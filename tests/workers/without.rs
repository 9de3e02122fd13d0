//! Runs a command on a kernel that lacks layers of the fence:
//!
//! ```text
//! without LAYER,… COMMAND ARGUMENT…
//! ```
//!
//! The layers are those of `wpool::fence::SandboxLayer`, `landlock-denied`, and `openat2`, which is a call and not a layer. What
//! raises them is answered as such a kernel would.

use std::collections::BTreeMap;
use std::error::Error;
use std::os::unix::process::CommandExt;
use std::process::Command;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let (layers, command) = args.next().zip(args.next()).ok_or("usage: without LAYER,… COMMAND ARGUMENT…")?;
    // The one that takes filters goes last.
    let mut layers: Vec<&str> = layers.to_str().ok_or("no layer")?.split(',').collect();
    layers.sort_by_key(|layer| *layer == "seccomp");
    for layer in layers {
        let (call, error) = match layer {
            "landlock" => (libc::SYS_landlock_create_ruleset, libc::ENOSYS),
            // As a container's profile answers.
            "landlock-denied" => (libc::SYS_landlock_create_ruleset, libc::EPERM),
            "openat2" => (libc::SYS_openat2, libc::ENOSYS),
            "namespaces" => (libc::SYS_unshare, libc::EPERM),
            "privileges" => (libc::SYS_capset, libc::EPERM),
            "seccomp" => (libc::SYS_seccomp, libc::EINVAL),
            other => return Err(format!("no layer {other}").into()),
        };
        let (rules, answer) = (BTreeMap::from([(call, Vec::new())]), SeccompAction::Errno(error as u32));
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, answer, std::env::consts::ARCH.try_into()?)?;
        apply_filter(&BpfProgram::try_from(filter)?)?;
    }
    Err(Command::new(command).args(args).exec().into())
}
