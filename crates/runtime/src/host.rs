//! Calls to the JavaScript host: functions, consumers and iterables.
//!
//! A subtask opens a call and goes on stepping; the host takes it, works, and answers. Everything waits in one place,
//! so that the host needs one wake-up and the number of batches it holds can be counted.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arrow_array::RecordBatch;
use headrace_core::{Code, Error, Origin, Result as OurResult, row_bytes};

use crate::park::Parker;

/// With so many calls of a subtask still before it the host has enough to do, and answers are collected: one wake-up
/// costs as much as a small batch. One call is left for the host while the subtask works.
const WAKE_BELOW: usize = 2;

/// What the host is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// Answer with rows made of these.
    Map,
    /// Consume these rows.
    Sink,
    /// Answer with the next rows.
    Pull,
}

/// One call, as the host sees it.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its number.
    pub id: u64,
    /// The host's number for the function, consumer or iterable.
    pub host: u32,
    /// The subtask that asks.
    pub subtask: u32,
    /// What is asked.
    pub kind: CallKind,
    /// The rows handed over; none for a pull.
    pub rows: Option<RecordBatch>,
}

/// The host's answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The rows, if the answer has any; a pull without rows is the end.
    pub rows: Option<RecordBatch>,
    /// For a flat map: the input row of each output row.
    pub parents: Option<Vec<u32>>,
}

/// Why the host could not answer.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What happened.
    pub error: Error,
    /// The row of the batch that it happened at, when known.
    pub row: Option<u32>,
}

impl Failure {
    /// The error, with the row's origin when the row is known.
    pub(crate) fn at(self, origin: Origin) -> Error {
        match self.row {
            Some(row) => self.error.at_row(origin.partition, origin.first_row + u64::from(row)),
            None => self.error,
        }
    }
}

/// A subtask's way to the host.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) host: Arc<Host>,
    /// The host's number for the function, consumer or iterable.
    pub(crate) number: u32,
    pub(crate) subtask: u32,
    pub(crate) caller: Arc<Parker>,
}

impl Line {
    /// Opens a call; `schema` is what answers with rows must fit.
    pub(crate) fn open(
        &self,
        kind: CallKind,
        rows: Option<RecordBatch>,
        schema: Option<arrow_schema::SchemaRef>,
    ) -> u64 {
        let mut calls = self.host.lock();
        let id = calls.next;
        calls.next += 1;
        let call = Call { id, host: self.number, subtask: self.subtask, kind, rows };
        calls.open.insert(id, Open { call, schema, caller: Arc::clone(&self.caller), answer: None });
        calls.waiting.push_back(id);
        drop(calls);
        (self.host.wake)();
        id
    }
}

struct Open {
    call: Call,
    schema: Option<arrow_schema::SchemaRef>,
    caller: Arc<Parker>,
    answer: Option<Result<Reply, Failure>>,
}

#[derive(Default)]
struct Calls {
    waiting: VecDeque<u64>,
    open: BTreeMap<u64, Open>,
    next: u64,
    /// The call that the host took last.
    last_taken: Option<u64>,
    /// Grows with everything that the host does.
    signs_of_life: u64,
}

/// The place where calls wait for the host and answers for their subtasks.
pub struct Host {
    calls: Mutex<Calls>,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Host {
    /// `wake` tells the host that a call waits; it may be called from any thread.
    pub fn new(wake: Box<dyn Fn() + Send + Sync>) -> Self {
        Host { calls: Mutex::default(), wake }
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer to a call, once there is one; the call is closed with it.
    pub(crate) fn answer(&self, id: u64) -> Option<Result<Reply, Failure>> {
        let mut calls = self.lock();
        calls.open.get(&id)?.answer.as_ref()?;
        calls.open.remove(&id)?.answer
    }

    /// The next call that the host has not taken.
    pub fn take(&self) -> Option<Call> {
        let mut calls = self.lock();
        calls.signs_of_life += 1;
        let id = calls.waiting.pop_front()?;
        calls.last_taken = Some(id);
        calls.open.get(&id).map(|open| open.call.clone())
    }

    /// The rows of a call that was taken.
    ///
    /// # Errors
    /// When there is no such call.
    pub fn rows(&self, id: u64) -> OurResult<RecordBatch> {
        let rows = self.lock().open.get(&id).and_then(|open| open.call.rows.clone());
        rows.ok_or_else(|| Error::internal(format!("call {id} has no rows to read")))
    }

    /// What the answer to a call must look like; `None` when it has no rows.
    pub fn schema(&self, id: u64) -> Option<arrow_schema::SchemaRef> {
        self.lock().open.get(&id).and_then(|open| open.schema.clone())
    }

    /// Answers a call. An answer to a call that is gone, because the job has failed meanwhile, is ignored.
    pub fn complete(&self, id: u64, answer: Result<Reply, Failure>) {
        let mut calls = self.lock();
        calls.signs_of_life += 1;
        let Some(open) = calls.open.get_mut(&id) else { return };
        let failed = answer.is_err();
        open.answer = Some(answer);
        let (rows, caller, subtask) = (open.call.rows.take(), Arc::clone(&open.caller), open.call.subtask);
        let of_subtask = |id: &&u64| calls.open.get(id).is_some_and(|open| open.call.subtask == subtask);
        let ready = calls.waiting.iter().filter(of_subtask).count();
        // Whoever is woken may run at once, and would find the lock taken.
        drop(calls);
        drop(rows);
        if failed || ready < WAKE_BELOW {
            caller.wake();
        }
    }

    /// Notes that the host has shown itself, other than by a call.
    pub(crate) fn seen(&self) {
        self.lock().signs_of_life += 1;
    }

    /// Asks the host to show itself, which it does by looking for events and calls.
    pub(crate) fn ping(&self) {
        (self.wake)();
    }

    /// A number that changes whenever the host does something.
    pub(crate) fn signs_of_life(&self) -> u64 {
        self.lock().signs_of_life
    }

    /// Whether one of these calls is where a host that does nothing any more must be: the last that it took, or any
    /// that it has taken when that is answered already.
    pub(crate) fn may_be_in(&self, own: &[u64]) -> bool {
        let calls = self.lock();
        let is_taken = |id: &u64| calls.open.contains_key(id) && !calls.waiting.contains(id);
        match calls.last_taken.filter(is_taken) {
            Some(last) => own.contains(&last),
            None => own.iter().any(is_taken),
        }
    }

    /// Bytes of the batches that the host has or could have.
    pub fn bytes(&self) -> usize {
        let bytes = |open: &Open| open.call.rows.as_ref().map_or(0, row_bytes);
        self.lock().open.values().map(bytes).sum()
    }

    /// Forgets all calls: the job is over.
    pub(crate) fn close(&self) {
        *self.lock() = Calls::default();
    }
}

/// The error of a host that has not answered in time.
pub(crate) fn timed_out(limit_ms: u32) -> Error {
    Error::new(Code::UserFunctionTimeout, format!("a JavaScript function has not answered within {limit_ms} ms"))
        .hint("Give it a longer timeout, or find out what it waits for.")
}
