//! Where a subtask's messages come from.

use std::{collections::VecDeque, sync::Arc};

use arrow_array::UInt32Array;
use arrow_schema::SchemaRef;
use headrace_connect::{Polled, Position, Source, with_kinds};
use headrace_core::{Batch, Code, Error, Origin, Result, time::Micros};
use headrace_operators::Message;
use headrace_plan::HostMapMode;

use crate::{
    gate::Gate,
    host::{CallKind, Line, Reply, timed_out},
};

/// What a head answers when it is asked for its next message.
pub(crate) enum Next {
    Message(Message),
    /// Something was done, but there is no message yet.
    Again,
    /// Nothing before this time, if there is one; µs.
    Wait(Option<Micros>),
    /// A source has given all its rows; said once.
    Exhausted,
}

/// The head of a subtask.
pub(crate) enum Head {
    Gate(Gate),
    Source(Box<dyn Source>),
    Pull(Pull),
    Calls(Calls),
}

impl Head {
    pub(crate) fn next(&mut self, now: Micros) -> Result<Next> {
        match self {
            Head::Gate(gate) => Ok(gate.poll().map_or(Next::Wait(None), Next::Message)),
            Head::Source(source) => poll(source.as_mut(), now),
            Head::Pull(pull) => pull.next(),
            Head::Calls(calls) => calls.next(now),
        }
    }

    /// The partitions that a source reads.
    pub(crate) fn partitions(&self) -> Vec<u32> {
        match self {
            Head::Source(source) => source.positions().iter().map(|position| position.partition).collect(),
            Head::Pull(pull) => vec![pull.partition],
            Head::Gate(_) | Head::Calls(_) => Vec::new(),
        }
    }

    pub(crate) fn is_source(&self) -> bool {
        matches!(self, Head::Source(_) | Head::Pull(_))
    }

    pub(crate) fn seek(&mut self, position: &Position) -> Result<()> {
        match self {
            Head::Source(source) => source.seek(position),
            _ => Ok(()),
        }
    }

    /// The open calls to the host that may take as long as they like.
    pub(crate) fn unlimited_calls(&self) -> Vec<u64> {
        match self {
            Head::Pull(pull) => pull.open.into_iter().collect(),
            Head::Calls(calls) if calls.timeout_ms == 0 => {
                let id = |entry: &Entry| if let Entry::Call { id, .. } = entry { Some(*id) } else { None };
                calls.queue.iter().filter_map(id).collect()
            }
            _ => Vec::new(),
        }
    }

    pub(crate) fn positions(&self) -> Vec<Position> {
        match self {
            Head::Source(source) => source.positions(),
            _ => Vec::new(),
        }
    }
}

fn poll(source: &mut dyn Source, now: Micros) -> Result<Next> {
    Ok(match source.poll(now)? {
        Polled::Batch(batch) => Next::Message(Message::Batch(batch)),
        Polled::Watermark(watermark) => Next::Message(Message::Watermark(watermark)),
        Polled::Again => Next::Again,
        Polled::Wait(until) => Next::Wait(until),
        Polled::PartitionEnd(partition) => Next::Message(Message::PartitionEnd(partition)),
        Polled::End => Next::Exhausted,
    })
}

/// Pulls batches from an iterable of the host, one at a time.
pub(crate) struct Pull {
    line: Line,
    schema: SchemaRef,
    partition: u32,
    open: Option<u64>,
    row: u64,
    ended: bool,
}

impl Pull {
    pub(crate) fn new(line: Line, schema: SchemaRef, partition: u32) -> Self {
        Pull { line, schema, partition, open: None, row: 0, ended: false }
    }

    fn next(&mut self) -> Result<Next> {
        if self.ended {
            return Ok(Next::Exhausted);
        }
        let Some(id) = self.open else {
            let schema = Some(Arc::clone(&self.schema));
            self.open = Some(self.line.open(CallKind::Pull, None, schema));
            return Ok(Next::Wait(None));
        };
        let Some(answer) = self.line.host.answer(id) else { return Ok(Next::Wait(None)) };
        self.open = None;
        let origin = Origin { partition: self.partition, first_row: self.row };
        let Some(rows) = answer.map_err(|failure| failure.at(origin))?.rows else {
            self.ended = true;
            return Ok(Next::Message(Message::PartitionEnd(self.partition)));
        };
        let mut batch = Batch::new(rows);
        batch.origin = origin;
        self.row += batch.rows() as u64;
        Ok(Next::Message(Message::Batch(batch)))
    }
}

/// What becomes of the host's answers.
#[derive(Clone)]
pub(crate) enum CallUse {
    /// The answer's rows go on, in the place of the input's.
    Map { mode: HostMapMode, schema: SchemaRef },
    /// The rows end with the host; `changelog` is their schema with kinds.
    Sink { changelog: Option<SchemaRef> },
}

enum Entry {
    Call { id: u64, input: Batch, since: Micros },
    Message(Message),
}

/// Sends batches to the host, a bounded number at a time, and hands on its answers in the order of the batches. What is
/// no batch waits its turn between them, so that a barrier cuts the stream where it should.
pub(crate) struct Calls {
    gate: Gate,
    line: Line,
    what: CallUse,
    limit: usize,
    timeout_ms: u32,
    queue: VecDeque<Entry>,
    open: usize,
    /// When the host answered last: what stands first in the queue has had its turn since then.
    answered: Micros,
    pub(crate) rows: u64,
}

impl Calls {
    pub(crate) fn new(gate: Gate, line: Line, what: CallUse, limit: usize, timeout_ms: u32) -> Self {
        Calls { gate, line, what, limit, timeout_ms, queue: VecDeque::new(), open: 0, answered: Micros::MIN, rows: 0 }
    }

    fn next(&mut self, now: Micros) -> Result<Next> {
        let moved = self.fill(now)?;
        match self.queue.front() {
            None => return Ok(if moved { Next::Again } else { Next::Wait(None) }),
            Some(Entry::Message(_)) => {
                if let Some(Entry::Message(message)) = self.queue.pop_front() {
                    return Ok(Next::Message(message));
                }
            }
            Some(Entry::Call { id, since, .. }) => {
                let Some(answer) = self.line.host.answer(*id) else { return self.wait(self.answered.max(*since), now) };
                self.answered = now;
                if let Some(Entry::Call { input, .. }) = self.queue.pop_front() {
                    self.open -= 1;
                    // Counted where the batch leaves the queue, so that a barrier before it does not count it.
                    self.rows += input.rows() as u64;
                    let reply = answer.map_err(|failure| failure.at(input.origin))?;
                    let output = self.output(reply, input)?;
                    return Ok(output.map_or(Next::Again, |batch| Next::Message(Message::Batch(batch))));
                }
            }
        }
        Ok(Next::Again)
    }

    fn fill(&mut self, now: Micros) -> Result<bool> {
        let mut moved = false;
        while self.open < self.limit
            && let Some(message) = self.gate.poll()
        {
            moved = true;
            let entry = match message {
                Message::Batch(input) => {
                    self.open += 1;
                    Entry::Call { id: self.call(&input)?, input, since: now }
                }
                other => Entry::Message(other),
            };
            self.queue.push_back(entry);
        }
        Ok(moved)
    }

    fn call(&self, input: &Batch) -> Result<u64> {
        Ok(match &self.what {
            CallUse::Map { schema, .. } => {
                self.line.open(CallKind::Map, Some(input.data.clone()), Some(Arc::clone(schema)))
            }
            CallUse::Sink { changelog } => {
                let rows = match changelog {
                    Some(schema) => with_kinds(input, schema)?,
                    None => input.data.clone(),
                };
                self.line.open(CallKind::Sink, Some(rows), None)
            }
        })
    }

    fn wait(&self, since: Micros, now: Micros) -> Result<Next> {
        if self.timeout_ms == 0 {
            return Ok(Next::Wait(None));
        }
        let due = since + Micros::from(self.timeout_ms) * 1000;
        if now >= due { Err(timed_out(self.timeout_ms)) } else { Ok(Next::Wait(Some(due))) }
    }

    // The answer's rows with the hidden columns of the rows they were made from; none from a consumer.
    fn output(&self, reply: Reply, input: Batch) -> Result<Option<Batch>> {
        let CallUse::Map { mode, schema } = &self.what else { return Ok(None) };
        let rows =
            reply.rows.ok_or_else(|| Error::new(Code::UserFunctionShape, "a JavaScript function returned no rows"))?;
        let hidden = match mode {
            HostMapMode::Map if rows.num_rows() == input.rows() => input,
            HostMapMode::Map => {
                let text = format!("a map returned {} rows for {}", rows.num_rows(), input.rows());
                return Err(Error::new(Code::UserFunctionShape, text).hint("Use flatMap to return more or fewer rows."));
            }
            HostMapMode::FlatMap => {
                let parents = reply.parents.unwrap_or_default();
                let fits = parents.len() == rows.num_rows() && parents.iter().all(|&row| (row as usize) < input.rows());
                if !fits {
                    return Err(Error::new(
                        Code::UserFunctionShape,
                        "a flat map must name the input row of each output row",
                    ));
                }
                input.take(&UInt32Array::from(parents))?
            }
        };
        hidden.with_columns(Arc::clone(schema), rows.columns().to_vec()).map(Some)
    }
}
