//! Figures of a run, and the Markdown tables made of them.

use std::fmt::Write;

use crate::stats::Spread;

/// What is measured, as the head of a column names it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    /// The divisor of the values that are shown.
    pub(crate) unit: f64,
}

/// One table.
#[derive(Debug)]
pub(crate) struct Section {
    title: String,
    pub(crate) note: String,
    metrics: &'static [Metric],
    pub(crate) rows: Vec<Row>,
}

/// One thing measured under one load, round by round.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) case: String,
    pub(crate) subject: &'static str,
    /// The subject of the same case that it is compared with.
    against: Option<&'static str>,
    /// For each metric, the values of all rounds.
    values: Vec<Vec<f64>>,
}

impl Section {
    pub(crate) fn new(title: &str, note: &str, metrics: &'static [Metric]) -> Section {
        Section { title: title.to_owned(), note: note.to_owned(), metrics, rows: Vec::new() }
    }

    /// Adds the values of one round, one for each metric. NaN: it was not measured.
    pub(crate) fn add(&mut self, case: &str, subject: &'static str, against: Option<&'static str>, values: &[f64]) {
        assert_eq!(values.len(), self.metrics.len(), "one value for each metric");
        let found = self.rows.iter().position(|row| row.case == case && row.subject == subject);
        let index = found.unwrap_or_else(|| {
            let values = vec![Vec::new(); self.metrics.len()];
            self.rows.push(Row { case: case.to_owned(), subject, against, values });
            self.rows.len() - 1
        });
        self.rows[index].values.iter_mut().zip(values).for_each(|(rounds, value)| rounds.push(*value));
    }

    /// The values of one metric over the rounds.
    pub(crate) fn spread(&self, row: &Row, metric: usize) -> Spread {
        Spread::of(row.values[metric].iter().copied()).scaled(1.0 / self.metrics[metric].unit)
    }

    /// The same in relation to the row that it is compared with.
    fn ratio(&self, row: &Row, metric: usize) -> Option<Spread> {
        let against = self.rows.iter().find(|other| other.case == row.case && Some(other.subject) == row.against)?;
        let ratio = Spread::of_ratios(&row.values[metric], &against.values[metric]);
        // There is no ratio to zero.
        ratio.median.is_finite().then_some(ratio)
    }

    pub(crate) fn to_markdown(&self) -> String {
        let mut text = format!("### {}\n\n{}\n\n|  |  |", self.title, self.note);
        for metric in self.metrics {
            let _ = write!(text, " {} | ratio |", metric.name);
        }
        text.push_str("\n|---|---|");
        text.push_str(&"---|---|".repeat(self.metrics.len()));
        text.push('\n');
        let mut case = "";
        for row in &self.rows {
            // A case is named once, by its first row.
            let _ = write!(text, "| {} | {} |", if row.case == case { "" } else { &row.case }, row.subject);
            case = &row.case;
            for metric in 0..self.metrics.len() {
                let ratio = self.ratio(row, metric).map_or(String::new(), |ratio| {
                    let digits = if ratio.median < 0.1 { 4 } else { 2 };
                    format!("**{:.digits$}** ({:.digits$}..{:.digits$})", ratio.median, ratio.min, ratio.max)
                });
                let spread = self.spread(row, metric);
                // What was not measured is not a number.
                let value = if spread.median.is_nan() { String::new() } else { spread.to_string() };
                let _ = write!(text, " {value} | {ratio} |");
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_compared_within_its_case() {
        let mut section = Section::new("t", "n", &[Metric { name: "M/s", unit: 1e6 }]);
        for (case, ours, theirs) in [("a", 2e6, 1e6), ("b", 3e6, 6e6)] {
            section.add(case, "reference", None, &[theirs]);
            section.add(case, "ours", Some("reference"), &[ours]);
        }
        let ratios: Vec<f64> =
            section.rows.iter().filter_map(|row| section.ratio(row, 0)).map(|ratio| ratio.median).collect();
        assert_eq!(ratios, [2.0, 0.5]);
        assert!(section.to_markdown().contains("| a | reference | 1.00 (1.00..1.00) |  |\n|  | ours | 2.00"));
    }
}
