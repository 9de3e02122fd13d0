//! Findings for people.

use std::fmt::Write as _;
use std::time::Duration;

use super::super::units::{plural, show_time};
use super::findings::{Findings, Rate, Size, Split};

/// Everything, as a few small tables and the advice.
pub fn text(findings: &Findings) -> String {
    let Findings { program, size: Size { rows, sample, rounds }, cores, .. } = findings;
    let mut text = format!("{program}: {} a measurement", plural(*rows as u64, "row"));
    if sample < rows {
        let _ = write!(text, ", of {sample} different ones");
    }
    let _ = writeln!(
        text,
        "; medians of {} (min to max); {}\n",
        plural(*rounds as u64, "round"),
        plural(*cores as u64, "core")
    );
    let _ = writeln!(text, "workers        rows/s  speed-up  host CPU");
    for scale in &findings.workers {
        let _ = writeln!(
            text,
            "{:>7}  {:>12}  {:>8.2}  {:>6.0} %  {}",
            scale.workers,
            number(scale.rate.median),
            scale.speed_up,
            100.0 * scale.host_share,
            spread(&scale.rate)
        );
    }
    let workers = plural(findings.row.workers as u64, "worker");
    let _ = writeln!(text, "\na row, with {workers} and {} instances", findings.isolation);
    split(&findings.row, &mut text);
    let _ = writeln!(text, "\n{:<28} {:>12}  of the above", format!("with {workers}"), "rows/s");
    for variant in &findings.variants {
        match (&variant.rate, &variant.inapplicable) {
            (Some(rate), _) => {
                let ratio = variant.ratio.unwrap_or_default();
                let _ = writeln!(
                    text,
                    "  {:<26} {:>12}  {ratio:>8.2}  {}",
                    variant.name,
                    number(rate.median),
                    spread(rate)
                );
            }
            (None, why) => {
                let _ = writeln!(
                    text,
                    "  {:<26} not for this program: {}",
                    variant.name,
                    why.as_deref().unwrap_or_default()
                );
            }
        }
    }
    text.push('\n');
    findings.advice.iter().for_each(|advice| text += &format!("advice: {advice}\n"));
    text
}

fn split(row: &Split, text: &mut String) {
    let whole = (row.work() + row.waiting_us).max(f64::MIN_POSITIVE);
    for (name, micros) in
        [("start", row.start_us), ("guest", row.guest_us), ("host", row.host_us), ("waiting", row.waiting_us)]
    {
        let time = show_time(Duration::from_secs_f64(micros / 1e6));
        let _ = writeln!(text, "  {name:<8} {time:>8}  {:>4.0} %", 100.0 * micros / whole);
    }
}

fn spread(rate: &Rate) -> String {
    format!("({} to {})", number(rate.min), number(rate.max))
}

fn number(rate: f64) -> String {
    if rate < 100.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}
