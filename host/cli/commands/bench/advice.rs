//! Advice on the findings, in sentences.

use wpool::{Interrupt, PoolConfig};

use crate::cli::commands::bench::findings::Findings;
use crate::cli::commands::bench::settings::{Instances, Kind};
use crate::cli::units::plural;

/// The share of a row's work from which a part is mentioned.
const MUCH: f64 = 0.3;
/// The speed-up from which a change is suggested.
const WORTH: f64 = 1.15;
/// The share of a core from which the host counts as busy.
const FULL: f64 = 0.85;
/// The timeout whose checks cost time.
const TIMEOUT: Kind = Kind::Timeout(Interrupt::Epoch);

/// Advice of at least one sentence.
pub fn advice(findings: &Findings, asked: &PoolConfig) -> Vec<String> {
    let parts = [
        failures(findings),
        work(findings),
        isolation(findings, asked),
        anew(findings),
        workers(findings),
        timeout(findings, asked),
        chunks(findings),
    ];
    let advice: Vec<_> = parts.into_iter().flatten().collect();
    if !advice.is_empty() {
        return advice;
    }
    let share = percent(findings.row.guest_us / findings.row.work().max(f64::MIN_POSITIVE));
    vec![format!("nothing stands out: {share} of a row's work is the program's own")]
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

fn failures(findings: &Findings) -> Option<String> {
    let (bad, all) = (findings.not_ok, findings.tasks);
    let what = "were measured as they are; `wpool run` reports why";
    (bad > 0).then(|| format!("{bad} of {} are not ok and {what}", plural(all, "task")))
}

/// The main part of a row's work beside the program's own.
fn work(findings: &Findings) -> Option<String> {
    let (row, work) = (&findings.row, findings.row.work().max(f64::MIN_POSITIVE));
    let (start, host) = (row.start_us / work, row.host_us / work);
    let parts: Vec<_> = [(start, "starting its instance"), (host, "carrying it")]
        .into_iter()
        .filter(|(share, _)| *share > MUCH)
        .map(|(share, what)| format!("{what} is {}", percent(share)))
        .collect();
    let parts = parts.join(" and ");
    (!parts.is_empty()).then(|| format!("tasks are small: {parts} of a row's work; give each row more to do"))
}

/// The fastest setting that keeps tasks apart, or else one that does not.
fn isolation(findings: &Findings, asked: &PoolConfig) -> Option<String> {
    let faster = |how| faster(findings, Kind::Isolation(how));
    for how in [Instances::Reset, Instances::Fresh] {
        if let Some(ratio) = faster(how) {
            let how = how.as_str();
            return Some(format!("`--isolation {how}` is {ratio:.1} × as fast, and no task sees another's state"));
        }
    }
    let kept = faster(Instances::Reuse).filter(|_| asked.task.isolation.isolates())?;
    let when = "for programs whose tasks may see what earlier tasks left";
    Some(format!("`--isolation reuse` is {kept:.1} × as fast, {when}; try `reuse=checked` first"))
}

/// The speed-up of a variant, if it was faster in every round.
fn faster(findings: &Findings, kind: Kind) -> Option<f64> {
    let variant = findings.variant(kind)?;
    let asked = findings.scale(findings.row.workers)?.rate;
    let always = variant.rate.is_none_or(|rate| rate.is_over(&asked, WORTH));
    variant.ratio.filter(|ratio| always && *ratio >= WORTH)
}

/// The reason for a new instance for each task, if making it is much of the work.
fn anew(findings: &Findings) -> Option<String> {
    let row = &findings.row;
    let why = findings.variant(Kind::Isolation(Instances::Reset))?.inapplicable.as_ref()?;
    let much = findings.isolation == Instances::Fresh && row.start_us > MUCH * row.work();
    // Other possible options are of no use here.
    let why = why.split("; ").next().unwrap_or_default();
    much.then(|| format!("instances are made anew and not reset: {why}"))
}

fn workers(findings: &Findings) -> Option<String> {
    let asked = findings.scale(findings.row.workers)?;
    let more = findings.workers.iter().rfind(|scale| scale.workers > asked.workers);
    if let Some(more) = more.filter(|more| more.rate.is_over(&asked.rate, WORTH)) {
        let (count, ratio) = (more.workers, more.rate.median / asked.rate.median.max(f64::MIN_POSITIVE));
        let why = if findings.seen.idle_share > MUCH {
            "tasks wait for something, so try still more, with `--chunksize 1` so that none waits behind another"
        } else {
            "tasks do not wait, so other work keeps this machine busy, and more workers get a larger share"
        };
        return Some(format!("`-j {count}` is {ratio:.1} × as fast: {why}"));
    }
    let enough = findings.workers.iter().find(|scale| WORTH * scale.rate.median >= asked.rate.median)?;
    let why = if asked.host_share >= FULL { "the host is the limit" } else { "something else is the limit" };
    let told = enough.workers < asked.workers && asked.workers <= findings.cores;
    told.then(|| format!("more workers than {} do not help: {why}", enough.workers))
}

fn timeout(findings: &Findings, asked: &PoolConfig) -> Option<String> {
    if asked.interrupt == Interrupt::Kill && asked.task.limits.deadline.is_some() {
        // Without checks, a difference is chance.
        return None;
    }
    let slower = faster(findings, Kind::NoTimeout).or_else(|| slower(findings, TIMEOUT))?;
    let cost = percent(slower - 1.0);
    Some(format!("a timeout costs {cost} more time, for checks in loops; with `--interrupt kill` there are none"))
}

/// The slow-down of a variant, if it was slower in every round.
fn slower(findings: &Findings, kind: Kind) -> Option<f64> {
    let variant = findings.variant(kind)?;
    let asked = findings.scale(findings.row.workers)?.rate;
    let always = variant.rate.is_none_or(|rate| asked.is_over(&rate, WORTH));
    let slower = variant.ratio.map(|ratio| 1.0 / ratio.max(f64::MIN_POSITIVE));
    slower.filter(|slower| always && *slower >= WORTH)
}

fn chunks(findings: &Findings) -> Option<String> {
    let ratio = faster(findings, Kind::Chunks)?;
    Some(format!("without `--chunksize` it is {ratio:.1} × as fast"))
}

#[cfg(test)]
mod tests {
    use super::super::findings::{Rate, Scale, Size, Split, Variant};
    use super::super::measure::Seen;
    use super::*;

    /// Two workers, twice as fast as one, whose rows are only the program's own work.
    fn quiet() -> Findings {
        let scale = |workers: usize, rate: f64| Scale {
            workers,
            rate: Rate { median: rate, min: rate, max: rate },
            speed_up: rate / 100.0,
            host_share: 0.1,
        };
        Findings {
            version: "0",
            program: "task".into(),
            size: Size { rows: 100, sample: 100, rounds: 3 },
            isolation: Instances::Reset,
            cores: 2,
            not_ok: 0,
            tasks: 1_000,
            workers: vec![scale(1, 100.0), scale(2, 200.0), scale(4, 200.0)],
            row: Split { workers: 2, start_us: 5.0, guest_us: 90.0, host_us: 5.0, waiting_us: 0.0 },
            variants: Vec::new(),
            seen: Seen { tasks: 32, grown: 0, initial_memory: 1 << 20, peak_memory: 1 << 20, idle_share: 0.0 },
            advice: Vec::new(),
        }
    }

    fn told(findings: &Findings) -> Vec<String> {
        advice(findings, &PoolConfig::default())
    }

    const REUSE: Kind = Kind::Isolation(Instances::Reuse);
    const RESET: Kind = Kind::Isolation(Instances::Reset);

    fn with_variant(kind: Kind, ratio: f64) -> Findings {
        let name = kind.option().expect("it is a variant");
        let variant = Variant { kind, name, rate: None, ratio: Some(ratio), inapplicable: None };
        Findings { variants: vec![variant], ..quiet() }
    }

    #[test]
    fn where_nothing_is_to_be_done_that_is_said() {
        assert_eq!(told(&quiet()), ["nothing stands out: 90 % of a row's work is the program's own"]);
    }

    #[test]
    fn small_tasks_are_told_of_with_what_they_spend() {
        let row = Split { start_us: 80.0, guest_us: 15.0, ..quiet().row };
        let small = "tasks are small: starting its instance is 80 % of a row's work; give each row more to do";
        assert_eq!(told(&Findings { row, ..quiet() }), [small]);
        let row = Split { start_us: 45.0, guest_us: 10.0, host_us: 45.0, ..quiet().row };
        assert!(told(&Findings { row, ..quiet() })[0].contains("instance is 45 % and carrying it is 45 %"));
    }

    #[test]
    fn the_isolation_that_is_faster_is_named_and_the_safe_one_first() {
        assert!(told(&with_variant(REUSE, 3.0))[0].starts_with("`--isolation reuse` is 3.0 ×"));
        assert!(told(&with_variant(REUSE, 1.1))[0].starts_with("nothing"));
        let mut both = with_variant(REUSE, 9.0);
        both.variants.extend(with_variant(RESET, 8.0).variants);
        assert!(told(&both)[0].starts_with("`--isolation reset` is 8.0 ×"));
    }

    #[test]
    fn workers_that_do_not_help_and_those_that_are_missing_are_told_of() {
        let mut findings = quiet();
        findings.workers[1].rate.median = 105.0;
        findings.workers[2].rate.median = 105.0;
        assert_eq!(told(&findings), ["more workers than 1 do not help: something else is the limit"]);
        findings.workers[1].host_share = 0.95;
        assert_eq!(told(&findings), ["more workers than 1 do not help: the host is the limit"]);
        let mut findings = quiet();
        findings.workers[2].rate = Rate { median: 400.0, min: 190.0, max: 410.0 };
        assert!(told(&findings)[0].starts_with("nothing"), "it was not so in every round");
        findings.workers[2].rate.min = 390.0;
        assert!(told(&findings)[0].starts_with("`-j 4` is 2.0 × as fast: tasks do not wait"));
        findings.seen.idle_share = 0.9;
        assert!(told(&findings)[0].starts_with("`-j 4` is 2.0 × as fast: tasks wait for something"));
    }

    #[test]
    fn what_a_timeout_costs_is_the_same_from_either_side() {
        assert!(told(&with_variant(TIMEOUT, 0.5))[0].starts_with("a timeout costs 100 % more time"));
        assert!(told(&with_variant(Kind::NoTimeout, 2.0))[0].starts_with("a timeout costs 100 % more time"));
        assert!(told(&with_variant(TIMEOUT, 0.95))[0].starts_with("nothing"));
    }

    #[test]
    fn why_instances_are_made_anew_is_told_where_that_costs_much() {
        let why = Some("it is a component".to_owned());
        let refused =
            Variant { kind: RESET, name: "--isolation reset".into(), rate: None, ratio: None, inapplicable: why };
        let mut findings = Findings { isolation: Instances::Fresh, variants: vec![refused], ..quiet() };
        assert!(told(&findings)[0].starts_with("nothing"));
        findings.row.start_us = 100.0;
        assert_eq!(told(&findings)[1], "instances are made anew and not reset: it is a component");
    }

    #[test]
    fn failures_and_chunks_are_told_of() {
        assert!(told(&Findings { not_ok: 7, ..quiet() })[0].starts_with("7 of 1000 tasks are not ok"));
        assert!(told(&with_variant(Kind::Chunks, 2.0))[0].starts_with("without `--chunksize` it is 2.0 ×"));
    }
}
