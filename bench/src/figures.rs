//! The tables of a run, read from the file that they were written to: a plot that is drawn from it shows what they say.

use anyhow::{Context, ensure};

/// What is drawn of a table: the first metric of each row.
#[derive(Debug, PartialEq)]
pub(crate) struct Table {
    /// The text below the title.
    pub(crate) note: String,
    pub(crate) metric: String,
    pub(crate) rows: Vec<Row>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) case: String,
    pub(crate) subject: String,
    /// As it is written: median, least and greatest.
    pub(crate) cell: String,
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) greatest: f64,
}

/// Reads a table of the Markdown of a run.
pub(crate) fn table(markdown: &str, title: &str) -> anyhow::Result<Table> {
    let (_, rest) =
        markdown.split_once(&format!("\n### {title}\n\n")).with_context(|| format!("there is no table {title}"))?;
    let (note, rest) = rest.split_once("\n\n").context("a note before the table")?;
    let mut lines = rest.lines().take_while(|line| line.starts_with('|'));
    let head = cells(lines.next().context("a head")?);
    ensure!(head.len() > 2, "the head of {title} has a metric");
    let mut rows: Vec<Row> = Vec::new();
    for line in lines.skip(1) {
        let cells = cells(line);
        ensure!(cells.len() == head.len(), "a cell for each column of {title}: {line}");
        // A case is named once, by its first row.
        let case = match (cells[0], rows.last()) {
            ("", Some(last)) => last.case.clone(),
            (case, _) => case.to_owned(),
        };
        let cell = cells[2].to_owned();
        let [median, least, greatest] = spread(&cell).with_context(|| format!("no figure of {title}: {cell}"))?;
        rows.push(Row { case, subject: cells[1].to_owned(), cell, median, least, greatest });
    }
    ensure!(!rows.is_empty(), "the table {title} has rows");
    Ok(Table { note: note.to_owned(), metric: head[2].to_owned(), rows })
}

/// The machine and the method: the paragraph before the first table.
pub(crate) fn condition(markdown: &str) -> anyhow::Result<&str> {
    let (before, _) = markdown.split_once("\n### ").context("a table")?;
    before.trim_end().rsplit("\n\n").next().context("a paragraph before the first table")
}

fn cells(line: &str) -> Vec<&str> {
    line.trim().trim_matches('|').split('|').map(str::trim).collect()
}

/// The numbers of `19.3 (13.3..20.3)`.
fn spread(cell: &str) -> Option<[f64; 3]> {
    let (median, rest) = cell.split_once(" (")?;
    let (least, greatest) = rest.strip_suffix(')')?.split_once("..")?;
    Some([median.parse().ok()?, least.parse().ok()?, greatest.parse().ok()?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Metric, Section};

    #[test]
    fn a_table_that_was_written_is_read_again() {
        let metrics: &[Metric] = &[Metric { name: "M/s", unit: 1e6 }, Metric { name: "CPU", unit: 1.0 }];
        let mut section = Section::new("Peers", "how it was measured", metrics);
        for (subject, values) in [("ours", [2e6, 3e6, 4e6]), ("theirs", [1e5, 2e5, 3e5])] {
            values.iter().for_each(|value| section.add("many", subject, None, &[*value, 1.0]));
        }
        let text = format!("# Title\n\nthe machine\n\n{}\n### Next\n\nnote\n", section.to_markdown());

        let table = table(&text, "Peers").unwrap();
        assert_eq!((table.note.as_str(), table.metric.as_str()), ("how it was measured", "M/s"));
        let rows: Vec<_> = table
            .rows
            .iter()
            .map(|row| (row.case.as_str(), row.subject.as_str(), row.median, row.least, row.greatest))
            .collect();
        assert_eq!(rows, [("many", "ours", 3.0, 2.0, 4.0), ("many", "theirs", 0.2, 0.1, 0.3)]);
        assert_eq!(condition(&text).unwrap(), "the machine");
        assert!(super::table(&text, "Other").is_err());
    }
}
