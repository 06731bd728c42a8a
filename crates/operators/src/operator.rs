//! What flows between operators, and what an operator is.

use arrow_array::RecordBatch;
use headrace_core::{Batch, Result, time::Micros};

use crate::{FarAhead, FrozenPart, Scope};

/// What flows along an edge of the graph.
#[derive(Debug, Clone)]
pub enum Message {
    /// Rows.
    Batch(Batch),
    /// No more rows with an event time below this are expected here.
    Watermark(Micros),
    /// The sender has no rows for now and takes no part in the minimum of watermarks until it has.
    Idle,
    /// A source partition has ended. Consumed by `watermark()`; it means nothing behind an exchange.
    PartitionEnd(u32),
    /// A checkpoint's cut through the stream.
    Barrier(Barrier),
    /// Nothing follows.
    End,
}

/// The cut of one checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Barrier {
    /// The checkpoint's number.
    pub checkpoint: u64,
    /// What follows behind the barrier.
    pub kind: BarrierKind,
}

/// What follows behind a barrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BarrierKind {
    /// More rows.
    Periodic,
    /// The end, because the job was asked to stop.
    Stop,
    /// The end, because the input has ended.
    Final,
}

impl BarrierKind {
    /// Whether the stream ends behind the barrier.
    pub fn ends(self) -> bool {
        self != BarrierKind::Periodic
    }
}

/// Named counts of an operator, for metrics and for the account of rows.
pub type Counters = Vec<(&'static str, u64)>;

/// What an operator has noticed about its rows beyond counting them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// How many rows had which disorder, in ascending order: the largest disorder of a bucket in µs, and its rows. A
    /// row's disorder is how far its event time lies behind the largest one before it in its partition, or 0. A bucket's
    /// disorder is at most 1/32 above that of any row in it, and exact for the largest. Empty for operators that choose
    /// no event time.
    pub disorder: Vec<(Micros, u64)>,
    /// The first row that was so far ahead of all others that most rows after it are late.
    pub far_ahead: Option<FarAhead>,
}

/// A step of the pipeline.
pub trait Operator: Send {
    /// Takes rows.
    ///
    /// # Errors
    /// Ends the job with that error.
    fn on_batch(&mut self, batch: Batch, out: &mut Output) -> Result<()>;

    /// Takes a watermark, which never goes back.
    ///
    /// # Errors
    /// Ends the job with that error.
    fn on_watermark(&mut self, watermark: Micros, out: &mut Output) -> Result<()> {
        out.send(Message::Watermark(watermark));
        Ok(())
    }

    /// Goes on with what the last call left [unfinished](Output::unfinished).
    ///
    /// # Errors
    /// Ends the job with that error.
    fn resume(&mut self, _out: &mut Output) -> Result<()> {
        Ok(())
    }

    /// Takes the end of a source partition.
    fn on_partition_end(&mut self, partition: u32, out: &mut Output) {
        out.send(Message::PartitionEnd(partition));
    }

    /// Learns that no rows are to be expected from before here for now.
    fn on_idle(&mut self, out: &mut Output) {
        out.send(Message::Idle);
    }

    /// Learns the time, now and then; µs of the injected clock.
    fn on_clock(&mut self, _now: Micros, _out: &mut Output) {}

    /// References to the state as it is now. Never changes what the operator will answer.
    ///
    /// # Errors
    /// Declines the checkpoint.
    fn freeze(&mut self) -> Result<Vec<FrozenPart>> {
        Ok(Vec::new())
    }

    /// Takes back a part that [`Operator::freeze`] handed out, of which it keeps what lies in its `scope`. Called
    /// once for every subtask that wrote the part, before the first message.
    ///
    /// # Errors
    /// Ends the job with that error.
    fn restore(&mut self, _part: &str, _rows: &RecordBatch, _scope: Scope) -> Result<()> {
        Ok(())
    }

    /// What the operator has noticed so far.
    fn observed(&self) -> Observed {
        Observed::default()
    }

    /// The operator's counts so far.
    fn counters(&self) -> Counters {
        Counters::new()
    }
}

/// What an operator answers to one message: messages for its outputs, and whether there is more to come.
#[derive(Debug, Default)]
pub struct Output {
    messages: Vec<(u32, Message)>,
    unfinished: bool,
    connected: [bool; 2],
}

impl Output {
    /// An output of which the given ports lead somewhere.
    pub fn new(connected: [bool; 2]) -> Self {
        Output { connected, ..Output::default() }
    }

    /// Whether anybody listens at a port.
    pub fn is_connected(&self, port: u32) -> bool {
        self.connected.get(port as usize).copied().unwrap_or(false)
    }

    /// Sends along the main output, or along every output when the message is not a batch.
    pub fn send(&mut self, message: Message) {
        match &message {
            Message::Batch(batch) if batch.rows() == 0 => {}
            Message::Batch(_) => self.messages.push((0, message)),
            _ => {
                if self.connected[1] {
                    self.messages.push((1, message.clone()));
                }
                self.messages.push((0, message));
            }
        }
    }

    /// Sends rows along the side output, when anybody listens there.
    pub fn send_side(&mut self, batch: Batch) {
        if self.connected[1] && batch.rows() > 0 {
            self.messages.push((1, Message::Batch(batch)));
        }
    }

    /// Says that [`Operator::resume`] must be called, after what was sent so far has been taken, and before any
    /// other message: how an operator keeps a large answer within the limits of the channels.
    pub fn unfinished(&mut self) {
        self.unfinished = true;
    }

    /// Takes everything sent, as (port, message) in order, and whether more is to come.
    pub fn take(&mut self) -> (Vec<(u32, Message)>, bool) {
        (std::mem::take(&mut self.messages), std::mem::take(&mut self.unfinished))
    }
}
