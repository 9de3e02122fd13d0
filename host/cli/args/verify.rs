//! Options of running rows twice.

use std::num::NonZeroU64;

/// Which rows run twice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Twice {
    /// This part of all rows, from 0 to 1.
    Share(f64),
    /// This number of rows.
    Rows(NonZeroU64),
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Verification")]
pub struct Verifying {
    /// Run some rows a second time in another worker, and report outputs that differ; which rows depends on their
    /// content alone
    #[arg(long, value_name = "N%|N", value_parser = twice, conflicts_with_all = ["state", "state_in", "state_out"])]
    pub verify: Option<Twice>,
    /// Exit with 100 if a row of --verify differs
    #[arg(long, requires = "verify")]
    pub verify_fail: bool,
}

fn twice(text: &str) -> Result<Twice, String> {
    let wrong = || "expected a part of the rows, such as 1%, or a number of rows".to_owned();
    match text.strip_suffix('%') {
        Some(percent) => {
            let percent = percent.parse().ok().filter(|percent: &f64| *percent > 0.0 && *percent <= 100.0);
            percent.map(|percent| Twice::Share(percent / 100.0)).ok_or_else(wrong)
        }
        None => text.parse().map(Twice::Rows).map_err(|_| wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_verified_by_share_or_number() {
        assert_eq!(twice("1%"), Ok(Twice::Share(0.01)));
        assert_eq!(twice("100%"), Ok(Twice::Share(1.0)));
        assert_eq!(twice("20"), Ok(Twice::Rows(NonZeroU64::new(20).expect("not 0"))));
        for text in ["", "0", "0%", "-1", "101%", "%", "1.5", "NaN%", "inf%"] {
            assert!(twice(text).is_err(), "{text}");
        }
    }
}
