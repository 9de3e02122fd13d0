//! Texts for people, which cannot affect a terminal.

use std::borrow::Cow;
use std::fmt::Display;

use wpool::inert;

/// Columns between the stops of tabs.
const TAB: usize = 4;

/// A text of lines.
#[derive(Debug, Default)]
pub struct Lines(String);

impl Lines {
    /// Adds one line, with any content.
    pub fn add(&mut self, line: impl Display) {
        self.0 += &inert::text(&line.to_string());
        self.0.push('\n');
    }

    /// Adds a text of several lines: the first follows the head, and the others are below it.
    pub fn add_block(&mut self, head: &str, text: &str) {
        let mut lines = text.lines();
        self.add(format_args!("{head}{}", without_tabs(lines.next().unwrap_or_default())));
        let indent = head.chars().count();
        lines.for_each(|line| self.add(format_args!("{:indent$}{}", "", without_tabs(line))));
    }

    /// Adds the title of a part, below an empty line.
    pub fn add_title(&mut self, title: impl Display) {
        self.add("");
        self.add(title);
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A line of a source or of a traceback with spaces for its tabs, which would be written out. What stands under a line,
/// such as a caret, stays under it.
pub fn without_tabs(line: &str) -> Cow<'_, str> {
    if !line.contains('\t') {
        return Cow::Borrowed(line);
    }
    let mut text = String::with_capacity(line.len() + 16);
    let mut column = 0;
    for c in line.chars() {
        let width = if c == '\t' { TAB - column % TAB } else { 1 };
        column += width;
        if c == '\t' { text.extend(std::iter::repeat_n(' ', width)) } else { text.push(c) }
    }
    Cow::Owned(text)
}

impl<T: Display> FromIterator<T> for Lines {
    fn from_iter<I: IntoIterator<Item = T>>(lines: I) -> Lines {
        let mut text = Lines::default();
        lines.into_iter().for_each(|line| text.add(line));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_and_a_block_stands_behind_its_head() {
        let mut lines = Lines::default();
        lines.add("name  a\nname  b\r");
        lines.add_block("output   ", "1\nname  2\u{9b}\n");
        lines.add_block("stderr   ", "");
        assert_eq!(lines.as_str(), "name  a\\nname  b\\r\noutput   1\n         name  2\\u{9b}\nstderr   \n");
    }
}
