//! The output of a subtask towards other subtasks.

use arrow_array::{ArrayRef, UInt32Array};
use headrace_core::{
    Batch, Result,
    key::{self, KeyCoder, KeyList, Lineage},
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
        keys: Vec<usize>,
        /// The columns that are sent.
        sent: Vec<usize>,
        /// Boxed, as it holds a cache.
        coder: Box<KeyCoder>,
        /// Who owns the keys of the list that the last batch had.
        owners: Owners,
    },
}

/// The owners of the keys of one list, by code.
#[derive(Default)]
pub(crate) struct Owners {
    lineage: Option<Lineage>,
    by_code: Vec<u32>,
}

impl Owners {
    // A list only grows, so that only its new keys are looked at.
    fn follow(&mut self, list: &KeyList, channels: usize) -> &[u32] {
        if !self.lineage.as_ref().is_some_and(|lineage| lineage.has(list)) {
            *self = Owners { lineage: Some(list.lineage()), by_code: Vec::new() };
        }
        let owner = |&hash: &u64| key::owner(key::key_group(hash), channels as u32);
        self.by_code.extend(list.hashes().iter().skip(self.by_code.len()).map(owner));
        &self.by_code
    }
}

impl Route {
    /// A route by the key columns `keys`, on which the columns `sent` go.
    pub(crate) fn hash(keys: Vec<usize>, sent: Vec<usize>) -> Self {
        Route::Hash { keys, sent, coder: Box::default(), owners: Owners::default() }
    }
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
    pub(crate) fn split(&mut self, message: Message) -> Result<Pending> {
        let channels = self.channels.len();
        match (message, &mut self.route) {
            // Partitions are the business of `watermark()`, which stands before every exchange by hash.
            (Message::PartitionEnd(_), Route::Hash { .. }) => Ok(Vec::new()),
            (Message::Batch(mut batch), Route::Hash { keys, sent, coder, owners }) => {
                let keys: Vec<ArrayRef> = keys.iter().map(|&column| batch.data.column(column).clone()).collect();
                let keys = coder.code(&keys, batch.rows())?;
                let owners = owners.follow(&keys.list, channels);
                let rows = deal(&keys.codes, owners, channels);
                batch.keys = Some(keys);
                batch.data = batch.data.project(sent)?;
                parts(&batch, rows)
            }
            (message, _) => Ok((0..channels).rev().map(|channel| (channel, message.clone())).collect()),
        }
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

/// The rows of each channel, by the owners of their keys.
fn deal(codes: &[u32], owners: &[u32], channels: usize) -> Vec<Vec<u32>> {
    let mut counts = vec![0; channels];
    for &code in codes {
        counts[owners[code as usize] as usize] += 1;
    }
    let mut rows: Vec<Vec<u32>> = counts.into_iter().map(Vec::with_capacity).collect();
    for (row, &code) in (0u32..).zip(codes) {
        rows[owners[code as usize] as usize].push(row);
    }
    rows
}

/// A message for each channel that gets rows.
fn parts(batch: &Batch, rows: Vec<Vec<u32>>) -> Result<Pending> {
    let mut pending = Vec::with_capacity(rows.len());
    for (channel, rows) in rows.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
        let all = rows.len() == batch.rows();
        let part = if all { batch.clone() } else { batch.take(&UInt32Array::from(rows))? };
        pending.push((channel, Message::Batch(part)));
    }
    Ok(pending)
}
