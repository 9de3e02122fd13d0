//! XML, of which only what JUnit needs: elements, attributes and text.

use std::fmt::{Display, Write as _};

use wpool::inert;

/// Appends an attribute, with any content.
pub fn attribute(out: &mut String, name: &str, value: impl Display) {
    let _ = write!(out, " {name}=\"");
    push(out, &value.to_string(), true);
    out.push('"');
}

/// Appends a text, with any content.
pub fn text(out: &mut String, text: &str) {
    push(out, text, false);
}

/// Appends the characters of a text. Active ones, and those that XML cannot hold, are written out as in messages. What
/// logs of CI systems obey is written as references: a report may go to a log.
fn push(out: &mut String, text: &str, is_attribute: bool) {
    let (mut before, mut begins_line) = (' ', true);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            // Also behind `]]`, where it must not stand as it is.
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '#' if before == '#' => out.push_str("&#35;"),
            ':' if begins_line => out.push_str("&#58;"),
            '\n' if is_attribute => out.push_str("&#10;"),
            '\t' if is_attribute => out.push_str("&#9;"),
            '\n' | '\t' => out.push(c),
            '\r' if rest.peek() == Some(&'\n') => {}
            '\u{fffe}' | '\u{ffff}' => out.extend(c.escape_default()),
            c if inert::is_active(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
        begins_line = c == '\n' || begins_line && c.is_whitespace();
        before = c;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_a_text_of_xml() {
        let mut out = String::new();
        text(&mut out, "a]]><b a=\"&\">\r\nc\r\u{0}\u{1b}[31m\u{ffff}\td");
        assert_eq!(out, "a]]&gt;&lt;b a=&quot;&amp;&quot;&gt;\nc\\r\\u{0}\\u{1b}[31m\\u{ffff}\td");
        let mut out = String::new();
        attribute(&mut out, "name", "a\n\tb\"");
        assert_eq!(out, " name=\"a&#10;&#9;b&quot;\"");
    }

    #[test]
    fn no_line_of_a_report_is_a_command_of_a_log() {
        let mut out = String::new();
        text(&mut out, "###[x]\n  ::error::a::b");
        assert_eq!(out, "#&#35;&#35;[x]\n  &#58;:error::a::b");
    }
}
