//! Chains of operators, and the edges between them.
//!
//! Operators share a chain, and so a thread, as long as rows need not change hands between them. A new chain begins at a
//! source, where several inputs meet, at a call to the host, and where rows are dealt by key.

use headrace_plan::{Input, Op, Plan};

use super::Resolved;

/// How rows cross from one chain to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EdgeKind {
    /// Subtask i sends to subtask i modulo the receiver's parallelism.
    Forward,
    /// Every subtask sends each row to the owner of its key.
    Hash,
    /// Every subtask sends to the only one.
    Gather,
}

impl EdgeKind {
    /// The kind's name in `explain`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            EdgeKind::Forward => "forward",
            EdgeKind::Hash => "hash",
            EdgeKind::Gather => "gather",
        }
    }
}

/// An edge between chains.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edge {
    pub(crate) from_chain: usize,
    pub(crate) from: Input,
    pub(crate) to_chain: usize,
    /// The receiving node, always the first of its chain.
    pub(crate) to: usize,
    pub(crate) kind: EdgeKind,
}

/// Operators that share a subtask.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    /// The nodes, each after its input; the first is the head.
    pub(crate) nodes: Vec<usize>,
    pub(crate) parallelism: u32,
    /// Whether the head is a source, or a sort that has its source within.
    pub(crate) is_source: bool,
}

/// The plan, cut into chains.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) chains: Vec<Chain>,
    pub(crate) edges: Vec<Edge>,
}

/// The nodes from a source to an `inOrderOf`, both included.
pub(crate) fn lineage(plan: &Plan, sort: usize) -> Vec<usize> {
    let mut nodes = vec![sort];
    let mut at = sort;
    while let Some(input) = plan.nodes[at].inputs.first() {
        at = input.node as usize;
        nodes.push(at);
    }
    nodes.reverse();
    nodes
}

/// Cuts a plan whose nodes have been resolved.
pub(crate) fn cut(plan: &Plan, resolved: &[Resolved]) -> Graph {
    let absorbed = absorbed(plan);
    let mut graph = Graph::default();
    let mut chain_of: Vec<usize> = vec![usize::MAX; plan.nodes.len()];
    for (number, node) in plan.nodes.iter().enumerate().filter(|(number, _)| !absorbed[*number]) {
        let parallelism = resolved[number].parallelism;
        let is_source = node.inputs.is_empty() || matches!(node.op, Op::InOrderOf { .. });
        let from = node.inputs.first().map_or(usize::MAX, |input| chain_of[input.node as usize]);
        if !is_source && !begins_chain(&node.op, resolved, node.inputs.first(), parallelism) {
            chain_of[number] = from;
            graph.chains[from].nodes.push(number);
            continue;
        }
        let to_chain = graph.chains.len();
        chain_of[number] = to_chain;
        graph.chains.push(Chain { nodes: vec![number], parallelism, is_source });
        if is_source {
            continue;
        }
        for &from in &node.inputs {
            let from_chain = chain_of[from.node as usize];
            let kind = match node.op {
                Op::Window { .. } if parallelism > 1 => EdgeKind::Hash,
                Op::Window { .. } => EdgeKind::Gather,
                _ => EdgeKind::Forward,
            };
            graph.edges.push(Edge { from_chain, from, to_chain, to: number, kind });
        }
    }
    graph
}

fn begins_chain(op: &Op, resolved: &[Resolved], input: Option<&Input>, parallelism: u32) -> bool {
    let before = input.map_or(1, |input| resolved[input.node as usize].parallelism);
    match op {
        Op::Union | Op::HostMap { .. } | Op::HostSink { .. } => true,
        Op::Window { .. } => before > 1 || parallelism > 1,
        _ => before != parallelism,
    }
}

// Nodes that only feed a sort are part of that sort's source.
fn absorbed(plan: &Plan) -> Vec<bool> {
    let mut only_sorted = vec![false; plan.nodes.len()];
    for number in (0..plan.nodes.len()).rev() {
        let mut consumers = plan
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.inputs.iter().any(|input| input.node as usize == number))
            .peekable();
        only_sorted[number] = consumers.peek().is_some()
            && consumers.all(|(at, node)| matches!(node.op, Op::InOrderOf { .. }) || only_sorted[at]);
    }
    only_sorted
}
