//! Which columns cross an exchange.

use headrace_plan::Op;

use super::{CompiledPlan, EdgeKind};

/// The columns of its input that a window receives: behind an exchange by key only those that its aggregates read, as
/// each column sent is a column copied, and keys travel apart; all of them where late rows are wanted or rows are not
/// exchanged.
pub(crate) fn received_columns(compiled: &CompiledPlan, window: usize) -> Vec<usize> {
    let node = &compiled.plan.nodes[window];
    let schema = compiled.input_schema(window);
    let all = || (0..schema.fields().len()).collect();
    let Op::Window { aggregates, .. } = &node.op else { return all() };
    let exchanged = compiled.graph.edges.iter().any(|edge| edge.to == window && edge.kind == EdgeKind::Hash);
    let reads_late = |input: &headrace_plan::Input| input.node as usize == window && input.port == 1;
    let late_is_read = compiled.plan.nodes.iter().any(|node| node.inputs.iter().any(reads_late));
    if !exchanged || late_is_read {
        return all();
    }
    let mut columns = Vec::new();
    for aggregate in aggregates {
        for expr in aggregate.function.arg().into_iter().chain(&aggregate.filter) {
            expr.each_column(&mut |name| columns.extend(schema.index_of(name)));
        }
    }
    columns.sort_unstable();
    columns.dedup();
    columns
}
