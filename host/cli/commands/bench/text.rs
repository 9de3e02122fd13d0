//! Findings for people.

use std::time::Duration;

use crate::cli::commands::bench::findings::{Findings, Rate, Size, Split};
use crate::cli::lines::Lines;
use crate::cli::units::{plural, show_time};

/// All findings, as a few small tables and the advice.
pub fn text(findings: &Findings) -> Lines {
    let Findings { program, size: Size { rows, sample, rounds }, cores, .. } = findings;
    let mut text = Lines::default();
    let of = if sample < rows { format!(", of {sample} different ones") } else { String::new() };
    let (rows, rounds, cores) =
        (plural(*rows as u64, "row"), plural(*rounds as u64, "round"), plural(*cores as u64, "core"));
    text.add(format_args!("{program}: {rows} a measurement{of}; medians of {rounds} (min to max); {cores}"));
    text.add_title("workers        rows/s  speed-up  host CPU");
    for scale in &findings.workers {
        text.add(format_args!(
            "{:>7}  {:>12}  {:>8.2}  {:>6.0} %  {}",
            scale.workers,
            number(scale.rate.median),
            scale.speed_up,
            100.0 * scale.host_share,
            spread(&scale.rate)
        ));
    }
    let workers = plural(findings.row.workers as u64, "worker");
    text.add_title(format_args!("a row, with {workers} and {} instances", findings.isolation.as_str()));
    split(&findings.row, &mut text);
    text.add_title(format_args!("{:<28} {:>12}  of the above", format!("with {workers}"), "rows/s"));
    for variant in &findings.variants {
        match (&variant.rate, &variant.inapplicable) {
            (Some(rate), _) => {
                let ratio = variant.ratio.unwrap_or_default();
                let (name, median, spread) = (&variant.name, number(rate.median), spread(rate));
                text.add(format_args!("  {name:<26} {median:>12}  {ratio:>8.2}  {spread}"));
            }
            (None, why) => {
                let why = why.as_deref().unwrap_or_default();
                text.add(format_args!("  {:<26} not for this program: {why}", variant.name));
            }
        }
    }
    text.add("");
    findings.advice.iter().for_each(|advice| text.add(format_args!("advice: {advice}")));
    text
}

fn split(row: &Split, text: &mut Lines) {
    let whole = (row.work() + row.waiting_us).max(f64::MIN_POSITIVE);
    for (name, micros) in
        [("start", row.start_us), ("guest", row.guest_us), ("host", row.host_us), ("waiting", row.waiting_us)]
    {
        let time = show_time(Duration::from_secs_f64(micros / 1e6));
        text.add(format_args!("  {name:<8} {time:>8}  {:>4.0} %", 100.0 * micros / whole));
    }
}

fn spread(rate: &Rate) -> String {
    format!("({} to {})", number(rate.min), number(rate.max))
}

fn number(rate: f64) -> String {
    if rate < 100.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}
