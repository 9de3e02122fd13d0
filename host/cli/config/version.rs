//! `wpool = ">=0.2"`: the versions of wpool that a file is for.

/// A version as three numbers.
type Version = [u64; 3];

/// Whether a version is one of those that a requirement names. All of its parts, which commas separate, must hold.
///
/// # Errors
/// What is wrong with the requirement.
pub fn is_met(requirement: &str, version: &str) -> Result<bool, String> {
    // What a version has behind its numbers says that it comes before them, and is not asked about.
    let version = version.split(['-', '+']).next().unwrap_or_default();
    let version = numbers(version).unwrap_or_default();
    requirement.split(',').try_fold(true, |met, part| Ok(holds(part.trim(), version)? && met))
}

fn holds(part: &str, version: Version) -> Result<bool, String> {
    let digits = part.trim_start_matches(['<', '>', '=']);
    let operator = &part[..part.len() - digits.len()];
    let wrong = || format!("expected versions such as \">=0.2\" or \">=0.2, <0.4\", not {part:?}");
    let named = numbers(digits.trim()).ok_or_else(wrong)?;
    Ok(match operator {
        ">=" => version >= named,
        ">" => version > named,
        "<=" => version <= named,
        "<" => version < named,
        "=" => version == named,
        _ => return Err(wrong()),
    })
}

/// One to three numbers with dots between.
fn numbers(text: &str) -> Option<Version> {
    let mut version = [0; 3];
    let mut parts = text.split('.');
    for (at, number) in version.iter_mut().enumerate() {
        match parts.next() {
            Some(part) if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) => {
                *number = part.parse().ok()?;
            }
            None if at > 0 => {}
            _ => return None,
        }
    }
    parts.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn every_requirement_is_met_or_not_or_refused(text in "[<>=,. 0-9x\u{e9}]{0,12}", version in "[0-9]{0,3}(\\.[0-9]{1,3}){0,3}") {
            let _ = is_met(&text, &version);
            let own = is_met(&format!("={version}"), &version);
            prop_assert!(own != Ok(false), "a version is itself");
        }
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (requirement, met) in [
            (">=0.2", true),
            (">=0.2.10", true),
            (">=0.2.11", false),
            (">0.2.10", false),
            ("<1", true),
            (">=0.2, <0.3", true),
            (">=0.2,<0.2.10", false),
            ("=0.2.10", true),
            ("= 0.2", false),
            ("<=0.10", true),
        ] {
            assert_eq!(is_met(requirement, "0.2.10-dev"), Ok(met), "{requirement}");
        }
        for wrong in
            ["", "0.2", ">=", ">=x", ">=1.2.3.4", "^0.2", ">=0.2,", "=>0.2", ">=-1", ">=0..2", ">=99999999999999999999"]
        {
            assert!(is_met(wrong, "0.2.10").is_err(), "{wrong}");
        }
    }
}
