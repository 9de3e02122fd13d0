//! The fence around a child: its layers, how many of them are required, and their state.

use std::io;

use serde::{Deserialize, Serialize};

/// The part of the fence around workers and compilers that a machine must offer. In every mode a child dies with its
/// host, has no environment, no descriptors but its pipes and the program's image, leaves no core file and can gain no
/// rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxMode {
    /// Requires every layer; without one the pool fails with [`crate::Error::Sandbox`].
    Strict,
    /// Raises every layer that the machine offers. The pool reports the missing ones once, by
    /// [`crate::Event::Warning`].
    #[default]
    Auto,
    /// Raises no layer.
    Off,
}

/// A layer of the fence. Each of them, alone, holds a child that has broken out of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxLayer {
    /// Few descriptors, first in line when the machine runs out of memory, and a bound on memory against faults of
    /// wpool's own. A child that has broken out of the engine gets around that bound.
    Limits,
    /// A user, network, IPC and host name of its own.
    Namespaces,
    /// No capabilities, and no access to its memory for other processes of the same user.
    Privileges,
    /// No files outside granted directories and, as far as the kernel supports it, no TCP and no signals to others.
    /// With granted directories it needs Linux 6.2.
    Landlock,
    /// No system calls but the ones that a guest needs.
    Seccomp,
}

impl SandboxLayer {
    /// All layers, in the order in which a child raises them.
    pub const ALL: [SandboxLayer; 5] = [
        SandboxLayer::Limits,
        SandboxLayer::Namespaces,
        SandboxLayer::Privileges,
        SandboxLayer::Landlock,
        SandboxLayer::Seccomp,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            SandboxLayer::Limits => "limits",
            SandboxLayer::Namespaces => "namespaces",
            SandboxLayer::Privileges => "privileges",
            SandboxLayer::Landlock => "landlock",
            SandboxLayer::Seccomp => "seccomp",
        }
    }

    /// A remedy for a machine that does not offer the layer.
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

/// The state of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerState {
    On,
    /// It was not requested.
    Off,
    /// The machine refused it with this error number.
    Missing(i32),
}

/// The state of the fence around one child, as reported by that child.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    layers: Vec<(SandboxLayer, LayerState)>,
}

impl Fence {
    /// Parses a child's report, which may name each layer at most once.
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

    /// Every layer that the child reported, in the order in which it raised them.
    pub fn layers(&self) -> impl Iterator<Item = (SandboxLayer, LayerState)> {
        self.layers.iter().copied()
    }

    /// Whether every layer is on.
    pub(crate) fn is_whole(&self) -> bool {
        SandboxLayer::ALL.into_iter().all(|layer| self.layers.contains(&(layer, LayerState::On)))
    }

    /// The layers that the machine refused, each with its reason: `landlock (Function not implemented)`. Empty if it
    /// refused no layer.
    pub fn missing(&self) -> String {
        let why = |(layer, state): &(SandboxLayer, LayerState)| match state {
            LayerState::Missing(error) => {
                Some(format!("{} ({})", layer.as_str(), io::Error::from_raw_os_error(*error)))
            }
            LayerState::On | LayerState::Off => None,
        };
        self.layers.iter().filter_map(why).collect::<Vec<_>>().join(", ")
    }

    /// The remedies for the missing layers.
    pub(crate) fn advice(&self) -> String {
        let missing = self.layers.iter().filter(|(_, state)| matches!(state, LayerState::Missing(_)));
        missing.map(|(layer, _)| layer.advice()).collect::<Vec<_>>().join("; ")
    }
}

/// The message about a child that the fence has ended. `who` names the child, and `what` adds more about it.
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
