//! The test driver: all subtasks in turn on the caller's thread, with no clock but the caller's.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use headrace_connect::PushSource;
use headrace_core::{Error, Result, time::Micros};
use headrace_operators::{Barrier, BarrierKind};
use headrace_plan::{JobOptions, Op};
use serde_json::{Value, json};

use crate::{
    build::{Built, Materials, build},
    compile::{CompiledPlan, compile},
    event::SourcePosition,
    host::Host,
    metrics,
    restore::{Part, hand_out},
    subtask::{Collected, Step, Supervisor},
};

/// A pipeline under test. Its sources are replaced by ones that rows are pushed into; its sinks must be the host's.
pub struct Driver {
    compiled: CompiledPlan,
    host: Arc<Host>,
    pushed: BTreeMap<usize, PushSource>,
    built: Built,
    ended: BTreeSet<u32>,
    supervisor: Collector,
    checkpoint: u64,
    now: Micros,
}

// Gathers what the subtasks freeze, in place of the writer.
#[derive(Default)]
struct Collector {
    barriers: RefCell<BTreeMap<u32, Barrier>>,
    collected: RefCell<Vec<Collected>>,
    exhausted: RefCell<BTreeSet<u32>>,
}

impl Supervisor for Collector {
    fn barrier(&self, subtask: u32) -> Option<Barrier> {
        self.barriers.borrow_mut().remove(&subtask)
    }

    fn exhausted(&self, subtask: u32) {
        self.exhausted.borrow_mut().insert(subtask);
    }

    fn collected(&self, collected: Collected) {
        self.collected.borrow_mut().push(collected);
    }
}

impl Driver {
    /// A driver of a compiled plan.
    ///
    /// # Errors
    /// When the subtasks cannot be made.
    pub fn new(compiled: CompiledPlan) -> Result<Self> {
        let host = Arc::new(Host::new(Box::new(|| {})));
        let sources = compiled.plan.nodes.iter().enumerate().filter(|(_, node)| node.inputs.is_empty());
        let push = |(node, _)| {
            let resolved: &crate::compile::Resolved = &compiled.resolved[node];
            (node, PushSource::new(resolved.partitions.first().copied().unwrap_or_default()))
        };
        let pushed = sources.map(push).collect();
        let built = make(&compiled, &host, &pushed, 1)?;
        let supervisor = Collector::default();
        Ok(Driver { compiled, host, pushed, built, ended: BTreeSet::new(), supervisor, checkpoint: 0, now: 0 })
    }

    /// The columns of a source.
    ///
    /// # Errors
    /// When the node is no source.
    pub fn source_schema(&self, node: usize) -> Result<SchemaRef> {
        self.source(node)?;
        Ok(Arc::clone(&self.compiled.resolved[node].schema))
    }

    fn source(&self, node: usize) -> Result<&PushSource> {
        self.pushed.get(&node).ok_or_else(|| Error::internal(format!("node {node} is no source")))
    }

    /// Pushes rows into a source.
    ///
    /// # Errors
    /// When the node is no source.
    pub fn push(&self, node: usize, rows: RecordBatch) -> Result<()> {
        self.source(node)?.push(rows);
        Ok(())
    }

    /// Moves the watermark of a source.
    ///
    /// # Errors
    /// When the node is no source.
    pub fn advance_watermark(&self, node: usize, watermark: Micros) -> Result<()> {
        self.source(node)?.advance_watermark(watermark);
        Ok(())
    }

    /// Ends a source.
    ///
    /// # Errors
    /// When the node is no source.
    pub fn finish(&self, node: usize) -> Result<()> {
        self.source(node)?.finish();
        Ok(())
    }

    /// The calls to the host.
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// Sets the processing time; µs.
    pub fn set_clock(&mut self, now: Micros) {
        self.now = now;
    }

    /// Steps every subtask in turn until none of them moves.
    ///
    /// # Errors
    /// The pipeline's failure.
    pub fn run(&mut self) -> Result<()> {
        loop {
            let mut moved = false;
            for subtask in &mut self.built.subtasks {
                if self.ended.contains(&subtask.id) {
                    continue;
                }
                match subtask.step(self.now, &self.supervisor)? {
                    Step::Worked => moved = true,
                    Step::Blocked(_) => {}
                    Step::Done => {
                        self.ended.insert(subtask.id);
                        moved = true;
                    }
                }
            }
            if !moved {
                return Ok(());
            }
        }
    }

    /// Takes a checkpoint, throws every operator away, and restores them from it, at another parallelism if given.
    ///
    /// # Errors
    /// When calls to the host are still open, or the restored pipeline cannot be made.
    pub fn crash_and_restore(&mut self, parallelism: Option<u32>) -> Result<()> {
        self.run()?;
        self.checkpoint += 1;
        let barrier = Barrier { checkpoint: self.checkpoint, kind: BarrierKind::Periodic };
        for (subtask, place) in self.built.subtasks.iter().zip(&self.built.places) {
            if self.compiled.graph.chains[place.0].is_source {
                self.supervisor.barriers.borrow_mut().insert(subtask.id, barrier);
            }
        }
        self.run()?;
        let collected = std::mem::take(&mut *self.supervisor.collected.borrow_mut());
        if collected.len() + self.ended.len() < self.built.subtasks.len() {
            return Err(Error::internal("a call to the host is open: the checkpoint cannot be completed"));
        }
        let (parts, positions) = parts(collected)?;
        let options = JobOptions {
            parallelism: parallelism.unwrap_or(self.compiled.options.parallelism),
            ..self.compiled.options.clone()
        };
        self.compiled = compile(self.compiled.plan.clone(), options)?;
        self.built = make(&self.compiled, &self.host, &self.pushed, self.checkpoint + 1)?;
        self.ended.clear();
        hand_out(&self.compiled, &mut self.built, &parts, &positions)
    }

    /// Counters as the TypeScript side reads them.
    pub fn metrics(&self) -> Value {
        let subtasks = self.built.subtasks.iter();
        let operators: Vec<Value> =
            subtasks.flat_map(|subtask| metrics::of_nodes(subtask.id, &subtask.counters())).collect();
        json!({ "operators": operators, "channels": [], "exportedBytes": self.host.bytes(), "threads": 0 })
    }
}

fn parts(collected: Vec<Collected>) -> Result<(Vec<Part>, Vec<SourcePosition>)> {
    let (mut parts, mut positions) = (Vec::new(), Vec::new());
    for collected in collected {
        positions.extend(collected.positions);
        for (_, uid, part) in collected.parts {
            parts.push(Part { uid, part: part.name.to_owned(), rows: vec![part.frozen.encode()?] });
        }
    }
    Ok((parts, positions))
}

fn make(
    compiled: &CompiledPlan,
    host: &Arc<Host>,
    pushed: &BTreeMap<usize, PushSource>,
    checkpoint: u64,
) -> Result<Built> {
    let files = |op: &Op| matches!(op, Op::ParquetSink { .. });
    if let Some(node) = compiled.plan.nodes.iter().find(|node| files(&node.op)) {
        let error = Error::new(headrace_core::Code::PlanInvalid, "the test driver does not write files");
        return Err(crate::compile::place(error.hint("Give it the stream without its sink."), node));
    }
    build(&Materials {
        compiled,
        host: Arc::clone(host),
        tables: &BTreeMap::new(),
        pushed,
        run: "0000000000000000",
        first_checkpoint: checkpoint,
    })
}
