//! A program of the usual kind: libraries with large tables, of which a task needs little. A row is
//! `{"text": MARKDOWN, "charset": NAME, "host": NAME}`; the output has the text as HTML, in normal form, how many bytes it
//! takes in the character set, a name for the address line, and the part of the host's name that somebody has registered.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

raw::task!(document);

#[derive(Deserialize)]
struct Row {
    text: String,
    charset: String,
    host: String,
}

#[derive(Serialize)]
struct Output {
    html: String,
    bytes: usize,
    slug: String,
    domain: String,
}

fn document(row: &[u8]) -> Vec<u8> {
    let row: Row = serde_json::from_slice(row).expect("a text and a character set");
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, pulldown_cmark::Parser::new(&row.text));
    let html: String = html.nfkc().collect();
    let charset = encoding_rs::Encoding::for_label(row.charset.as_bytes()).expect("a character set");
    let bytes = charset.encode(&html).0.len();
    let title = row.text.lines().next().unwrap_or_default();
    let slug = deunicode::deunicode(title).to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let domain = psl::domain_str(&row.host).unwrap_or_default().to_owned();
    serde_json::to_vec(&Output { html, bytes, slug, domain }).expect("an output can be written")
}
