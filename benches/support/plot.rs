//! Plots with logarithmic axes as SVG, side by side, in colours that can be read on light and on dark.

use std::fmt::Write as _;

/// A line of a plot.
pub struct Series {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

impl Series {
    pub fn new(name: &str) -> Series {
        Series { name: name.to_owned(), points: Vec::new() }
    }
}

pub struct Panel {
    pub title: &'static str,
    pub x: &'static str,
    pub y: &'static str,
    pub lines: Vec<Series>,
}

/// Sizes of a panel, in pixels: the whole panel, and the plot in it.
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 34.0;
const RIGHT: f64 = 338.0;
const BOTTOM: f64 = 232.0;

/// Colours on light and on dark, by Okabe and Ito, which are distinct also for colour-blind people, and dashes for
/// prints in grey.
const STYLES: [(&str, &str, &str); 4] = [
    ("#0072b2", "#56b4e9", "none"),
    ("#d55e00", "#e69f00", "6 3"),
    ("#007a5a", "#00b386", "2 3"),
    ("#b0568a", "#e3a3c6", "9 3 2 3"),
];

/// A logarithmic axis over whole decades.
struct Axis {
    low: i32,
    high: i32,
    from: f64,
    to: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Axis {
        let least = values.clone().fold(f64::INFINITY, f64::min).max(1e-9);
        let most = values.fold(0.0, f64::max).max(1e-9);
        // A value at the edge of a decade must not open another decade because of a rounding error.
        let low = (least.log10() + 1e-9).floor() as i32;
        let high = ((most.log10() - 1e-9).ceil() as i32).max(low + 1);
        Axis { low, high, from, to }
    }

    fn place(&self, value: f64) -> f64 {
        let share = (value.max(1e-9).log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        self.from + share * (self.to - self.from)
    }

    fn decades(&self) -> impl Iterator<Item = i32> {
        self.low..=self.high
    }
}

/// All panels in one picture.
pub fn svg(panels: &[Panel]) -> String {
    let mut text = String::new();
    let width = WIDTH * panels.len() as f64;
    let colours = |dark: bool| -> String {
        let colour = |style: &(&'static str, &'static str, &str)| if dark { style.1 } else { style.0 };
        STYLES.iter().zip(0..).map(|(style, at)| format!(" .c{at} {{ color: {} }}", colour(style))).collect()
    };
    let _ = writeln!(
        text,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" viewBox="0 0 {width} {HEIGHT}" font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="11">
<style>
  .ink {{ fill: #24292f }} .back {{ fill: #ffffff }}{}
  .grid {{ stroke: #8c959f; stroke-opacity: 0.35 }}
  .line {{ fill: none; stroke: currentColor; stroke-width: 2 }} .dot {{ fill: currentColor }}
  @media (prefers-color-scheme: dark) {{ .ink {{ fill: #e6edf3 }} .back {{ fill: #0d1117 }}{} }}
</style>
<rect class="back" width="{width}" height="{HEIGHT}"/>"#,
        colours(false),
        colours(true)
    );
    for (at, panel) in panels.iter().enumerate() {
        let _ = writeln!(text, r#"<g transform="translate({} 0)">"#, WIDTH * at as f64);
        draw(panel, &mut text);
        text.push_str("</g>\n");
    }
    text + "</svg>\n"
}

fn draw(panel: &Panel, text: &mut String) {
    let points = panel.lines.iter().flat_map(|line| &line.points);
    let x = Axis::over(points.clone().map(|point| point.0), LEFT, RIGHT);
    let y = Axis::over(points.map(|point| point.1), BOTTOM, TOP);
    label(text, LEFT, 16.0, "start", &format!("{} ({})", panel.title, panel.y));
    for decade in x.decades() {
        let at = x.place(10f64.powi(decade));
        rule(text, (at, TOP), (at, BOTTOM));
        label(text, at, BOTTOM + 15.0, "middle", &power(decade));
    }
    for decade in y.decades() {
        let at = y.place(10f64.powi(decade));
        rule(text, (LEFT, at), (RIGHT, at));
        label(text, LEFT - 6.0, at + 4.0, "end", &power(decade));
    }
    label(text, (LEFT + RIGHT) / 2.0, BOTTOM + 31.0, "middle", panel.x);
    for (at, (line, (.., dashes))) in panel.lines.iter().zip(STYLES).enumerate() {
        let path: Vec<_> = line.points.iter().map(|(a, b)| format!("{:.1},{:.1}", x.place(*a), y.place(*b))).collect();
        let look = format!(r#"class="line c{at}" stroke-dasharray="{dashes}""#);
        let _ = writeln!(text, r#"<polyline {look} points="{}"/>"#, path.join(" "));
        for point in path.iter().filter_map(|point| point.split_once(',')) {
            let _ = writeln!(text, r#"<circle class="dot c{at}" cx="{}" cy="{}" r="2.5"/>"#, point.0, point.1);
        }
        let height = BOTTOM + 50.0 + 16.0 * at as f64;
        let (from, to) = (LEFT, LEFT + 28.0);
        let _ = writeln!(text, r#"<line {look} x1="{from}" y1="{height}" x2="{to}" y2="{height}"/>"#);
        label(text, LEFT + 36.0, height + 4.0, "start", &line.name);
    }
}

fn rule(text: &mut String, from: (f64, f64), to: (f64, f64)) {
    let _ = writeln!(
        text,
        r#"<line class="grid" x1="{:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}"/>"#,
        from.0, from.1, to.0, to.1
    );
}

fn label(text: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let _ = writeln!(text, r#"<text class="ink" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{words}</text>"#);
}

/// The label `1`, `10`, `100`, `1k` … of a power of ten.
fn power(decade: i32) -> String {
    let (unit, over) = match decade {
        ..0 => return format!("{}", 10f64.powi(decade)),
        0..3 => ("", decade),
        3..6 => ("k", decade - 3),
        6..9 => ("M", decade - 6),
        _ => ("G", decade - 9),
    };
    format!("{}{unit}", 10u64.pow(over as u32))
}
