//! The options of the library's settings: the library's messages name settings, and the command line adds what to type.

use wpool::{Denial, Error, PolicyError, Setting};

/// The option that chooses a setting.
fn option(setting: Setting) -> Option<&'static str> {
    Some(match setting {
        Setting::Alloc => "--alloc",
        Setting::Args => "-- ARG…",
        Setting::Call => "--call",
        Setting::CompileMemory => "--compile-memory",
        Setting::CompileTime => "--compile-timeout",
        Setting::CpuTime => "--cpu-time",
        Setting::CrashLimit => "--crash-limit",
        Setting::Deadline => "--timeout",
        Setting::Deterministic => "--deterministic",
        Setting::Directory => "--dir",
        Setting::Dirs => "--dir …:rw",
        Setting::Env => "--env",
        Setting::Fuel => "--fuel",
        Setting::Init => "--init-arg",
        Setting::InitEach => "--init-each",
        Setting::InitTimeout => "--init-timeout",
        Setting::Interrupt => "--interrupt kill",
        Setting::Isolation => "--isolation",
        Setting::JsonRows => "--lines, --files, --once",
        Setting::Lifetime => "--deadline",
        Setting::Memory => "--memory",
        Setting::Output => "--max-output",
        Setting::Retries => "--retries",
        Setting::Sandbox => "--sandbox auto",
        Setting::Scratch => "--scratch",
        Setting::State => "--state",
        Setting::Stdin => "--stdin",
        Setting::SuccessCodes => "--success-codes",
        Setting::VerifyIsolation => "--verify-isolation",
        Setting::Workers => "-j",
        _ => return None,
    })
}

/// The same where a policy decides, for each setting that it may name.
pub fn of_policy(setting: Setting) -> &'static str {
    match setting {
        Setting::Sandbox => "--sandbox",
        Setting::Workers => "-j",
        Setting::Program => "the program",
        other => option(other).unwrap_or(other.as_str()),
    }
}

/// The refusals of policies, a line each.
fn refused(denials: &[Denial]) -> String {
    let line = |Denial { setting, what, file, line, .. }: &Denial| {
        let colon = if *setting == Setting::Program { "" } else { " " };
        let option = if *setting == Setting::Program { "" } else { of_policy(*setting) };
        format!("policy: {option}{colon}{what} ({}:{line})", file.display())
    };
    denials.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The options that choose settings.
pub fn listed(settings: &[Setting]) -> String {
    settings.iter().copied().filter_map(option).collect::<Vec<_>>().join(", ")
}

/// An error with its causes in one line, and the options of its settings behind the first line.
pub fn in_words(error: &anyhow::Error) -> String {
    if let Some(Error::Policy(PolicyError::Refused(denials))) = error.downcast_ref::<Error>() {
        return refused(denials);
    }
    let text = format!("{error:#}");
    let settings = error.downcast_ref::<Error>().map(Error::settings).unwrap_or_default();
    let options = listed(&settings.into_iter().collect::<Vec<_>>());
    if options.is_empty() {
        return text;
    }
    let (first, rest) = text.split_at(text.find('\n').unwrap_or(text.len()));
    format!("{first} ({options}){rest}")
}

#[cfg(test)]
mod tests {
    use wpool::SettingError;

    use super::*;

    #[test]
    fn an_error_of_the_library_is_given_the_names_of_the_options() {
        let (setting, other) = (Setting::Deterministic, Setting::Deadline);
        let error = Error::from(SettingError::Conflict { setting, other, why: "no".to_owned() });
        let text = in_words(&error.into());
        assert_eq!(text, "a deterministic pool cannot be combined with a deadline: no (--deterministic, --timeout)");
        assert_eq!(in_words(&anyhow::anyhow!("a file")), "a file");
    }
}
