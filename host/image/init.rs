//! The host's side of the process that runs `init`.

use std::time::Instant;

use bytes::Bytes;

use super::{Made, Maker, is_out_of_memory, parse};
use crate::model::error::{Error, Refusal, RefusalCode};
use crate::model::event::Event;
use crate::model::grants::Grants;
use crate::model::isolation::Isolation;
use crate::model::limits::{Limits, in_words};
use crate::model::report::Report;
use crate::model::settings::{Setting, TaskSettings};
use crate::protocol::contents::MAX_CONTENTS;
use crate::protocol::roles::{Role, label};
use crate::protocol::setup::{START_DEADLINE, WorkerSetup};
use crate::protocol::wire::{Decoder, Kind, MAX_TEXT};
use crate::spawn::handshake::{Failed, set_up};
use crate::spawn::within::within;

impl Maker<'_> {
    /// Runs `init` in a process of its own and returns the resulting state, unchecked.
    pub(super) async fn initialize(&self, report: &Report, made: &Made) -> Result<Bytes, Error> {
        let role = Role::Initializer.as_str();
        let argument = self.config.init_argument(self.program.name(), report)?;
        let spawn = |source| Error::Spawn { role, source };
        let image = made.file.try_clone().map_err(spawn)?;
        let label = label(Role::Initializer, None, self.program.name());
        let spawned = self.spawner.spawn(self.worker, Role::Initializer, label, vec![image]).await;
        let mut process = spawned.map_err(spawn)?;
        let rest = vec![(Kind::Argument, argument)];
        let mut decoder = Decoder::new(MAX_CONTENTS.max(MAX_TEXT));
        let began = Instant::now();
        let running = set_up(&mut process, self.init_setup(report, made), rest, &mut decoder, Kind::Snapshot);
        // The worker keeps the deadline. This one is for a worker that does not.
        let timeout = self.init().timeout;
        let most = START_DEADLINE.saturating_add(timeout).saturating_add(self.config.grace);
        let frames = match within(most, running).await {
            Some(frames) => frames,
            None => {
                let message = format!("its `init` ran longer than {timeout:?} and was killed; allow more time");
                return Err(self.refused(Refusal::new(RefusalCode::Init, message).about(&[Setting::InitTimeout])));
            }
        };
        match frames {
            Ok(frames) => {
                let (printed, state) =
                    parse(frames, "a text and a state").map_err(|why| Error::ChildFailed { role, why })?;
                self.config.observer.tell(&Event::Initialized { took: began.elapsed(), printed });
                Ok(state)
            }
            Err(Failed::Died(why)) => {
                let memory = in_words(self.config.task.limits.memory);
                Err(self.refused(if is_out_of_memory(&why) {
                    let message = format!("running its `init` takes more memory than {memory} allow for; allow more");
                    Refusal::new(RefusalCode::Init, message).about(&[Setting::Memory])
                } else {
                    Refusal::new(
                        RefusalCode::Init,
                        format!("its `init` ended its process: {why} (memory limit: {memory})"),
                    )
                }))
            }
            Err(Failed::Violated(why)) => Err(self.violated(Role::Initializer, &why)),
            Err(failed) => Err(failed.into_error(self.program.name(), Role::Initializer)),
        }
    }

    /// A worker's setup: the limits of a task except its time, and only the environment from the grants.
    fn init_setup(&self, report: &Report, made: &Made) -> WorkerSetup {
        let config = self.config;
        let task = TaskSettings {
            limits: Limits { deadline: Some(self.init().timeout), cpu: None, fuel: None, ..config.task.limits.clone() },
            grants: Grants { env: config.task.grants.env.clone(), ..Grants::default() },
            isolation: Isolation::Fresh,
            deterministic: config.task.deterministic.clone(),
            receipts: true,
            ..TaskSettings::default()
        };
        WorkerSetup {
            program_name: self.program.name().to_owned(),
            report: report.clone(),
            task,
            flush_each: false,
            state: false,
            init: true,
            image: made.setup(),
            sandbox: config.sandbox,
        }
    }
}
