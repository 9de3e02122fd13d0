//! Measures things in turn, and reports figures relative to each other, beside their targets.

/// The measurements of one side, one for each round.
#[derive(Clone, Debug, Default)]
pub struct Sample(Vec<f64>);

impl Sample {
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    fn sorted(&self) -> Vec<f64> {
        let mut values = self.0.clone();
        values.sort_unstable_by(f64::total_cmp);
        values
    }

    pub fn median(&self) -> f64 {
        self.sorted().get(self.0.len() / 2).copied().unwrap_or(f64::NAN)
    }

    pub fn min(&self) -> f64 {
        self.sorted().first().copied().unwrap_or(f64::NAN)
    }

    pub fn max(&self) -> f64 {
        self.sorted().last().copied().unwrap_or(f64::NAN)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ratio to another sample of the same rounds, in which the machine was equally busy for both.
    pub fn over(&self, other: &Sample) -> Sample {
        Sample(self.0.iter().zip(&other.0).map(|(own, other)| own / other).collect())
    }

    /// A text such as `0.71 (0.65 to 0.80)`, in columns.
    fn columns(&self) -> String {
        let spread = format!("({} to {})", shown(self.min()), shown(self.max()));
        format!("{:>9}  {spread:<20}", shown(self.median()))
    }
}

impl FromIterator<f64> for Sample {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Sample(values.into_iter().collect())
    }
}

/// The target of a figure.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    pub fn is_met(self, value: f64) -> bool {
        match self {
            Target::AtLeast(least) => value >= least,
            Target::AtMost(most) => value <= most,
        }
    }
}

/// A number with its three most significant digits.
pub fn shown(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.995 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A text such as `target ≥ 0.9  missed`, or nothing without a target.
pub fn verdict(value: f64, target: Option<Target>) -> String {
    let Some(target) = target else { return String::new() };
    let bound = match target {
        Target::AtLeast(least) => format!("≥ {}", shown(least)),
        Target::AtMost(most) => format!("≤ {}", shown(most)),
    };
    format!("target {bound:<8} {}", if target.is_met(value) { "met" } else { "MISSED" })
}

/// Prints a figure, in a unit or as a multiple of a peer.
pub fn claim(what: &str, sample: &Sample, of: &str, target: Option<Target>) {
    let line = format!("  {what:<42} {} {of:<34} {}", sample.columns(), verdict(sample.median(), target));
    println!("{}", line.trim_end());
}

/// Sides that are measured in turn, each once in every round, so that a disturbance of the machine affects all.
#[derive(Default)]
pub struct Comparison<'a> {
    unit: &'static str,
    sides: Vec<Side<'a>>,
}

struct Side<'a> {
    name: String,
    measure: Result<Box<dyn FnMut() -> f64 + 'a>, &'static str>,
    sample: Sample,
}

impl<'a> Comparison<'a> {
    pub fn new(unit: &'static str) -> Self {
        Comparison { unit, sides: Vec::new() }
    }

    /// Adds a side to measure. Returns its number.
    pub fn side(&mut self, name: &str, measure: impl FnMut() -> f64 + 'a) -> usize {
        self.side_unless(None, name, measure)
    }

    /// Like [`Comparison::side`], but with the reason if the side cannot be measured.
    pub fn side_unless(
        &mut self,
        reason: Option<&'static str>,
        name: &str,
        measure: impl FnMut() -> f64 + 'a,
    ) -> usize {
        let measure: Box<dyn FnMut() -> f64 + 'a> = Box::new(measure);
        let measure = reason.map_or(Ok(measure), Err);
        self.sides.push(Side { name: name.to_owned(), measure, sample: Sample::default() });
        self.sides.len() - 1
    }

    /// Measures all sides and prints their figures.
    pub fn run(&mut self, rounds: usize) {
        for round in 0..rounds {
            let count = self.sides.len();
            // The order changes, so that no side is always measured after the same other.
            for at in (0..count).map(|at| (at + round) % count) {
                let side = &mut self.sides[at];
                if let Ok(measure) = &mut side.measure {
                    let value = measure();
                    side.sample.push(value);
                }
            }
        }
        for side in &self.sides {
            match side.measure {
                Ok(_) => println!("  {:<42} {} {}", side.name, side.sample.columns(), self.unit),
                Err(reason) => println!("  {:<42} ({reason})", side.name),
            }
        }
    }

    pub fn sample(&self, side: usize) -> &Sample {
        &self.sides[side].sample
    }

    /// Prints a side's figure relative to a peer, if both were measured.
    pub fn claim(&self, what: &str, side: usize, peer: usize, target: Option<Target>) {
        let ratio = self.sample(side).over(self.sample(peer));
        if !ratio.is_empty() {
            claim(what, &ratio, &format!("× {}", self.sides[peer].name), target);
        }
    }

    /// Prints a side's own figure, if it was measured.
    pub fn reach(&self, what: &str, side: usize, target: Target) {
        if !self.sample(side).is_empty() {
            claim(what, self.sample(side), self.unit, Some(target));
        }
    }
}
