//! The plot of docs/performance.md shows what was measured, and nothing else.

use std::fs;

use crate::harness::built;

#[test]
fn each_bar_is_a_row_of_the_tables() {
    let read = |path: &str| fs::read_to_string(built::repository().join(path)).unwrap();
    let (plot, tables) = (read("docs/performance.svg"), read("bench/performance-figures.md"));
    let bars: Vec<_> = plot.split("<title>").skip(1).map(|rest| rest.split("</title>").next().unwrap()).collect();
    for bar in &bars {
        let (row, figure) = bar.split_once(": ").unwrap();
        let cell = figure.strip_suffix(" million deliveries/s").unwrap();
        let is_there = tables.lines().any(|line| {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            cells.len() > 3 && cells[3] == cell && row.ends_with(&format!(", {}", cells[2]))
        });
        assert!(is_there, "no table has {bar}");
    }
    // Under both loads.
    for peer in ["uWebSockets in Bun", "nats-server over WebSocket", "nginx with nchan", "Node with ws"] {
        let shown = bars.iter().filter(|bar| bar.contains(&format!(", {peer}: "))).count();
        assert_eq!(shown, 2, "{peer}");
    }
}
