//! The plot of a run as an SVG file, written by hand, from the tables that the run has written: the peers, and the
//! references. A bar for each server under each load; below each panel is how it was measured.

use std::fmt::Write;

use crate::figures::{self, Row, Table};

const WIDTH: f64 = 860.0;
const CASES: f64 = 8.0;
const SUBJECTS: f64 = 150.0;
const LABELS: f64 = 340.0;
const BAR: f64 = 16.0;
const GAP: f64 = 12.0;
/// Space for the value after the longest bar.
const VALUE: f64 = 130.0;
/// Characters of a line below a panel.
const LINE: usize = 142;

/// Draws the tables of a run, which are given as they were written.
pub(crate) fn draw(markdown: &str) -> anyhow::Result<String> {
    let peers = figures::table(markdown, "Peers")?;
    let batches = figures::table(markdown, "Batches")?;
    let mut drawing = Drawing { drawn: String::new(), y: 22.0 };
    drawing.text(CASES, "title", &format!("Other servers and the broadcaster, {}", peers.metric));
    drawing.panel(&peers, true);
    drawing.text(CASES, "title", &format!("References in the same run, {}, batches", batches.metric));
    drawing.panel(&batches, false);
    drawing.paragraph(figures::condition(markdown)?);
    Ok(drawing.finish())
}

struct Drawing {
    drawn: String,
    /// The base of the next line of text.
    y: f64,
}

impl Drawing {
    /// All loads of a table. Each has its own scale, or all have the same.
    fn panel(&mut self, table: &Table, is_scaled_by_case: bool) {
        self.y += GAP + BAR;
        let mut case = "";
        for row in &table.rows {
            if row.case != case {
                self.y += if case.is_empty() { 0.0 } else { GAP };
                self.text(CASES, "case", &row.case);
                case = &row.case;
            }
            let of_scale = table.rows.iter().filter(|other| !is_scaled_by_case || other.case == row.case);
            let greatest = of_scale.map(|other| other.greatest).fold(f64::MIN_POSITIVE, f64::max);
            self.bar(row, (WIDTH - LABELS - VALUE) / greatest, &table.metric);
            self.y += BAR;
        }
        self.paragraph(&table.note);
        self.y += 2.0 * GAP;
    }

    /// A bar to the median, and a line from the least to the greatest value.
    fn bar(&mut self, row: &Row, scale: f64, metric: &str) {
        self.text(SUBJECTS, "subject", &row.subject);
        let (top, middle) = (self.y - BAR + 4.0, self.y - BAR / 2.0 + 3.5);
        let [median, least, greatest] = [row.median, row.least, row.greatest].map(|value| value * scale);
        let _ = writeln!(
            self.drawn,
            "<g><title>{}, {}: {} {}</title><rect x=\"{LABELS}\" y=\"{top:.1}\" width=\"{median:.1}\" \
             height=\"{:.1}\" fill=\"{}\"/><path d=\"M{:.1} {middle:.1}H{:.1}\"/></g>",
            escaped(&row.case),
            escaped(&row.subject),
            row.cell,
            escaped(metric),
            BAR - 3.0,
            colour(&row.subject),
            LABELS + least,
            LABELS + greatest,
        );
        self.text(LABELS + median.max(greatest) + 5.0, "value", &row.cell);
    }

    fn paragraph(&mut self, content: &str) {
        let mut line = String::new();
        for word in content.split_whitespace() {
            if line.len() + word.len() > LINE {
                self.text(CASES, "note", &line);
                self.y += BAR - 2.0;
                line.clear();
            }
            line = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        }
        self.text(CASES, "note", &line);
        self.y += BAR - 2.0;
    }

    fn text(&mut self, x: f64, class: &str, content: &str) {
        let _ =
            writeln!(self.drawn, r#"<text class="{class}" x="{x:.1}" y="{:.1}">{}</text>"#, self.y, escaped(content));
    }

    fn finish(self) -> String {
        let height = self.y;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" font-family=\"sans-serif\" \
             font-size=\"11\" fill=\"#222\">\n<rect width=\"{WIDTH}\" height=\"{height:.0}\" fill=\"#fff\"/>\n\
             <style>.title{{font-size:14px;font-weight:bold}}.case{{font-weight:bold}}.note{{fill:#555}}\
             path{{stroke:#222;stroke-width:1.5}}</style>\n{}</svg>\n",
            self.drawn
        )
    }
}

/// By who has made it. These can be distinguished by people with colour blindness, and in grey.
fn colour(subject: &str) -> &'static str {
    match subject {
        "fastapi-broadcaster" => "#1f77b4",
        "our hub, TCP" => "#6baed6",
        _ if subject.starts_with("reference") => "#bdc3c7",
        _ => "#d95f02",
    }
}

fn escaped(content: &str) -> String {
    content.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "# Title\n\nOne machine.\n\n### Batches\n\nB.\n\n|  |  | M/s | ratio |\n|---|---|---|---|\n\
        | 1 < 2 | reference | 10.0 (5.0..10.0) |  |\n|  | ours | 5.0 (4.0..6.0) | 0.5 |\n\n\
        ### Peers\n\nP.\n\n|  |  | M/s | ratio |\n|---|---|---|---|\n| a | x | 1.0 (1.0..1.0) |  |\n\
        | b | x | 0.1 (0.1..0.1) |  |\n";

    #[test]
    fn bars_are_as_long_as_their_figures_and_those_of_one_panel_have_one_scale() {
        let svg = draw(RUN).unwrap();
        let widths: Vec<_> = svg.split("<rect x=").skip(1).map(|bar| bar.split('"').nth(5).unwrap()).collect();
        // Peers have a scale for each load.
        assert_eq!(widths, ["390.0", "390.0", "390.0", "195.0"]);
        assert!(svg.contains("<title>1 &lt; 2, ours: 5.0 (4.0..6.0) M/s</title>"), "{svg}");
        for note in [">One machine.<", ">B.<", ">P.<"] {
            assert!(svg.contains(note), "{note}");
        }
    }

    #[test]
    fn the_plot_of_the_documents_shows_what_their_tables_say() {
        let repository = concat!(env!("CARGO_MANIFEST_DIR"), "/../");
        let read = |path: &str| std::fs::read_to_string(format!("{repository}{path}")).unwrap();
        let drawn = draw(&read("bench/performance-figures.md")).unwrap();
        assert!(read("docs/performance.svg") == drawn, "`bench plot` draws it again");
    }
}
