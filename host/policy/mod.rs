//! Policies: what the owner of a platform allows, whatever a run asks for.

mod amount;
mod file;
mod parse;
mod pattern;
mod rules;

use std::path::Path;
use std::sync::Arc;

pub(crate) use amount::Unit;
use parse::parse;
pub(crate) use rules::{Ceiling, Rules};

use crate::model::policy::PolicyError;
use crate::model::program::Program;
use crate::model::settings::Setting;

/// What the owner of a platform allows. It bounds the settings of a pool: see [`crate::Builder::policy`] and, for what a
/// policy can say, `docs/guide/policy.md`.
///
/// A policy can consist of several. All of them apply, and none widens another. The default binds nothing.
///
/// ```
/// # fn main() -> Result<(), wpool::PolicyError> {
/// let policy = wpool::Policy::parse("mine", "[max]\nmemory = \"64MiB\"\ntimeout = \"10s\"")?;
/// # let _ = policy;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    all: Vec<Arc<Rules>>,
}

impl Policy {
    /// A policy from a text. `name` stands for the file in messages.
    ///
    /// # Errors
    /// [`PolicyError::Malformed`].
    pub fn parse(name: impl AsRef<Path>, text: &str) -> Result<Policy, PolicyError> {
        Ok(Policy::of(parse(name.as_ref(), None, text)?))
    }

    /// A policy from a file. Its relative paths are below its folder. The file belongs to root or to the user of this
    /// process, nobody else may write to it, and no link leads to it.
    ///
    /// # Errors
    /// [`PolicyError::Unusable`], and [`PolicyError::Malformed`].
    pub fn read(path: impl AsRef<Path>) -> Result<Policy, PolicyError> {
        let path = path.as_ref();
        let (text, folder) = file::read(path)?;
        Ok(Policy::of(parse(path, Some(&folder), &text)?))
    }

    /// As [`Policy::read`], for a file that need not be there. One that is there and cannot be read is an error.
    ///
    /// # Errors
    /// As [`Policy::read`].
    pub fn read_if_there(path: impl AsRef<Path>) -> Result<Policy, PolicyError> {
        let path = path.as_ref();
        let Some((text, folder)) = file::read_if_there(path)? else { return Ok(Policy::default()) };
        Ok(Policy::of(parse(path, Some(&folder), &text)?))
    }

    fn of(rules: Rules) -> Policy {
        Policy { all: vec![Arc::new(rules)] }
    }

    /// Both policies: what one of them refuses is refused.
    #[must_use]
    pub fn and(mut self, other: &Policy) -> Policy {
        for rules in &other.all {
            if !self.all.contains(rules) {
                self.all.push(rules.clone());
            }
        }
        self
    }

    /// Whether it binds nothing.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The files that it was read from, or the names of its texts, each with the BLAKE3 of its text in hex.
    pub fn sources(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.all.iter().map(|rules| (&*rules.path, &*rules.hash))
    }

    /// Whether it says which programs may run.
    pub fn names_programs(&self) -> bool {
        self.all.iter().any(|rules| rules.programs.is_some())
    }

    /// Checks that a program may run. A pool checks it again.
    ///
    /// # Errors
    /// [`PolicyError::Refused`].
    pub fn check_program(&self, program: &Program) -> Result<(), PolicyError> {
        let mut denials = Vec::new();
        for rules in &self.all {
            let Some(programs) = &rules.programs else { continue };
            for part in program.parts().iter().filter(|part| !rules.allows(&part.hash, &part.places)) {
                let name = part.places.first().map_or_else(|| program.name().into(), |place| place.to_string_lossy());
                let what = format!("{name} is not an allowed program (its content is blake3:{})", part.hash.to_hex());
                denials.push(rules.denial(Setting::Program, programs.line, what));
            }
        }
        if denials.is_empty() { Ok(()) } else { Err(PolicyError::Refused(denials)) }
    }

    /// Checks that a program at this path, where there may be none yet, may run whatever its content is.
    ///
    /// # Errors
    /// [`PolicyError::Refused`].
    #[doc(hidden)]
    pub fn check_place(&self, place: &Path) -> Result<(), PolicyError> {
        // No content has this hash.
        let nothing = blake3::Hash::from_bytes([0; 32]);
        let folder = place.parent().and_then(|folder| std::fs::canonicalize(folder).ok());
        let place = folder.zip(place.file_name()).map_or_else(|| place.to_owned(), |(folder, name)| folder.join(name));
        let refuses = |rules: &&Arc<Rules>| !rules.allows(&nothing, std::slice::from_ref(&place));
        let what = format!("{} would be built first, and no program from there is allowed", place.display());
        let denial = |rules: &Arc<Rules>| {
            let line = rules.programs.as_ref().map_or(0, |programs| programs.line);
            rules.denial(Setting::Program, line, what.clone())
        };
        let denials: Vec<_> = self.all.iter().filter(refuses).map(denial).collect();
        if denials.is_empty() { Ok(()) } else { Err(PolicyError::Refused(denials)) }
    }

    /// The least of the ceilings of a setting.
    pub(crate) fn ceiling(&self, setting: Setting) -> Option<u64> {
        self.all.iter().filter_map(|rules| rules.ceiling(setting)).map(|ceiling| ceiling.most).min()
    }

    /// The most workers that it allows.
    pub fn most_workers(&self) -> Option<usize> {
        self.ceiling(Setting::Workers).map(|most| usize::try_from(most).unwrap_or(usize::MAX))
    }

    pub(crate) fn rules(&self) -> &[Arc<Rules>] {
        &self.all
    }
}
