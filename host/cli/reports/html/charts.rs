//! Charts of a page. Each is an SVG without text, stretched to the page's width; labels stand beside it.

use std::time::Duration;

use wpool::Status;

use crate::cli::reports::axis::{Axis, Gap};
use crate::cli::reports::html::measure::{Bar, COLUMNS, LaneRow, Measured, Pair};
use crate::cli::reports::html::text::{clock, count, number, put};
use crate::cli::units::show_time;

/// Width of a chart, in units of its own.
const WIDTH: f64 = 1200.0;
/// Height of a chart that is not of lanes.
const HEIGHT: f64 = 140.0;
/// Shares of a column that are told apart.
const SHADES: usize = 4;
/// Parts of a chart of rates: as many as have some tasks each.
const PERIODS: [usize; 4] = [120, 60, 30, 20];
/// Parts of a histogram.
const MOST_PARTS: usize = 64;

/// The section of the lanes.
pub fn lanes(axis: &Axis, measured: &Measured) -> String {
    let mut page = String::new();
    let rows = &measured.lanes;
    let (size, height) = match rows.len() {
        ..=12 => ("l", 20),
        13..=32 => ("m", 12),
        _ => ("s", 8),
    };
    put!(page, "<section id=workers><h2>Workers over time</h2>\n<figure><figcaption>");
    match measured.bars.is_empty() {
        false => put!(page, "Each bar is a task."),
        true => put!(page, "The fuller the colour, the longer the worker had a task."),
    }
    put!(page, " <span class=key><i class=ok></i> ok</span> <span class=key><i class=bad></i> not ok</span>");
    put!(page, "</figcaption>\n<div class=\"chart lanes {size}\"><ol class=y>");
    let step = if height < 12 { 4 } else { 1 };
    for (at, row) in rows.iter().enumerate() {
        let label = if at % step == 0 { label(axis, row) } else { String::new() };
        put!(page, "<li>{label}");
    }
    let tall = rows.len() * height;
    put!(page, "</ol>\n{}", svg(tall as f64, &format!("{} over time", count(axis.lanes().len() as u64, "worker"))));
    if measured.bars.is_empty() {
        rows.iter().enumerate().for_each(|(at, row)| shades(&mut page, axis, row, at * height, height));
    } else {
        bars(&mut page, axis, measured, height);
    }
    gaps(&mut page, axis, tall as f64);
    put!(page, "</svg>\n{}</div></figure>\n{}</section>\n", times(axis), gap_note(axis));
    page
}

/// The name of a row of lanes.
fn label(axis: &Axis, row: &LaneRow) -> String {
    let lanes = &axis.lanes()[row.first..row.first + row.count];
    let name = |at: usize| lanes[at].worker.map_or("others".to_owned(), |worker| worker.to_string());
    let group = if axis.groups() > 1 { format!("{}: ", lanes[0].group + 1) } else { String::new() };
    let more = if row.count > 1 { format!("–{}", name(row.count - 1)) } else { String::new() };
    format!("{group}{}{more}", name(0))
}

/// A row of lanes by how busy it was.
fn shades(page: &mut String, axis: &Axis, row: &LaneRow, top: usize, height: usize) {
    let whole = axis.length() as f64 / COLUMNS as f64 * row.count as f64;
    let shade = |busy: u64| match busy {
        0 => 0,
        busy => ((busy as f64 / whole * SHADES as f64).round() as usize).clamp(1, SHADES),
    };
    let sum: u64 = row.busy.iter().sum();
    let busy = (100.0 * sum as f64 / (axis.length() as f64 * row.count as f64)).min(100.0);
    let Pair { not_ok, .. } = row.tasks;
    put!(page, "<g><title>worker {}: {}, {busy:.0} % busy", label(axis, row), count(row.tasks.total(), "task"));
    put!(page, "{}</title>", if not_ok > 0 { format!(", {} not ok", number(not_ok)) } else { String::new() });
    let inner = height - height / 6 - 1;
    put!(page, "<path class=hit d=\"M0 {top}h{WIDTH}v{inner}H0z\"/>");
    let mut strokes = |class: &str, top: f64, tall: usize, columns: &dyn Fn(usize) -> bool| {
        let path = strokes(top + tall as f64 / 2.0, columns);
        if !path.is_empty() {
            put!(page, "<path class={class} stroke-width={tall} d=\"{path}\"/>");
        }
    };
    for (level, class) in (1..=SHADES).zip(["b1", "b2", "b3", "b4"]) {
        strokes(class, top as f64, inner, &|at| shade(row.busy[at]) == level);
    }
    strokes("fail", top as f64, inner.div_ceil(2), &|at| row.failed[at]);
    put!(page, "</g>\n");
}

/// A path along the columns that are so. A short form, for there may be many.
fn strokes(middle: f64, columns: &dyn Fn(usize) -> bool) -> String {
    let wide = WIDTH as usize / COLUMNS;
    let (mut path, mut end, mut at) = (String::new(), None, 0);
    while at < COLUMNS {
        let length = (at..COLUMNS).take_while(|at| columns(*at)).count();
        if length > 0 {
            match end {
                None => put!(path, "M{} {middle}", at * wide),
                Some(end) => put!(path, "m{} 0", (at - end) * wide),
            }
            put!(path, "h{}", length * wide);
            end = Some(at + length);
        }
        at += length.max(1);
    }
    path
}

/// All tasks, one by one.
fn bars(page: &mut String, axis: &Axis, measured: &Measured, height: usize) {
    let scale = WIDTH / axis.length() as f64;
    let rows = measured.lanes.len();
    for Bar { id, stay, status } in &measured.bars {
        let row = ((stay.lane + 1) * rows - 1) / axis.lanes().len();
        let (x, y, tall) = (stay.begin as f64 * scale, row * height, height - height / 6 - 1);
        let width = ((stay.end - stay.begin) as f64 * scale - 0.6).max(1.2);
        let class = if *status == Status::Ok { "ok" } else { "bad" };
        let id = id.map_or("a row".to_owned(), |id| format!("row {id}"));
        let took = show_time(Duration::from_nanos(stay.end - stay.begin));
        put!(page, "<rect class={class} x={x:.1} y={y} width={width:.1} height={tall}>");
        put!(page, "<title>{id}: {status}, {took}</title></rect>\n");
    }
}

/// The section of the times of tasks.
pub fn histogram(measured: &Measured) -> String {
    let mut page = String::new();
    let histogram = measured.histogram(MOST_PARTS);
    let pairs = &histogram.pairs;
    let most = pairs.iter().map(|pair| pair.total()).max().unwrap_or(1).max(1);
    let quantiles = [0.5, 0.95, 0.99].map(|share| show_time(measured.quantile(share)));
    let [p50, p95, p99] = &quantiles;
    put!(page, "<section id=times><h2>How long tasks took</h2>\n<figure><figcaption>Half of the tasks took up to ");
    put!(page, "<b>{p50}</b>, 95 % up to <b>{p95}</b>, 99 % up to <b>{p99}</b>; the longest took ");
    put!(page, "<b>{}</b>.</figcaption>\n", show_time(measured.longest));
    put!(page, "<div class=chart><div class=y><span>{}</span><span>0</span></div>\n", number(most));
    put!(page, "{}", svg(HEIGHT, "histogram of the times of tasks"));
    grid(&mut page);
    let wide = WIDTH / pairs.len() as f64;
    for (at, pair) in pairs.iter().enumerate().filter(|(_, pair)| pair.total() > 0) {
        let (from, to) = (show_time(histogram.begin(at)), show_time(histogram.begin(at + 1)));
        let title = format!("{from} to {to}: {}", counted(*pair));
        stack(&mut page, (at as f64 * wide, wide), (pair.ok as f64, pair.not_ok as f64, most as f64), &title);
    }
    put!(page, "</svg>\n<ol class=x>");
    for mark in 0..=4 {
        put!(page, "<li>{}", show_time(histogram.begin(mark * pairs.len() / 4)));
    }
    put!(page, "</ol></div></figure></section>\n");
    page
}

/// The section of what went on over time.
pub fn series(axis: &Axis, measured: &Measured) -> String {
    let mut page = String::new();
    let each = axis.tasks as usize / 4;
    let periods = PERIODS.into_iter().find(|periods| *periods <= each).unwrap_or(PERIODS[PERIODS.len() - 1]);
    let in_one = COLUMNS / periods;
    let ended: Vec<Pair> = measured
        .ended
        .chunks(in_one)
        .map(|all| all.iter().fold(Pair::default(), |sum, pair| sum.with(*pair)))
        .collect();
    let period = Duration::from_nanos(axis.length() / periods as u64);
    let most = ended.iter().map(|pair| pair.total()).max().unwrap_or(1).max(1);
    let rate = most as f64 / period.as_secs_f64().max(1e-9);
    put!(page, "<section id=throughput><h2>Throughput and waiting</h2>\n<figure><figcaption>Tasks that ended, in ");
    put!(page, "periods of {}: at most <b>{}/s</b>.</figcaption>\n", show_time(period), number(rate.round() as u64));
    put!(page, "<div class=chart><div class=y><span>{}/s</span><span>0</span></div>\n", number(rate.round() as u64));
    put!(page, "{}", svg(HEIGHT, "tasks that ended over time"));
    grid(&mut page);
    gaps(&mut page, axis, HEIGHT);
    let wide = WIDTH / periods as f64;
    for (at, pair) in ended.iter().enumerate().filter(|(_, pair)| pair.total() > 0) {
        let from = clock(Duration::from_nanos(axis.real(axis.length() / periods as u64 * at as u64)));
        let title = format!("from {from} on: {}", counted(*pair));
        stack(&mut page, (at as f64 * wide, wide), (pair.ok as f64, pair.not_ok as f64, most as f64), &title);
    }
    put!(page, "</svg>\n{}</div></figure>\n", times(axis));
    page += &waiting(axis, measured);
    page + "</section>\n"
}

/// The chart of workers with and without a task.
fn waiting(axis: &Axis, measured: &Measured) -> String {
    let mut page = String::new();
    let workers = axis.lanes().len();
    let whole = axis.length() as f64 * workers as f64;
    let busy = (100.0 * measured.sum() as f64 / whole).min(100.0);
    put!(page, "<figure><figcaption>Workers with a task: on average <b>{busy:.0} %</b>. The others wait for rows. ");
    put!(page, "<span class=key><i class=ok></i> has a task</span> <span class=key><i class=wait></i> waits</span>");
    put!(page, "</figcaption>\n<div class=chart><div class=y><span>{workers}</span><span>0</span></div>\n");
    put!(page, "{}", svg(HEIGHT / 2.0, "workers with a task over time"));
    put!(page, "<rect class=wait width={WIDTH} height={} />", HEIGHT / 2.0);
    let (wide, column) = (WIDTH / COLUMNS as f64, axis.length() as f64 / COLUMNS as f64 * workers as f64);
    put!(page, "<path class=ok d=\"M0 {}", HEIGHT / 2.0);
    for at in 0..COLUMNS {
        let sum: u64 = measured.lanes.iter().map(|row| row.busy[at]).sum();
        let top = HEIGHT / 2.0 * (1.0 - (sum as f64 / column).min(1.0));
        put!(page, "V{top:.0}h{wide}");
    }
    put!(page, "V{}z\"/>", HEIGHT / 2.0);
    gaps(&mut page, axis, HEIGHT / 2.0);
    put!(page, "</svg>\n{}</div></figure>\n", times(axis));
    page
}

/// A bar of tasks that are ok, and of others on top of them. What is there at all is seen.
fn stack(page: &mut String, (x, wide): (f64, f64), (ok, not_ok, most): (f64, f64, f64), title: &str) {
    let scaled = |count: f64| if count > 0.0 { (count / most * (HEIGHT - 4.0)).max(1.5) } else { 0.0 };
    let (low, high) = (scaled(ok), scaled(not_ok));
    let (x, width) = (x + wide * 0.08, wide * 0.84);
    put!(page, "<g><title>{title}</title>");
    if ok > 0.0 {
        put!(page, "<rect class=ok x={x:.1} y={:.1} width={width:.1} height={low:.1} />", HEIGHT - low);
    }
    if not_ok > 0.0 {
        put!(page, "<rect class=bad x={x:.1} y={:.1} width={width:.1} height={high:.1} />", HEIGHT - low - high);
    }
    put!(page, "</g>\n");
}

fn counted(pair: Pair) -> String {
    let not_ok = if pair.not_ok > 0 { format!(", {} not ok", number(pair.not_ok)) } else { String::new() };
    format!("{}{not_ok}", count(pair.total(), "task"))
}

fn svg(height: f64, label: &str) -> String {
    format!(
        "<svg role=img aria-label=\"{label}\" viewBox=\"0 0 {WIDTH} {height}\" height={height} preserveAspectRatio=none>\n"
    )
}

fn grid(page: &mut String) {
    put!(page, "<path class=grid d=\"M0 4H{WIDTH}M0 {}H{WIDTH}M0 {HEIGHT}H{WIDTH}\"/>\n", HEIGHT / 2.0 + 2.0);
}

/// Marks of the gaps that are shown shortened.
fn gaps(page: &mut String, axis: &Axis, height: f64) {
    for Gap { shown, length } in axis.gaps().into_iter().take(100) {
        let x = shown as f64 / axis.length() as f64 * WIDTH;
        put!(
            page,
            "<path class=gap d=\"M{x:.1} 0V{height}\"><title>{} without a task</title></path>\n",
            show_time(length)
        );
    }
}

fn gap_note(axis: &Axis) -> String {
    let gaps = axis.gaps();
    let (count_of, longest) = (gaps.len() as u64, gaps.iter().map(|gap| gap.length).max());
    let Some(longest) = longest else { return String::new() };
    let at_most = show_time(longest);
    format!(
        "<p class=note>The run has {}. A dashed line is a time without any of them, of up to {at_most}, which is shortened ({} of them).</p>\n",
        count(axis.sessions() as u64, "session"),
        number(count_of)
    )
}

/// Labels of the time axis.
fn times(axis: &Axis) -> String {
    let mut page = String::from("<ol class=x>");
    for mark in 0..=4 {
        let at = axis.real(axis.length() / 4 * mark);
        put!(page, "<li>{}", if mark == 0 { "0".to_owned() } else { clock(Duration::from_nanos(at)) });
    }
    page + "</ol>"
}

/// A bar of parts, in percent.
pub fn meter(parts: &[(&str, f64)]) -> String {
    let mut page = String::from("<svg class=meter aria-hidden=true viewBox=\"0 0 100 1\" preserveAspectRatio=none>");
    let mut at = 0.0;
    for (class, share) in parts.iter().filter(|(_, share)| *share > 0.0) {
        let share = share.max(0.3);
        put!(page, "<rect class={class} x={at:.2} width={share:.2} height=1 />");
        at += share;
    }
    page + "</svg>"
}
