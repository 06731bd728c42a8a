//! The input of a subtask: the channels of all its senders, with their watermarks merged and their barriers aligned.

use headrace_core::time::{MINUS_INFINITY, Micros, PLUS_INFINITY};
use headrace_operators::{Barrier, Message};

use crate::channel::Receiver;

struct Input {
    channel: Receiver,
    watermark: Micros,
    /// The last watermark below +∞.
    reached: Micros,
    idle: bool,
    /// The barrier has come, and what follows it must wait for the barriers of the others.
    blocked: bool,
    ended: bool,
}

impl Input {
    fn is_open(&self) -> bool {
        !self.blocked && !self.ended
    }
}

/// Merges the channels of a subtask into one sequence of messages.
pub(crate) struct Gate {
    inputs: Vec<Input>,
    turn: usize,
    watermark: Micros,
    idle: bool,
    /// What it was last told has to be followed by that it is idle.
    owes_idle: bool,
    barrier: Option<Barrier>,
    ended: bool,
}

impl Gate {
    /// A gate over these channels.
    pub(crate) fn new(channels: Vec<Receiver>) -> Self {
        let input = |channel| Input {
            channel,
            watermark: MINUS_INFINITY,
            reached: MINUS_INFINITY,
            idle: false,
            blocked: false,
            ended: false,
        };
        Gate {
            inputs: channels.into_iter().map(input).collect(),
            turn: 0,
            watermark: MINUS_INFINITY,
            idle: false,
            owes_idle: false,
            barrier: None,
            ended: false,
        }
    }

    /// The next message of the merged sequence, if there is one yet.
    ///
    /// Inputs whose watermark is the lowest come first, and in turn: what the others send could not fire anything yet,
    /// so it rather fills their channels, and holds back a source that runs ahead, than the state behind the gate.
    pub(crate) fn poll(&mut self) -> Option<Message> {
        if std::mem::take(&mut self.owes_idle) {
            self.idle = true;
            return Some(Message::Idle);
        }
        loop {
            let lowest = self.inputs.iter().filter(|input| input.is_open()).map(|input| input.watermark).min()?;
            let (at, message) = self.receive(|watermark| watermark == lowest).or_else(|| self.receive(|_| true))?;
            if let Some(merged) = self.take(at, message) {
                return Some(merged);
            }
        }
    }

    // The next message of an open input whose watermark is wanted, asking them in turn.
    fn receive(&mut self, wanted: impl Fn(Micros) -> bool) -> Option<(usize, Message)> {
        let count = self.inputs.len();
        for at in (self.turn..self.turn + count).map(|at| at % count) {
            let input = &self.inputs[at];
            if input.is_open()
                && wanted(input.watermark)
                && let Some(message) = input.channel.receive()
            {
                self.turn = (at + 1) % count;
                return Some((at, message));
            }
        }
        None
    }

    fn take(&mut self, at: usize, message: Message) -> Option<Message> {
        match message {
            Message::Batch(_) | Message::PartitionEnd(_) => return Some(message),
            Message::Watermark(watermark) => {
                let input = &mut self.inputs[at];
                input.watermark = input.watermark.max(watermark);
                if watermark < PLUS_INFINITY {
                    input.reached = input.reached.max(watermark);
                }
                input.idle = false;
                return self.merge();
            }
            Message::Idle => {
                self.inputs[at].idle = true;
                return self.merge();
            }
            Message::Barrier(barrier) => {
                self.inputs[at].blocked = true;
                self.barrier = Some(barrier);
            }
            Message::End => self.inputs[at].ended = true,
        }
        self.align()
    }

    // The minimum over the inputs that are neither idle nor at +∞. Where there is none, those that are idle may yet have
    // rows, so there is no watermark for now; it is +∞ only once all are. An input that has ended keeps its watermark,
    // which is +∞ when its rows have ended, and less when it was stopped.
    fn level(&self) -> Option<Micros> {
        let mut open = self.inputs.iter().filter(|input| input.watermark < PLUS_INFINITY).peekable();
        if open.peek().is_none() {
            return Some(PLUS_INFINITY);
        }
        open.filter(|input| !input.idle).map(|input| input.watermark).min()
    }

    // The merged watermark, where it is new; it never goes back.
    fn merge(&mut self) -> Option<Message> {
        match self.level() {
            // After idleness also one that has not moved, because it says that there are rows again.
            Some(level) if level > self.watermark || self.idle => {
                self.watermark = self.watermark.max(level);
                self.idle = false;
                Some(Message::Watermark(self.watermark))
            }
            Some(_) => None,
            None => self.stand_still(),
        }
    }

    // All that have rows to come are idle. Those at +∞ hold nobody back, but where they came to was reached; that is said
    // first, and that it goes no further with the next message.
    fn stand_still(&mut self) -> Option<Message> {
        let over = self.inputs.iter().filter(|input| input.watermark == PLUS_INFINITY);
        let reached = over.map(|input| input.reached).max().filter(|reached| *reached > self.watermark);
        if let Some(reached) = reached {
            self.watermark = reached;
            (self.idle, self.owes_idle) = (false, true);
            return Some(Message::Watermark(reached));
        }
        if self.idle {
            return None;
        }
        self.idle = true;
        Some(Message::Idle)
    }

    fn align(&mut self) -> Option<Message> {
        if self.inputs.iter().any(|input| !input.blocked && !input.ended) {
            return None;
        }
        if let Some(barrier) = self.barrier.take() {
            self.inputs.iter_mut().for_each(|input| input.blocked = false);
            return Some(Message::Barrier(barrier));
        }
        (!std::mem::replace(&mut self.ended, true)).then_some(Message::End)
    }
}
