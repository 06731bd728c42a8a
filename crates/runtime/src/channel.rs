//! A bounded channel between two subtasks.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use headrace_operators::Message;

use crate::park::Parker;

/// How much a channel holds before its sender must wait. One message always fits, whatever its size; messages that are
/// not batches are small, few, and always fit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Rows.
    pub(crate) rows: usize,
    /// Bytes.
    pub(crate) bytes: usize,
}

#[derive(Default)]
struct Queue {
    messages: VecDeque<Message>,
    rows: usize,
    bytes: usize,
    rows_max: usize,
    bytes_max: usize,
    sender_waits: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    limits: Limits,
    sender: Arc<Parker>,
    receiver: Arc<Parker>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end that messages are put into.
pub(crate) struct Sender(Arc<Shared>);

/// The end that messages are taken from.
pub(crate) struct Receiver(Arc<Shared>);

/// What a channel holds now, and the most it has held.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fill {
    /// Rows now.
    pub(crate) rows: usize,
    /// Bytes now.
    pub(crate) bytes: usize,
    /// The most rows at once.
    pub(crate) rows_max: usize,
    /// The most bytes at once.
    pub(crate) bytes_max: usize,
}

/// Looks at a channel from outside.
#[derive(Clone)]
pub(crate) struct Probe(Arc<Shared>);

/// A channel from the subtask that sleeps on `sender` to the one that sleeps on `receiver`.
pub(crate) fn channel(limits: Limits, sender: Arc<Parker>, receiver: Arc<Parker>) -> (Sender, Receiver) {
    let shared = Arc::new(Shared { queue: Mutex::default(), limits, sender, receiver });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

fn size(message: &Message) -> (usize, usize) {
    match message {
        Message::Batch(batch) => (batch.rows(), batch.bytes()),
        _ => (0, 0),
    }
}

impl Sender {
    #[expect(clippy::result_large_err, reason = "the message is given back, not an error made")]
    /// Puts a message in, or gives it back when the channel is full; the sender is then woken once there is room.
    pub(crate) fn send(&self, message: Message) -> Result<(), Message> {
        let (rows, bytes) = size(&message);
        let mut queue = self.0.lock();
        let full = queue.rows + rows > self.0.limits.rows || queue.bytes + bytes > self.0.limits.bytes;
        if rows > 0 && queue.rows > 0 && full {
            queue.sender_waits = true;
            return Err(message);
        }
        queue.messages.push_back(message);
        queue.rows += rows;
        queue.bytes += bytes;
        queue.rows_max = queue.rows_max.max(queue.rows);
        queue.bytes_max = queue.bytes_max.max(queue.bytes);
        drop(queue);
        self.0.receiver.wake();
        Ok(())
    }

    /// A view of the channel for metrics.
    pub(crate) fn probe(&self) -> Probe {
        Probe(Arc::clone(&self.0))
    }
}

impl Receiver {
    /// Takes the next message, if there is one.
    pub(crate) fn receive(&self) -> Option<Message> {
        let mut queue = self.0.lock();
        let message = queue.messages.pop_front()?;
        let (rows, bytes) = size(&message);
        queue.rows -= rows;
        queue.bytes -= bytes;
        let wake = std::mem::take(&mut queue.sender_waits);
        drop(queue);
        if wake {
            self.0.sender.wake();
        }
        Some(message)
    }
}

impl Probe {
    /// What the channel holds.
    pub(crate) fn fill(&self) -> Fill {
        let queue = self.0.lock();
        Fill { rows: queue.rows, bytes: queue.bytes, rows_max: queue.rows_max, bytes_max: queue.bytes_max }
    }
}
