//! A bar chart as an SVG file, written by hand: one group of bars for each case, one bar for each subject.

use std::fmt::Write;

use crate::report::Section;
use crate::stats::decimals;

const WIDTH: f64 = 860.0;
const LABELS: f64 = 330.0;
const BAR: f64 = 15.0;
const GAP: f64 = 12.0;
const TOP: f64 = 44.0;
/// Space for the value after the longest bar.
const VALUE: f64 = 70.0;
/// These can be distinguished by people with colour blindness, and in grey.
const COLOURS: [&str; 5] = ["#7f8c8d", "#1f77b4", "#bdc3c7", "#6baed6", "#d95f02"];

/// Draws one metric of a section.
pub(crate) fn bars(section: &Section, metric: usize, title: &str) -> String {
    let mut subjects: Vec<&str> = Vec::new();
    for row in &section.rows {
        if !subjects.contains(&row.subject) {
            subjects.push(row.subject);
        }
    }
    let greatest = section.rows.iter().map(|row| section.spread(row, metric).median).fold(f64::MIN_POSITIVE, f64::max);
    let mut drawn = String::new();
    let mut y = TOP;
    let mut case = "";
    for row in &section.rows {
        if row.case != case {
            y += if case.is_empty() { 0.0 } else { GAP };
            text(&mut drawn, 8.0, y + BAR - 3.0, "case", &row.case);
            case = &row.case;
        }
        let spread = section.spread(row, metric);
        let width = (WIDTH - LABELS - VALUE) * spread.median / greatest;
        let colour = subjects.iter().position(|subject| *subject == row.subject).unwrap_or(0) % COLOURS.len();
        text(&mut drawn, 150.0, y + BAR - 3.0, "subject", row.subject);
        let _ = writeln!(
            drawn,
            r#"<rect x="{LABELS}" y="{y:.1}" width="{width:.1}" height="{:.1}" fill="{}"/>"#,
            BAR - 2.0,
            COLOURS[colour]
        );
        let value = format!("{:.*}", decimals(spread.median), spread.median);
        text(&mut drawn, LABELS + width + 5.0, y + BAR - 3.0, "value", &value);
        y += BAR;
    }
    let height = y + GAP;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" font-family=\"sans-serif\" \
         font-size=\"11\" fill=\"#222\">\n<rect width=\"{WIDTH}\" height=\"{height:.0}\" fill=\"#fff\"/>\n\
         <style>.title{{font-size:14px;font-weight:bold}}.case{{font-weight:bold}}</style>\n"
    );
    text(&mut svg, 8.0, 22.0, "title", title);
    svg.push_str(&drawn);
    svg.push_str("</svg>\n");
    svg
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, content: &str) {
    let content = content.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(svg, r#"<text class="{class}" x="{x:.1}" y="{y:.1}">{content}</text>"#);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Metric;

    #[test]
    fn the_longest_bar_fills_the_room() {
        let mut section = Section::new("t", "n", &[Metric { name: "M/s", unit: 1.0 }]);
        section.add("1 < 2", "a", None, &[10.0]);
        section.add("1 < 2", "b", None, &[5.0]);
        let svg = bars(&section, 0, "title");
        assert!(svg.contains(r#"width="460.0""#) && svg.contains(r#"width="230.0""#), "{svg}");
        assert!(svg.contains("1 &lt; 2"));
    }
}
