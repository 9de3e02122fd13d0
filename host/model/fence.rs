//! The fence around a child: what it consists of, how much of it is asked for, and what of it stands.

use std::io;

use serde::{Deserialize, Serialize};

/// How much a machine must offer of the fence around workers and compilers. Whatever is chosen, a child dies with its
/// host, has no environment, no descriptors but its pipes and the program's image, leaves no core file and can gain no rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxMode {
    /// Every layer, or the pool fails with [`crate::Error::Sandbox`].
    Strict,
    /// Every layer that the machine offers. The pool tells once, by [`crate::Event::Warning`], which are missing.
    #[default]
    Auto,
    /// No layer.
    Off,
}

/// A part of the fence. Each holds a child that has broken out of the engine, for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxLayer {
    /// Few descriptors, the first to go when the machine is out of memory, and a bound on memory that catches faults of
    /// wpool's own: a child that has broken out of the engine gets around it.
    Limits,
    /// User, network, IPC and host name of its own.
    Namespaces,
    /// No capabilities, and nothing of its memory for other processes of the same user.
    Privileges,
    /// No files but those in granted directories; as far as the kernel knows of them, no TCP and no signals to others. With
    /// granted directories it takes Linux 6.2.
    Landlock,
    /// No system calls but those that a guest needs.
    Seccomp,
}

impl SandboxLayer {
    /// In the order in which they are raised.
    pub const ALL: [SandboxLayer; 5] = [
        SandboxLayer::Limits,
        SandboxLayer::Namespaces,
        SandboxLayer::Privileges,
        SandboxLayer::Landlock,
        SandboxLayer::Seccomp,
    ];

    /// The name in reports and in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            SandboxLayer::Limits => "limits",
            SandboxLayer::Namespaces => "namespaces",
            SandboxLayer::Privileges => "privileges",
            SandboxLayer::Landlock => "landlock",
            SandboxLayer::Seccomp => "seccomp",
        }
    }

    /// What to try where it cannot be had.
    pub fn advice(self) -> &'static str {
        match self {
            SandboxLayer::Limits => "mount /proc",
            SandboxLayer::Namespaces => {
                "allow user namespaces: sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone and \
                 kernel.apparmor_restrict_unprivileged_userns, and in a container the runtime's seccomp profile"
            }
            SandboxLayer::Privileges => "look for what denies prctl and capset to this process",
            SandboxLayer::Landlock => {
                "use Linux 5.13 or newer (6.2 with directories), with landlock in its `lsm=` parameter, and in a container a \
                 seccomp profile that knows it"
            }
            SandboxLayer::Seccomp => "use a kernel with CONFIG_SECCOMP_FILTER",
        }
    }
}

/// What became of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerState {
    /// It protects the child.
    On,
    /// It was not asked for.
    Off,
    /// The machine refused, with this error number.
    Missing(i32),
}

/// What stands of the fence around one child, as that child tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    layers: Vec<(SandboxLayer, LayerState)>,
}

impl Fence {
    /// What a child sent, if it makes sense: each layer at most once.
    pub(crate) fn parse(text: &[u8]) -> Result<Fence, String> {
        let fence: Fence = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        let times = |layer| fence.layers.iter().filter(|(other, _)| *other == layer).count();
        let is_sound = SandboxLayer::ALL.into_iter().all(|layer| times(layer) <= 1);
        if is_sound { Ok(fence) } else { Err("it names a layer twice".into()) }
    }

    #[cfg(feature = "engine")]
    pub(crate) fn set(&mut self, layer: SandboxLayer, state: LayerState) {
        self.layers.push((layer, state));
    }

    /// Every layer that the child told of, in the order in which it raised them.
    pub fn layers(&self) -> impl Iterator<Item = (SandboxLayer, LayerState)> {
        self.layers.iter().copied()
    }

    /// Whether every layer is there.
    pub(crate) fn is_whole(&self) -> bool {
        SandboxLayer::ALL.into_iter().all(|layer| self.layers.contains(&(layer, LayerState::On)))
    }

    /// The layers that the machine refused, with its reason each: `landlock (Function not implemented)`. Empty when there
    /// is none.
    pub fn missing(&self) -> String {
        let why = |(layer, state): &(SandboxLayer, LayerState)| match state {
            LayerState::Missing(error) => {
                Some(format!("{} ({})", layer.as_str(), io::Error::from_raw_os_error(*error)))
            }
            LayerState::On | LayerState::Off => None,
        };
        self.layers.iter().filter_map(why).collect::<Vec<_>>().join(", ")
    }

    /// What to try to have the layers that are missing.
    pub(crate) fn advice(&self) -> String {
        let missing = self.layers.iter().filter(|(_, state)| matches!(state, LayerState::Missing(_)));
        missing.map(|(layer, _)| layer.advice()).collect::<Vec<_>>().join("; ")
    }
}

/// What people are told when the fence has ended a child. `who` it was, and `what` it did then.
pub(crate) fn violation(who: &str, what: &str) -> String {
    format!(
        "SANDBOX VIOLATION: {who} made a system call that it has no right to, and the kernel ended it{what}. Either its program \
         broke out of the engine and was held by the fence, or wpool's list of system calls lacks one on this machine. Do not \
         trust that program, and report it as SECURITY.md says"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_child_tells_of_its_fence_is_checked() {
        let told = br#"{"layers":[["landlock",{"missing":38}],["seccomp","on"],["limits","off"]]}"#;
        let fence = Fence::parse(told).unwrap();
        assert_eq!(fence.layers().count(), 3);
        assert!(fence.missing().starts_with("landlock (Function not implemented"), "{}", fence.missing());
        assert!(fence.advice().contains("Linux 5.13"));
        let all = SandboxLayer::ALL.map(|layer| (layer, LayerState::On)).to_vec();
        assert!(!fence.is_whole() && !Fence::default().is_whole() && Fence { layers: all }.is_whole());
        let twice = br#"{"layers":[["seccomp","on"],["seccomp","on"]]}"#;
        for nonsense in [&b"null"[..], b"{}", b"", br#"{"layers":[["moat","on"]]}"#, twice] {
            assert!(Fence::parse(nonsense).is_err(), "{}", String::from_utf8_lossy(nonsense));
        }
    }
}
