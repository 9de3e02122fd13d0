//! URLs by the WHATWG standard, for the classes `URL` and `URLSearchParams` in url.js.

use rquickjs::{Ctx, Function, Object};
use url::form_urlencoded::{self, Serializer};
use url::{Url, quirks};

/// Adds the functions to the object `native`.
pub fn add<'js>(ctx: &Ctx<'js>, native: &Object<'js>) -> rquickjs::Result<()> {
    native.set("parseUrl", Function::new(ctx.clone(), parse))?;
    native.set("changeUrl", Function::new(ctx.clone(), change))?;
    native.set("parseForm", Function::new(ctx.clone(), parse_form))?;
    native.set("writeForm", Function::new(ctx.clone(), write_form))
}

/// The parts of the URL that a text is. `None`: it is no URL.
fn parse(text: String, base: Option<String>) -> Option<Vec<String>> {
    let base = base.map(|base| Url::parse(&base)).transpose().ok()?;
    let text = match &base {
        Some(base) => with_two_slashes(text, base),
        None => text,
    };
    Url::options().base_url(base.as_ref()).parse(&text).ok().map(parts)
}

/// A relative URL with `//` for any number of slashes above, as the standard has it where a scheme has to have a host.
/// The crate refuses them.
fn with_two_slashes(text: String, base: &Url) -> String {
    const SLASHES: [char; 2] = ['/', '\\'];
    if !matches!(base.scheme(), "http" | "https" | "ws" | "wss" | "ftp") {
        return text;
    }
    let plain: String = text.trim_start_matches(|it| it <= ' ').replace(['\t', '\n', '\r'], "");
    let rest = plain.trim_start_matches(SLASHES);
    if plain.len() - rest.len() > 2 { format!("//{rest}") } else { text }
}

/// The parts of a URL, of which one was assigned. A value that does not fit changes nothing.
fn change(href: String, name: String, value: String) -> Option<Vec<String>> {
    let mut url = Url::parse(&href).ok()?;
    let set: fn(&mut Url, &str) -> Result<(), ()> = match name.as_str() {
        "protocol" => quirks::set_protocol,
        "username" => quirks::set_username,
        "password" => quirks::set_password,
        "host" => quirks::set_host,
        "hostname" => quirks::set_hostname,
        "port" => quirks::set_port,
        "pathname" => |url, value| Ok(quirks::set_pathname(url, value)),
        "search" => |url, value| Ok(quirks::set_search(url, value)),
        _ => |url, value| Ok(quirks::set_hash(url, value)),
    };
    let _ = set(&mut url, &value);
    Some(parts(url))
}

/// A file's path with `C:` for `C|`, which the crate leaves.
fn with_drive(mut url: Url) -> Url {
    if let (true, [b'/', b'A'..=b'Z' | b'a'..=b'z', b'|', rest @ ..]) = (url.scheme() == "file", url.path().as_bytes())
        && matches!(rest, [] | [b'/', ..])
    {
        let path = url.path().replacen('|', ":", 1);
        url.set_path(&path);
    }
    url
}

/// As `PARTS` in url.js has them.
fn parts(url: Url) -> Vec<String> {
    let url = &with_drive(url);
    let origin = quirks::origin(url);
    let parts = [
        quirks::href(url),
        &origin,
        quirks::protocol(url),
        quirks::username(url),
        quirks::password(url),
        quirks::host(url),
        quirks::hostname(url),
        quirks::port(url),
        quirks::pathname(url),
        quirks::search(url),
        quirks::hash(url),
    ];
    parts.map(str::to_owned).to_vec()
}

/// The names and values of a query, in turn.
fn parse_form(query: String) -> Vec<String> {
    form_urlencoded::parse(query.as_bytes()).flat_map(|(name, value)| [name.into_owned(), value.into_owned()]).collect()
}

fn write_form(list: Vec<String>) -> String {
    let mut query = Serializer::new(String::new());
    for pair in list.chunks_exact(2) {
        query.append_pair(&pair[0], &pair[1]);
    }
    query.finish()
}
