//! The output of a subtask towards other subtasks.

use arrow_array::{ArrayRef, UInt32Array};
use headrace_core::{
    Result,
    key::{self, Keys},
};
use headrace_operators::Message;

use crate::channel::Sender;

/// How rows choose among the channels.
pub(crate) enum Route {
    /// All rows go into the only channel.
    Forward,
    /// A row goes to the owner of its key's group.
    Hash {
        /// The key columns.
        columns: Vec<usize>,
    },
}

/// Channels to the subtasks of one later operator.
pub(crate) struct Exchange {
    route: Route,
    channels: Vec<Sender>,
}

/// Messages on their way into channels that may be full.
pub(crate) type Pending = Vec<(usize, Message)>;

impl Exchange {
    /// An exchange into these channels.
    pub(crate) fn new(route: Route, channels: Vec<Sender>) -> Self {
        Exchange { route, channels }
    }

    /// Says which channels a message goes into, in reverse order, so that the last one is sent first.
    ///
    /// # Errors
    /// When a key column has a type that cannot be a key.
    pub(crate) fn split(&self, message: Message) -> Result<Pending> {
        match (message, &self.route) {
            // Partitions are the business of `watermark()`, which stands before every exchange by hash.
            (Message::PartitionEnd(_), Route::Hash { .. }) => Ok(Vec::new()),
            (Message::Batch(batch), Route::Hash { columns }) => self.split_by_key(batch, columns),
            (message, _) => Ok((0..self.channels.len()).rev().map(|channel| (channel, message.clone())).collect()),
        }
    }

    fn split_by_key(&self, mut batch: headrace_core::Batch, columns: &[usize]) -> Result<Pending> {
        let columns: Vec<ArrayRef> = columns.iter().map(|&column| batch.data.column(column).clone()).collect();
        let hashes = Keys::encode(&columns, batch.rows())?.hashes();
        let parallelism = self.channels.len() as u32;
        let mut rows = vec![Vec::with_capacity(hashes.len() / self.channels.len() + 64); self.channels.len()];
        for (row, &hash) in (0u32..).zip(&hashes) {
            rows[key::owner(key::key_group(hash), parallelism) as usize].push(row);
        }
        batch.key_hashes = Some(hashes.into());
        let mut pending = Vec::with_capacity(rows.len());
        for (channel, rows) in rows.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
            let all = rows.len() == batch.rows();
            let part = if all { batch.clone() } else { batch.take(&UInt32Array::from(rows))? };
            pending.push((channel, Message::Batch(part)));
        }
        Ok(pending)
    }

    /// Sends what fits; what does not stays pending. Returns whether all of it went.
    pub(crate) fn send(&self, pending: &mut Pending) -> bool {
        while let Some((channel, message)) = pending.pop() {
            if let Err(message) = self.channels[channel].send(message) {
                pending.push((channel, message));
                return false;
            }
        }
        true
    }
}
