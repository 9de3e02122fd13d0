//! Settles a pool's settings for one program with its report.

use bytes::Bytes;

use super::PoolConfig;
use crate::model::event::Event;
use crate::model::grants::Stdin;
use crate::model::isolation::Isolation;
use crate::model::limits::{MAX_INPUT, in_words};
use crate::model::report::{Convention, Kind, Report};
use crate::model::settings::{Setting, SettingError, TaskSettings};
use crate::model::typed;

impl PoolConfig {
    /// Checks the settings against a program.
    ///
    /// # Errors
    /// When the program cannot use a setting, or cannot run with it.
    pub(crate) fn check_program(&self, name: &str, report: &Report) -> Result<(), SettingError> {
        let refuse = |setting, why| SettingError::Program { setting, program: name.to_owned(), why };
        self.check_commands(report.convention).map_err(|(setting, why)| {
            refuse(setting, format!("{why}: its convention is {}, not command", report.convention))
        })?;
        self.check_isolation(report).map_err(|why| refuse(Setting::Isolation, why))?;
        if let Some(signature) =
            report.signature().filter(|signature| !self.task.json_rows && !typed::takes_text(signature))
        {
            let why = "cannot take rows of text, which need a function of a single string or list<u8>";
            return Err(refuse(Setting::JsonRows, format!("{why}; this one is {signature}")));
        }
        if self.init.is_some() {
            self.init_argument(name, report)?;
        }
        Ok(())
    }

    /// The argument of `init`.
    ///
    /// # Errors
    /// When the program has no way to read one.
    pub(crate) fn init_argument(&self, name: &str, report: &Report) -> Result<Bytes, SettingError> {
        let argument = self.init.as_ref().map(|init| init.argument.clone()).unwrap_or_default();
        let why = match () {
            () if report.init.is_none() => {
                "has no `init` to be called: a component exports `init: func(arg: list<u8>) -> result<_, string>`, a core \
                 module `wpool_init`"
                    .to_owned()
            }
            () if !argument.is_empty() && report.is_deaf() => {
                "cannot give its `wpool_init` an argument: it would be read from standard input, and the program imports \
                 nothing of WASI"
                    .to_owned()
            }
            () if argument.len() > MAX_INPUT => {
                format!("can be given {} for its `init` at most", in_words(MAX_INPUT as u64))
            }
            () => return Ok(argument),
        };
        Err(SettingError::Program { setting: Setting::Init, program: name.to_owned(), why })
    }

    /// Checks that the program has a way to reach its shared state.
    ///
    /// # Errors
    /// When it is a core module.
    pub(crate) fn check_state(&self, name: &str, report: &Report) -> Result<(), SettingError> {
        if self.state.is_none() {
            return Ok(());
        }
        if report.kind == Kind::CoreModule {
            let why = "is a core module, which cannot reach shared state: components import it as wasi:keyvalue";
            let (program, why) = (name.to_owned(), why.to_owned());
            return Err(SettingError::Program { setting: Setting::State, program, why });
        }
        if !report.imports.iter().any(|import| import.starts_with("wasi:keyvalue/")) {
            let what = "there is shared state, and the program does not import wasi:keyvalue to reach it".into();
            self.observer.tell(&Event::Warning(what));
        }
        Ok(())
    }

    /// The settings with which a worker of this program runs tasks.
    pub(crate) fn worker_settings(&self, report: &Report) -> TaskSettings {
        // `check_program` has rejected a program whose instances must be restored but cannot be.
        let isolation = self.settled_isolation(report).0;
        TaskSettings { limits: self.worker_limits(), isolation, ..self.task.clone() }
    }

    /// The isolation that workers of this program enforce, and why instances cannot be restored, if they are not.
    pub(crate) fn settled_isolation(&self, report: &Report) -> (Isolation, Result<(), String>) {
        let why = self.puts_back().and_then(|()| report.resettable.clone());
        match self.task.isolation {
            Isolation::Auto | Isolation::Reset if why.is_ok() => (Isolation::Reset, why),
            Isolation::Auto | Isolation::Reset => (Isolation::Fresh, why),
            other => (other, why),
        }
    }

    fn check_commands(&self, convention: Convention) -> Result<(), (Setting, &'static str)> {
        let task = &self.task;
        match () {
            () if convention == Convention::Command => Ok(()),
            () if !task.grants.args.is_empty() => Err((Setting::Args, "takes no arguments")),
            () if task.grants.stdin != Stdin::Row => Err((Setting::Stdin, "has no standard input")),
            () if task.success_codes != [0] => Err((Setting::SuccessCodes, "has no exit code")),
            () => Ok(()),
        }
    }

    fn check_isolation(&self, report: &Report) -> Result<(), String> {
        let why = match self.task.isolation {
            Isolation::Auto | Isolation::Fresh => return Ok(()),
            Isolation::Reset => {
                let (_, Err(why)) = self.settled_isolation(report) else { return Ok(()) };
                return Err(format!(
                    "cannot have its instances put back: {why}; with automatic isolation each task gets a fresh one"
                ));
            }
            _ if report.convention == Convention::Command => {
                "is a command, which may be started only once in an instance that it has left: its language's library \
                 ends with it; use another isolation than reuse"
            }
            Isolation::Checked if self.task.grants.has_writable_dir() || self.state.is_some() => {
                "may write to a directory or to shared state, and checked reuse would have some tasks write twice"
            }
            Isolation::Reuse(_) | Isolation::Checked => return Ok(()),
        };
        Err(why.to_owned())
    }
}
