//! The reason for which a session ends before its time, as the client reads it.

use serde::Serialize;
use wpool::{Error, Setting};

use crate::cli::commands::serve::frame::Violation;
use crate::cli::errors::Usage;
use crate::cli::exit::Exit;

/// The content of an error frame.
#[derive(Debug, Serialize)]
pub struct Fault {
    /// `protocol`, `setting`, `policy`, `refused`, `set-up` or `pool`.
    pub code: &'static str,
    pub message: String,
    /// The reason of a refused program, as a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<&'static str>,
    /// The settings that the error is about, by the names that a hello has for them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<&'static str>,
    #[serde(skip)]
    pub exit: Exit,
}

impl Fault {
    pub fn setting(message: impl Into<String>, settings: Vec<&'static str>) -> Fault {
        Fault { code: "setting", message: message.into(), refusal: None, settings, exit: Exit::Usage }
    }
}

impl From<Violation> for Fault {
    fn from(violation: Violation) -> Fault {
        let message = violation.to_string();
        Fault { code: "protocol", message, refusal: None, settings: Vec::new(), exit: Exit::Usage }
    }
}

impl From<anyhow::Error> for Fault {
    fn from(error: anyhow::Error) -> Fault {
        let exit = Exit::of_error(&error);
        let message = format!("{error:#}");
        let of_library = error.downcast_ref::<Error>();
        let settings = of_library.map(Error::settings).unwrap_or_default();
        let (code, refusal) = match of_library {
            Some(Error::ProgramRefused { refusal, .. }) => ("refused", Some(refusal.code.as_str())),
            Some(Error::Setting(_)) => ("setting", None),
            Some(Error::Policy(_)) => ("policy", None),
            Some(Error::TooManyFailures { .. } | Error::Ended) => ("pool", None),
            None if error.is::<Usage>() => ("setting", None),
            _ => ("set-up", None),
        };
        Fault { code, message, refusal, settings: settings.into_iter().filter_map(name).collect(), exit }
    }
}

/// The member of a hello that chooses a setting.
fn name(setting: Setting) -> Option<&'static str> {
    Some(match setting {
        Setting::Alloc => "alloc",
        Setting::Args => "args",
        Setting::Call => "call",
        Setting::CpuTime => "cpu_time",
        Setting::CrashLimit => "crash_limit",
        Setting::Deadline => "timeout",
        Setting::Deterministic => "deterministic",
        Setting::Directory | Setting::Dirs => "dirs",
        Setting::Env => "env",
        Setting::Fuel => "fuel",
        Setting::Init => "init_arg",
        Setting::InitEach => "init_each",
        Setting::InitTimeout => "init_timeout",
        Setting::Interrupt => "interrupt",
        Setting::Isolation => "isolation",
        Setting::JsonRows => "rows",
        Setting::Memory => "memory",
        Setting::Output => "max_output",
        Setting::Program => "program",
        Setting::Retries => "retries",
        Setting::Sandbox => "sandbox",
        Setting::Scratch => "scratch",
        Setting::SuccessCodes => "success_codes",
        Setting::Workers => "max_workers",
        _ => return None,
    })
}
