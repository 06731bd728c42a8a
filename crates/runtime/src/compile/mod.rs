//! From the plan to subtasks: what every node's rows look like, which operators share a subtask, and where rows change
//! hands.

mod graph;
mod projection;
mod resolve;

use std::{collections::BTreeSet, sync::Arc};

use arrow_schema::{Schema, SchemaRef};
use headrace_core::{Code, Error, Result, key::KEY_GROUPS};
use headrace_plan::{JobOptions, Node, Op, PLAN_VERSION, Plan, data_type::from_schema};
use serde_json::{Value, json};

pub(crate) use graph::{Chain, Edge, EdgeKind, Graph, lineage};
pub(crate) use projection::received_columns;
pub(crate) use resolve::Resolved;

/// A plan that has been checked and cut into chains of operators.
pub struct CompiledPlan {
    pub(crate) plan: Plan,
    pub(crate) options: JobOptions,
    pub(crate) resolved: Vec<Resolved>,
    pub(crate) graph: Graph,
}

/// Checks a plan and cuts it into chains.
///
/// # Errors
/// The plan's first defect, with its operator and the user's line.
pub fn compile(plan: Plan, options: JobOptions) -> Result<CompiledPlan> {
    if plan.version != PLAN_VERSION {
        let text = format!("the plan has version {}, but this is version {PLAN_VERSION}", plan.version);
        return Err(Error::new(Code::PlanVersion, text).hint("Use the same version of headrace on both sides."));
    }
    check_options(&options)?;
    let mut uids = BTreeSet::new();
    for node in &plan.nodes {
        if !uids.insert(node.uid.as_str()) {
            let error = Error::new(Code::PlanInvalid, format!("two operators have the uid '{}'", node.uid));
            return Err(place(error.hint("Give one of them another .uid(…)."), node));
        }
    }
    let resolved = resolve::resolve(&plan, &options)?;
    let graph = graph::cut(&plan, &resolved);
    Ok(CompiledPlan { plan, options, resolved, graph })
}

/// Names the operator in an error.
pub(crate) fn place(error: Error, node: &Node) -> Error {
    error.in_operator(&node.uid, &node.name, node.at.as_deref())
}

fn check_options(options: &JobOptions) -> Result<()> {
    let invalid = |text: String| Err(Error::new(Code::OptionInvalid, text));
    if !(1..=KEY_GROUPS).contains(&options.parallelism) {
        return invalid(format!("parallelism is {}; it must be 1 to {KEY_GROUPS}", options.parallelism));
    }
    if options.batch_rows == 0 || options.channel_rows == 0 || options.channel_bytes == 0 {
        return invalid("batchRows, channelRows and channelBytes must be at least 1".to_owned());
    }
    Ok(())
}

impl CompiledPlan {
    /// Whether a `watermark()` stands before a node.
    pub(crate) fn has_watermark(&self, node: &Node) -> bool {
        node.inputs.iter().any(|input| {
            let before = &self.plan.nodes[input.node as usize];
            matches!(before.op, Op::Watermark { .. }) || self.has_watermark(before)
        })
    }

    /// The columns that a node with one input reads.
    pub(crate) fn input_schema(&self, node: usize) -> SchemaRef {
        let from = self.plan.nodes[node].inputs.first().and_then(|input| {
            let resolved = self.resolved.get(input.node as usize)?;
            if input.port == 1 { resolved.late.clone() } else { Some(Arc::clone(&resolved.schema)) }
        });
        from.unwrap_or_else(|| Arc::new(Schema::empty()))
    }

    /// The result of the compilation as the TypeScript side reads it (`CompiledPlan` in `ts/plan/compiled.ts`).
    ///
    /// # Errors
    /// When a column has a type that the plan does not know.
    pub fn to_json(&self) -> Result<Value> {
        let mut nodes = Vec::with_capacity(self.resolved.len());
        for resolved in &self.resolved {
            let late = resolved.late.as_ref().map(|schema| from_schema(schema)).transpose()?;
            nodes.push(json!({
                "schema": from_schema(&resolved.schema)?,
                "lateSchema": late,
                "eventTime": resolved.event_time.is_some(),
                "updates": resolved.updates,
            }));
        }
        let name =
            |chain: &Chain| chain.nodes.iter().map(|&node| self.plan.nodes[node].name.as_str()).collect::<Vec<_>>();
        let chains: Vec<Value> = self
            .graph
            .chains
            .iter()
            .map(|chain| json!({ "name": name(chain).join(" → "), "parallelism": chain.parallelism, "nodes": chain.nodes }))
            .collect();
        let exchanges: Vec<Value> = self
            .graph
            .edges
            .iter()
            .map(|edge| json!({ "from": edge.from_chain, "to": edge.to_chain, "kind": edge.kind.as_str() }))
            .collect();
        Ok(json!({
            "nodes": nodes,
            "subtasks": chains,
            "exchanges": exchanges,
            "sourceSubtasks": self.graph.chains.iter().filter(|chain| chain.is_source).map(|chain| chain.parallelism).sum::<u32>(),
            "totalSubtasks": self.graph.chains.iter().map(|chain| chain.parallelism).sum::<u32>(),
        }))
    }
}
