//! Help for options whose values are a list.

use clap::ValueEnum;
use clap::builder::PossibleValue;

/// The help of an option with a line for each value, which `--help` shows in as few lines as it can.
pub fn choices<T: ValueEnum>(about: &str) -> String {
    let values: Vec<_> = T::value_variants().iter().filter_map(ValueEnum::to_possible_value).collect();
    let width = values.iter().map(|value| value.get_name().len()).max().unwrap_or_default();
    let line = |value: &PossibleValue| {
        let help = value.get_help().map(ToString::to_string).unwrap_or_default();
        format!("\n  {:width$}  {help}", value.get_name())
    };
    values.iter().map(line).fold(about.to_owned(), |text, line| text + &line)
}
