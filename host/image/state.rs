//! The state that `init` left, as it is laid over the instances of a program.

use std::fs::File;
use std::os::fd::OwnedFd;

use super::{Made, Maker, State};
use crate::model::error::Error;
use crate::model::report::Report;
use crate::protocol::contents::{Contents, Span};
use crate::protocol::roles::Role;
use crate::protocol::setup::ImageSettings;

impl Maker<'_> {
    /// The state of a program whose instances can have one laid over them, from the cache or made now by its `init`.
    pub(super) async fn state(&self, report: &Report, made: &Made, start: Span) -> Result<State, Error> {
        let image = made.file.try_clone().map_err(|source| Error::Spawn { role: "worker", source })?;
        let image = File::from(image);
        let broken = |why: String| Error::ChildFailed { role: Role::Compiler.as_str(), why };
        let first = Contents::read(&image, start).map_err(|why| broken(format!("its image does not parse: {why}")))?;
        // The state does not depend on the checks in the code that made it.
        let settings = ImageSettings { epochs: false, fuel: false, ..made.settings };
        let key = self.key_of("state", settings, Some(&self.init()));
        if let Some((span, file)) = self.load::<Span>(&key) {
            match self.checked(file, span, &first) {
                Ok(state) => return Ok(state),
                Err(why) => self.warn(format!("ignoring a state in the cache: {why}")),
            }
        }
        let bytes = self.initialize(report, made).await?;
        let role = Role::Initializer.as_str();
        let span = Span { at: 0, length: bytes.len() as u64 };
        let state = self.put(&key, &span, &bytes).map_err(|source| Error::Spawn { role, source })?;
        self.checked(state, span, &first).map_err(|why| Error::ChildFailed { role, why: format!("its state: {why}") })
    }

    /// A state that fits the program. It comes from a process that has run a guest.
    fn checked(&self, file: OwnedFd, span: Span, first: &Contents) -> Result<State, String> {
        let file = File::from(file);
        let contents = Contents::read(&file, span).map_err(|error| error.to_string())?;
        contents.check(first, self.config.task.limits.memory)?;
        Ok(State { file: file.into(), span, contents })
    }
}
