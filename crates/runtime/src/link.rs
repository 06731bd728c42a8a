//! One node of a subtask's chain: what it does with its messages, and where its outputs lead.

use headrace_connect::Sink;
use headrace_core::{Error, Result};
use headrace_operators::{Barrier, Counters, Message, Observed, Operator, Output};

use crate::subtask::Collected;

/// What a node of the chain does with its messages.
pub(crate) enum Stage {
    /// Hands everything on: the place of a source, a union, a call to the host.
    Pass,
    Operator(Box<dyn Operator>),
    Sink(Box<dyn Sink>),
}

/// Where an output of a node leads.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    Local(usize),
    Exchange(usize),
}

/// One node of the chain.
pub(crate) struct Link {
    /// The node's number in the plan.
    pub(crate) node: usize,
    pub(crate) uid: String,
    pub(crate) name: String,
    pub(crate) at: Option<String>,
    pub(crate) stage: Stage,
    pub(crate) targets: Vec<(u32, Target)>,
    pub(crate) output: Output,
}

impl Link {
    pub(crate) fn new(node: usize, plan: &headrace_plan::Node, stage: Stage, targets: Vec<(u32, Target)>) -> Self {
        let connected = [0, 1].map(|port| targets.iter().any(|(from, _)| *from == port));
        Link {
            node,
            uid: plan.uid.clone(),
            name: plan.name.clone(),
            at: plan.at.clone(),
            stage,
            targets,
            output: Output::new(connected),
        }
    }

    pub(crate) fn place(&self, error: Error) -> Error {
        error.in_operator(&self.uid, &self.name, self.at.as_deref())
    }

    pub(crate) fn take(&mut self, message: Message, collected: &mut Option<Collected>) -> Result<()> {
        headrace_store::panic_point(&self.uid);
        match (&mut self.stage, message) {
            (Stage::Operator(operator), Message::Batch(batch)) => {
                let origin = batch.origin;
                let at_row = |error: Error| error.at_row(origin.partition, origin.first_row);
                operator.on_batch(batch, &mut self.output).map_err(at_row)?;
            }
            (Stage::Operator(operator), Message::Watermark(watermark)) => {
                operator.on_watermark(watermark, &mut self.output)?;
            }
            (Stage::Operator(operator), Message::PartitionEnd(partition)) => {
                operator.on_partition_end(partition, &mut self.output);
            }
            (Stage::Operator(operator), Message::Idle) => operator.on_idle(&mut self.output),
            (Stage::Sink(sink), Message::Batch(batch)) => sink.write(batch)?,
            (_, Message::Barrier(barrier)) => {
                if let Some(collected) = collected {
                    self.freeze(barrier, collected)?;
                }
                self.output.send(Message::Barrier(barrier));
            }
            (_, message) => self.output.send(message),
        }
        Ok(())
    }

    fn freeze(&mut self, barrier: Barrier, collected: &mut Collected) -> Result<()> {
        match &mut self.stage {
            Stage::Operator(operator) => {
                let parts = operator.freeze()?;
                collected.parts.extend(parts.into_iter().map(|part| (self.node, self.uid.clone(), part)));
            }
            Stage::Sink(sink) => collected.prepared.extend(sink.prepare(barrier.kind)?),
            Stage::Pass => {}
        }
        Ok(())
    }

    pub(crate) fn counters(&self) -> Counters {
        match &self.stage {
            Stage::Operator(operator) => operator.counters(),
            Stage::Sink(sink) => sink.counters(),
            Stage::Pass => Counters::new(),
        }
    }

    pub(crate) fn observed(&self) -> Observed {
        match &self.stage {
            Stage::Operator(operator) => operator.observed(),
            Stage::Sink(_) | Stage::Pass => Observed::default(),
        }
    }
}
