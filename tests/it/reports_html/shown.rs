//! What a browser shows of a page.

use serde_json::json;

use super::browser::{self, Browser};
use super::{HOSTILE, Made};

/// The least contrast of a text with what is behind it, and of the colours of charts with each other and the page.
const CONTRASTS: &str = r"(() => {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = channels(color).slice(0, 3).map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((channels(color)[3] ?? 1) > 0) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  document.querySelectorAll('details').forEach((details) => { details.open = true; });
  let least = [99, ''];
  for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || ['SCRIPT', 'STYLE'].includes(element.tagName) || element.closest('svg')) continue;
    const found = ratio(getComputedStyle(element).color, behind(element));
    if (found < least[0]) least = [found, element.outerHTML.slice(0, 200)];
  }
  const fill = (selector) => getComputedStyle(document.querySelector(selector)).fill;
  const [ok, bad, page] = [fill('rect.ok'), fill('rect.bad'), behind(document.body)];
  return {text: least[0], where: least[1], ok: ratio(ok, page), bad: ratio(bad, page), between: ratio(ok, bad), page};
})()";

fn page(made: &Made) -> Option<Browser> {
    let browser = browser::start()?;
    let ran = made.run(&["-o", "out.jsonl", "--html", "page.html", "-q", "-j", "2"]);
    assert_eq!(ran.code, 100, "{}", ran.stderr);
    Some(browser)
}

#[test]
fn a_browser_has_nothing_to_complain_about_and_loads_nothing_else() {
    let made = Made::new();
    let Some(mut browser) = page(&made) else { return };
    browser.open(&made.path("page.html"));
    assert_eq!(browser.value("document.readyState"), "complete");
    assert_eq!(browser.value("document.querySelectorAll('img, iframe, link, object').length"), 0);
    assert_eq!(browser.value("performance.getEntriesByType('resource').length"), 0);
    let title = browser.value("document.title");
    assert_eq!(title, "<img src=x>.wat: 2 of 40 tasks are not ok", "the guest has not taken the page over");
    let text = browser.value("document.querySelector('#failures pre').textContent");
    let shown = HOSTILE.replace('\u{1b}', "\\u{1b}");
    assert!(text.as_str().is_some_and(|text| text.contains(&shown)), "{text} does not say {shown}");
    assert_eq!(browser.complaints(), Vec::<&serde_json::Value>::new());
}

#[test]
fn texts_and_charts_can_be_told_from_what_is_behind_them_in_both_schemes() {
    let made = Made::new();
    let Some(mut browser) = page(&made) else { return };
    let mut pages = Vec::new();
    for scheme in ["light", "dark"] {
        browser.scheme(scheme);
        browser.open(&made.path("page.html"));
        let found = browser.value(CONTRASTS);
        let of = |name: &str| found[name].as_f64().expect("a number");
        assert!(of("text") >= 4.5, "{scheme}: {found}");
        assert!(of("ok") >= 3.0 && of("bad") >= 4.5 && of("between") >= 2.0, "{scheme}: {found}");
        pages.push(found["page"].clone());
    }
    assert_ne!(pages[0], pages[1]);
}

#[test]
fn a_page_is_used_by_keyboard() {
    let made = Made::new();
    let Some(mut browser) = page(&made) else { return };
    browser.open(&made.path("page.html"));
    let rows = "[...document.querySelectorAll('#tasks tbody tr')].filter((row) => !row.hidden).length";
    assert_eq!(browser.value(rows), 2);
    browser.press("/");
    assert_eq!(browser.value("document.activeElement.id"), "filter");
    browser.press("4");
    // One of the two is in line 28, and the other in line 8.
    browser.press("2");
    assert_eq!(browser.value("document.getElementById('filter').value"), "42");
    assert_eq!(browser.value(rows), 0);
    browser.value("document.getElementById('filter').value = ':28'");
    browser.value("document.getElementById('filter').dispatchEvent(new Event('input'))");
    assert_eq!(browser.value(rows), 1);
    assert_eq!(browser.value("document.querySelector('.filter output').textContent"), "1 of 2");
}

#[test]
fn a_page_is_whole_without_its_script() {
    let made = Made::new();
    let Some(mut browser) = page(&made) else { return };
    browser.ask("Emulation.setScriptExecutionDisabled", json!({"value": true}));
    browser.open(&made.path("page.html"));
    let text = browser.value("document.body.innerText");
    let text = text.as_str().expect("a text");
    for part in
        ["2 of 40 tasks are not ok", "wpool replay out.jsonl 7", "Workers over time", "Run it again", "512.0 MiB"]
    {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("Filter"), "what does nothing is not shown: {text}");
    assert!(browser.value("document.querySelectorAll('.lanes rect').length").as_u64() >= Some(40));
}
