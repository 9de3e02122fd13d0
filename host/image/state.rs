//! The state that `init` left, as it is laid over the instances of a program.

use std::fs::File;
use std::os::fd::OwnedFd;

use bytes::Bytes;

use super::cache::{self, InitIdentity};
use super::{Made, Maker, State, in_memory};
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
        let key = self.state_key(made.settings);
        if let Some((span, file)) = self.load::<Span>(&key) {
            match self.checked(file, span, &first) {
                Ok(state) => return Ok(state),
                Err(why) => self.warn(format!("ignoring a state in the cache: {why}")),
            }
        }
        let bytes = self.initialize(report, made).await?;
        let role = Role::Initializer.as_str();
        let state = self.keep_state(&key, &bytes).map_err(|source| Error::Spawn { role, source })?;
        let span = Span { at: 0, length: bytes.len() as u64 };
        self.checked(state, span, &first).map_err(|why| Error::ChildFailed { role, why: format!("its state: {why}") })
    }

    /// A state that fits the program. It comes from a process that has run a guest.
    fn checked(&self, file: OwnedFd, span: Span, first: &Contents) -> Result<State, String> {
        let file = File::from(file);
        let contents = Contents::read(&file, span).map_err(|error| error.to_string())?;
        contents.check(first, self.config.task.limits.memory)?;
        Ok(State { file: file.into(), span, contents })
    }

    /// The name of the state. It does not depend on the checks in the code that made it.
    fn state_key(&self, settings: ImageSettings) -> String {
        let settings = ImageSettings { epochs: false, fuel: false, ..settings };
        let (init, grants) = (self.init(), &self.config.task.grants);
        let seed = self.config.task.deterministic.as_ref().map(|how| how.seed);
        let memory = self.config.task.limits.memory;
        let init = InitIdentity { argument: &init.argument, env: &grants.env, memory, seed };
        cache::key(self.program, self.worker, settings, Some(init), "state")
    }

    /// Keeps a state in the cache if possible, and opens it.
    fn keep_state(&self, key: &str, bytes: &Bytes) -> std::io::Result<OwnedFd> {
        let span = Span { at: 0, length: bytes.len() as u64 };
        match self.store(key, &span, bytes) {
            Some(file) => Ok(file),
            None => in_memory(bytes),
        }
    }
}
