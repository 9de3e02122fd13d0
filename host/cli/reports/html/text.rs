//! Text of others in a page: it can be no markup, and says all its characters.

use std::fmt::{self, Display, Write};
use std::time::Duration;

use wpool::inert;

use crate::cli::units::show_time;

/// Adds to a page. Writing to a `String` cannot fail.
macro_rules! put {
    ($page:expr, $($part:tt)*) => {{
        use std::fmt::Write as _;
        let _ = write!($page, $($part)*);
    }};
}
pub(super) use put;

/// A text within a line.
#[derive(Clone, Copy, Debug)]
pub struct Inline<T>(pub T);

/// A text of several lines.
#[derive(Clone, Copy, Debug)]
pub struct Block<T>(pub T);

impl<T: Display> Display for Inline<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escape { out, lines: false }, "{}", self.0)
    }
}

impl<T: Display> Display for Block<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escape { out, lines: true }, "{}", self.0)
    }
}

struct Escape<'a, 'b> {
    out: &'a mut fmt::Formatter<'b>,
    /// Ends of lines and tabs stay.
    lines: bool,
}

impl Write for Escape<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| match c {
            '&' => self.out.write_str("&amp;"),
            '<' => self.out.write_str("&lt;"),
            '>' => self.out.write_str("&gt;"),
            '"' => self.out.write_str("&quot;"),
            '\'' => self.out.write_str("&#39;"),
            '\n' | '\t' if self.lines => self.out.write_char(c),
            _ if inert::is_active(c) => write!(self.out, "{}", c.escape_default()),
            _ => self.out.write_char(c),
        })
    }
}

/// A number with commas between its thousands.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A point in time since the first task, to the second where it is late: `250ms`, `30:00:07`.
pub fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => show_time(time),
        60..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}

/// `1,000 tasks`, `1 task`.
pub fn count(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", number(count), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_markup() {
        let text = "</script><img src=x onerror='a()'>&\"\n\tb\u{1b}[31m\u{202e}";
        let inline = "&lt;/script&gt;&lt;img src=x onerror=&#39;a()&#39;&gt;&amp;&quot;";
        assert_eq!(Inline(text).to_string(), format!("{inline}\\n\\tb\\u{{1b}}[31m\\u{{202e}}"));
        assert_eq!(Block(text).to_string(), format!("{inline}\n\tb\\u{{1b}}[31m\\u{{202e}}"));
    }

    #[test]
    fn numbers_are_read_by_thousands() {
        assert_eq!([7, 999, 1_000, 10_000_000].map(number), ["7", "999", "1,000", "10,000,000"]);
        assert_eq!((count(1, "task"), count(1_000, "task")), ("1 task".to_owned(), "1,000 tasks".to_owned()));
        let clocks = [250, 61_000, 108_007_000].map(|millis| clock(Duration::from_millis(millis)));
        assert_eq!(clocks, ["250ms", "1:01", "30:00:07"]);
    }
}
