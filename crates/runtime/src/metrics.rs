//! Metrics as the TypeScript side reads them: JSON, a table in `ts/control/metrics.ts`.

use headrace_operators::FarAhead;
use serde_json::{Map, Value, json};

use crate::subtask::NodeCounters;

/// What the nodes of one subtask have counted and noticed.
pub(crate) fn of_nodes(subtask: u32, nodes: &[NodeCounters]) -> Vec<Value> {
    nodes.iter().map(|node| of_node(subtask, node)).collect()
}

/// What one node of one subtask has counted.
pub(crate) fn counts_of(subtask: u32, node: &NodeCounters) -> Value {
    let counters: Map<String, Value> =
        node.counters.iter().map(|(name, count)| ((*name).to_owned(), gauge(name, *count))).collect();
    json!({ "uid": node.uid, "name": node.name, "subtask": subtask, "counters": counters })
}

fn of_node(subtask: u32, node: &NodeCounters) -> Value {
    let mut all = counts_of(subtask, node);
    if !node.observed.disorder.is_empty() {
        all["disorder"] = json!(node.observed.disorder);
    }
    if let Some(FarAhead { partition, row, time, ahead, rows_after, rows_late }) = node.observed.far_ahead {
        all["farAhead"] = json!({
            "partition": partition, "row": row, "time": time, "ahead": ahead,
            "rowsAfter": rows_after, "rowsLate": rows_late,
        });
    }
    all
}

// Watermarks travel as text, because JSON numbers are not exact beyond 2^53.
fn gauge(name: &str, count: u64) -> Value {
    if name == "watermark" { Value::String((count as i64).to_string()) } else { Value::from(count) }
}
