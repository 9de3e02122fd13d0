//! Names of functions as their authors wrote them.

use std::fmt::{self, Write};

use cpp_demangle::{DemangleOptions, Symbol};

/// A name of Rust or C++ in the form of its source, in at most so many bytes. A name that was not mangled, and a name that
/// would become longer, stays as it is: a few bytes of a hostile C++ name stand for as many as one likes.
pub(super) fn demangled(name: String, most: usize) -> String {
    let mut text = Capped { text: String::new(), most };
    let written = match rustc_demangle::try_demangle(&name) {
        // Without the hash at the end.
        Ok(rust) => write!(text, "{rust:#}").is_ok(),
        Err(_) => cpp(&name, &mut text),
    };
    if written && !text.text.is_empty() { text.text } else { name }
}

fn cpp(name: &str, text: &mut Capped) -> bool {
    // Everything else would be taken for a type, such as `i` for `int`.
    if !name.starts_with("_Z") && !name.starts_with("__Z") {
        return false;
    }
    let demangle = |symbol: Symbol<&str>| symbol.structured_demangle(text, &DemangleOptions::new()).is_ok();
    Symbol::new(name).is_ok_and(demangle)
}

/// A text that takes no more than so many bytes.
struct Capped {
    text: String,
    most: usize,
}

impl Write for Capped {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        if self.text.len() + more.len() > self.most {
            return Err(fmt::Error);
        }
        self.text.push_str(more);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rust_and_cpp_are_as_in_their_sources() {
        for (mangled, expected) in [
            ("_ZN4core9panicking5panic17h0123456789abcdefE", "core::panicking::panic"),
            ("_RNvCskwGfYPst2Cb_3foo16example_function", "foo::example_function"),
            ("_ZNSt6vectorIiSaIiEE9push_backEOi", "std::vector<int, std::allocator<int> >::push_back(int&&)"),
            ("main", "main"),
            ("i", "i"),
            ("_Znot", "_Znot"),
        ] {
            assert_eq!(demangled(mangled.to_owned(), 1 << 10), expected);
        }
    }

    #[test]
    fn a_name_that_would_become_too_long_stays_as_it_is() {
        // Each level names the one before it twice.
        let pair =
            |level: usize| format!("1AIS{}_S{0}_E", level.checked_sub(1).map_or(String::new(), |n| n.to_string()));
        let hostile = format!("_Z1fI1AI1BS_E{}EvT_", (0..9).map(pair).collect::<String>());
        for name in [hostile, format!("_Z1f{}", "P".repeat(500)), "_ZN4core9panicking5panic17h0123456789abcdefE".into()]
        {
            assert!(demangled(name.clone(), 20).len() <= name.len().max(20));
        }
    }
}
