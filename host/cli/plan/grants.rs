//! The meaning of the options that grant something to a program.

use anyhow::{Context, Result};
use wpool::template::Template;
use wpool::{DirGrant, Grants, Stdin};

use crate::cli::args;
use crate::cli::plan::usage;

pub fn grants(typed: &args::Run, files: bool) -> Result<Grants> {
    let made = |text: &String| template(text, files, false);
    let args::Grants { dir, scratch, env } = &typed.tasks.grants;
    Ok(Grants {
        args: typed.source.args.iter().map(made).collect::<Result<_>>()?,
        stdin: match typed.source.stdin.as_ref().filter(|text| *text != "none") {
            Some(text) => Stdin::Made(made(text)?),
            None if typed.source.stdin.is_some() => Stdin::Empty,
            None => Stdin::Row,
        },
        env: env.iter().map(|text| variable(text)).collect::<Result<_>>()?,
        dirs: dir.iter().map(|text| directory(text, files)).collect::<Result<_>>()?,
        scratch: scratch.clone(),
    })
}

/// A template that can be filled: only files have names, and only the host knows a row's position.
pub fn template(text: &str, files: bool, id: bool) -> Result<Template> {
    checked(text, Template::parse(text), files, id)
}

fn checked(text: &str, template: Template, files: bool, id: bool) -> Result<Template> {
    let why = match template.needs_name() {
        Some(placeholder) if !files => format!("`{placeholder}` needs --files: other rows have no names"),
        _ if template.needs_id() && !id => "`{id}` can only be used in --out-name".to_owned(),
        _ => return Ok(template),
    };
    usage(format!("{text}: {why} (doubled braces are literal)"))
}

fn variable(text: &str) -> Result<(String, String)> {
    if let Some((name, value)) = text.split_once('=') {
        if name.is_empty() {
            return usage(format!("--env {text}: the variable has no name; give NAME or NAME=VALUE"));
        }
        return Ok((name.to_owned(), value.to_owned()));
    }
    match std::env::var(text) {
        Ok(value) => Ok((text.to_owned(), value)),
        Err(_) => usage(format!(
            "--env {text}: there is no such variable here, or it is not UTF-8; give a value with {text}=…"
        )),
    }
}

fn directory(text: &str, files: bool) -> Result<DirGrant> {
    let (path, writable) = match (text.strip_suffix(":rw"), text.strip_suffix(":ro")) {
        (Some(path), _) => (path, Some(true)),
        (_, Some(path)) => (path, Some(false)),
        _ => (text, None),
    };
    let (host, guest) = path.split_once("::").unwrap_or((path, path));
    if host.is_empty() || guest.is_empty() {
        return usage(format!("--dir {text}: expected HOST[::GUEST][:ro|:rw]"));
    }
    check_mode(text, guest, writable)?;
    let (host, row) = of_row(text, host, files)?;
    let host = &*host;
    if row.is_some() && path == guest {
        return usage(format!("--dir {text}: a directory of the row needs a path in the program, as in {text}::/data"));
    }
    let absolute = std::fs::canonicalize(host).with_context(|| format!("cannot grant the directory {host}"))?;
    anyhow::ensure!(absolute.is_dir(), "cannot grant {host}: it is not a directory");
    // It is told to workers, and to journals, as text.
    anyhow::ensure!(absolute.to_str().is_some(), "cannot grant {host}: its path, {}, is not UTF-8", absolute.display());
    Ok(DirGrant { host: absolute, guest: guest.to_owned(), writable: writable.unwrap_or_default(), row })
}

/// The part of a host's path that is the same for all rows, and the rest, which is made from the row. Without
/// placeholders there is no rest.
fn of_row(text: &str, host: &str, files: bool) -> Result<(String, Option<Template>)> {
    let (fixed, rest) = Template::of_path(host);
    let Some(rest) = rest else { return Ok((fixed, None)) };
    let fixed = fixed.trim_end_matches('/');
    if fixed.is_empty() && host.starts_with('/') {
        return usage(format!("--dir {text}: the first folder of the path must be the same for all rows"));
    }
    Ok((if fixed.is_empty() { "." } else { fixed }.to_owned(), Some(checked(text, rest, files, false)?)))
}

/// Refuses a path that ends as if it had a mode, such as `D::/d:rwx`: a mistyped mode would be a part of its name.
fn check_mode(text: &str, path: &str, mode: Option<bool>) -> Result<()> {
    let Some((_, end)) = path.rsplit_once(':').filter(|(_, end)| !end.contains('/')) else { return Ok(()) };
    match mode {
        None => usage(format!(
            "--dir {text}: {end:?} is not a mode; the modes are ro (read) and rw (read and write). For a path that ends so, \
             write its mode behind it: {text}:ro"
        )),
        Some(_) if ["ro", "rw"].contains(&end) => {
            usage(format!("--dir {text}: it has two modes; give one, :ro or :rw"))
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn a_grant_is_refused_or_names_a_directory(text in "((/|\\.|/tmp|none)?(::)?(/a|:)?(:ro|:rw)?|[a:.\u{e9}]{0,6})") {
            if let Ok(grant) = directory(&text, true) {
                prop_assert!(grant.host.is_absolute() && !grant.guest.is_empty());
                prop_assert_eq!(grant.writable, text.ends_with(":rw"), "nobody writes who was not allowed to");
            }
            let _ = variable(&text);
            let _ = (template(&text, true, true), template(&text, false, false));
        }
    }
}
