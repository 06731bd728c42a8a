//! A job: every subtask on a thread of its own.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use arrow_array::RecordBatch;
use headrace_core::{Code, Error, Result, time::Micros};
use headrace_operators::Barrier;
use serde_json::{Value, json};

use crate::{
    Clock, Event, SystemClock,
    build::{Built, Materials, build},
    channel::Probe,
    compile::CompiledPlan,
    host::Host,
    metrics,
    restore::{Restored, hand_out, read},
    subtask::{Collected, NodeCounters, SharedParker, Step, Subtask, Supervisor},
    watchdog::{Watchdog, tell_of_endless_loop},
    writer::{Inbox, StatePlace, run as run_writer},
};

/// The longest that a sleeping subtask goes without looking around; wake-ups come at once, this is for its counters.
const SLEEP: Duration = Duration::from_millis(100);
/// How often a running subtask publishes its counters; µs.
const PUBLISH_EVERY: Micros = 50_000;
/// How often, and how many times, it is looked whether the host has seen that a function's time is up, before the
/// terminal is told.
const WATCH_EVERY: Duration = Duration::from_millis(20);
const WATCH_LOOKS: u32 = 50;
/// Stack of a subtask's thread, in bytes.
const STACK_BYTES: usize = 4 << 20;

/// What a job is started with.
pub struct JobSpec {
    /// The plan.
    pub compiled: CompiledPlan,
    /// The id of this run, in hexadecimal digits.
    pub run: String,
    /// The checkpoint store's folder of state files, when the job takes checkpoints.
    pub state_folder: Option<PathBuf>,
}

#[derive(Default)]
struct Shared {
    events: Mutex<Vec<Event>>,
    barriers: Mutex<BTreeMap<u32, Barrier>>,
    counters: Mutex<BTreeMap<u32, Vec<NodeCounters>>>,
    cancelled: AtomicBool,
    threads: AtomicUsize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A job, from its making to its end.
pub struct Job {
    spec: JobSpec,
    shared: Arc<Shared>,
    host: Arc<Host>,
    wake: Arc<dyn Fn() + Send + Sync>,
    tables: BTreeMap<u32, Arc<Vec<RecordBatch>>>,
    parkers: Vec<SharedParker>,
    sources: Vec<u32>,
    channels: Vec<(u32, u32, Probe)>,
    handles: Mutex<Vec<thread::JoinHandle<()>>>,
}

impl Job {
    /// A job that has not started. `wake` is called, from any thread, when there are events or calls to take.
    pub fn new(spec: JobSpec, wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        let for_host = Arc::clone(&wake);
        Job {
            spec,
            shared: Arc::default(),
            host: Arc::new(Host::new(Box::new(move || for_host()))),
            wake,
            tables: BTreeMap::new(),
            parkers: Vec::new(),
            sources: Vec::new(),
            channels: Vec::new(),
            handles: Mutex::default(),
        }
    }

    /// Adds rows to table `table` of the plan.
    pub fn add_table(&mut self, table: u32, rows: RecordBatch) {
        Arc::make_mut(self.tables.entry(table).or_default()).push(rows);
    }

    /// The columns of table `table`, as the plan declares them.
    ///
    /// # Errors
    /// When the plan has no such table.
    pub fn table_schema(&self, table: u32) -> Result<arrow_schema::SchemaRef> {
        let compiled = &self.spec.compiled;
        let is_table =
            |op: &headrace_plan::Op| matches!(op, headrace_plan::Op::TableSource { table: own, .. } if *own == table);
        let node = compiled.plan.nodes.iter().position(|node| is_table(&node.op));
        let node = node.ok_or_else(|| Error::internal(format!("the plan has no table {table}")))?;
        Ok(Arc::clone(&compiled.resolved[node].schema))
    }

    /// The calls to the host.
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// Makes all subtasks, restores them from the manifest of a checkpoint if there is one, and starts their threads.
    ///
    /// # Errors
    /// When a source or sink cannot be opened, or the checkpoint does not fit. No thread is left behind.
    pub fn start(&mut self, manifest: Option<Value>) -> Result<()> {
        let restored: Restored = match manifest {
            Some(manifest) => serde_json::from_value(manifest)
                .map_err(|error| Error::internal(format!("the manifest cannot be read: {error}")))?,
            None => Restored::default(),
        };
        let pushed = BTreeMap::new();
        let mut built = build(&Materials {
            compiled: &self.spec.compiled,
            host: Arc::clone(&self.host),
            tables: &self.tables,
            pushed: &pushed,
            run: &self.spec.run,
            first_checkpoint: restored.checkpoint + 1,
        })?;
        let parts = match &self.spec.state_folder {
            Some(folder) => read(folder, &restored.files)?,
            None => Vec::new(),
        };
        hand_out(&self.spec.compiled, &mut built, &parts, &restored.positions)?;
        self.launch(built)
    }

    fn launch(&mut self, built: Built) -> Result<()> {
        self.parkers = built.parkers;
        self.channels = built.channels;
        let chains = &self.spec.compiled.graph.chains;
        self.sources =
            (0u32..).zip(&built.places).filter(|(_, place)| chains[place.0].is_source).map(|(id, _)| id).collect();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let (inbox, outbox) = mpsc::channel();
        let nodes = self.spec.compiled.plan.nodes.clone();
        let place = StatePlace { folder: self.spec.state_folder.clone(), run: self.spec.run.clone(), nodes };
        let (shared, wake) = (Arc::clone(&self.shared), Arc::clone(&self.wake));
        self.spawn("headrace-writer".to_owned(), move || {
            run_writer(&place, &outbox, &|event| {
                lock(&shared.events).push(event);
                wake();
            });
        })?;
        for subtask in built.subtasks {
            let worker = Worker {
                shared: Arc::clone(&self.shared),
                wake: Arc::clone(&self.wake),
                parkers: self.parkers.clone(),
                inbox: inbox.clone(),
                host: Arc::clone(&self.host),
                clock: Arc::clone(&clock),
            };
            self.spawn(format!("headrace-{}", subtask.id), move || worker.run(subtask))?;
        }
        Ok(())
    }

    fn spawn(&mut self, name: String, work: impl FnOnce() + Send + 'static) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        shared.threads.fetch_add(1, Ordering::Relaxed);
        let wake = Arc::clone(&self.wake);
        let counted = move || {
            work();
            shared.threads.fetch_sub(1, Ordering::Relaxed);
            wake();
        };
        #[expect(clippy::disallowed_methods, reason = "the one place where threads are started")]
        let handle = thread::Builder::new().name(name).stack_size(STACK_BYTES).spawn(counted);
        match handle {
            Ok(handle) => {
                lock(&self.handles).push(handle);
                Ok(())
            }
            Err(error) => {
                self.shared.threads.fetch_sub(1, Ordering::Relaxed);
                self.cancel();
                Err(Error::internal(format!("a thread could not be started: {error}")))
            }
        }
    }

    /// Asks all sources for a barrier.
    pub fn trigger(&self, barrier: Barrier) {
        let mut barriers = lock(&self.shared.barriers);
        for &source in &self.sources {
            barriers.insert(source, barrier);
        }
        drop(barriers);
        self.sources.iter().for_each(|&source| self.parkers[source as usize].wake());
    }

    /// Stops all subtasks at their next step.
    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::Release);
        self.parkers.iter().for_each(|parker| parker.wake());
        self.host.close();
    }

    /// The events since the last call.
    pub fn take_events(&self) -> Vec<Event> {
        self.host.seen();
        std::mem::take(&mut *lock(&self.shared.events))
    }

    /// Takes the threads, to be joined where blocking is allowed.
    pub fn take_handles(&self) -> Vec<thread::JoinHandle<()>> {
        std::mem::take(&mut *lock(&self.handles))
    }

    /// Counters and gauges as the TypeScript side reads them.
    pub fn metrics(&self) -> Value {
        let operators: Vec<Value> = lock(&self.shared.counters)
            .iter()
            .flat_map(|(&subtask, nodes)| metrics::of_nodes(subtask, nodes))
            .collect();
        let channels: Vec<Value> = self
            .channels
            .iter()
            .map(|(from, to, probe)| {
                let fill = probe.fill();
                json!({ "from": from, "to": to, "rows": fill.rows, "bytes": fill.bytes, "rowsMax": fill.rows_max, "bytesMax": fill.bytes_max })
            })
            .collect();
        json!({
            "operators": operators,
            "channels": channels,
            "exportedBytes": self.host.bytes(),
            "threads": self.shared.threads.load(Ordering::Relaxed),
        })
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.cancel();
    }
}

// What a thread of a subtask needs.
struct Worker {
    shared: Arc<Shared>,
    wake: Arc<dyn Fn() + Send + Sync>,
    parkers: Vec<SharedParker>,
    inbox: Inbox,
    host: Arc<Host>,
    clock: Arc<dyn Clock>,
}

impl Worker {
    fn run(self, mut subtask: Subtask) {
        let worked = catch_unwind(AssertUnwindSafe(|| self.work(&mut subtask)));
        let result = worked.unwrap_or_else(|panic| Err(panicked(&subtask, panic.as_ref())));
        self.publish(&subtask);
        let id = subtask.id;
        // The subtask's sinks clean up when they are dropped, which must be over when the end is announced.
        drop(subtask);
        match result {
            Ok(true) => self.tell(Event::Finished { subtask: id }),
            Ok(false) => {}
            Err(error) => {
                self.shared.cancelled.store(true, Ordering::Release);
                self.parkers.iter().for_each(|parker| parker.wake());
                let hangs = (error.code() == Code::UserFunctionTimeout).then(|| error.clone());
                self.tell(Event::Failed { error });
                if let Some(error) = hangs {
                    self.watch(&error);
                }
            }
        }
    }

    // Steps until the end; false when the job was cancelled before.
    fn work(&self, subtask: &mut Subtask) -> Result<bool> {
        let parker = Arc::clone(&self.parkers[subtask.id as usize]);
        let mut publish_at = 0;
        let mut watchdog = Watchdog::default();
        while !self.shared.cancelled.load(Ordering::Acquire) {
            let now = self.clock.now();
            if now >= publish_at {
                self.publish(subtask);
                publish_at = now + PUBLISH_EVERY;
            }
            match subtask.step(now, self)? {
                Step::Worked => {}
                Step::Done => return Ok(true),
                Step::Blocked(until) => {
                    watchdog.listen(&self.host, subtask, now);
                    let limit =
                        until.map_or(SLEEP, |until| Duration::from_micros((until - now).max(0) as u64).min(SLEEP));
                    parker.sleep(limit);
                }
            }
        }
        Ok(false)
    }

    // A function that loops without end keeps the host from seeing that its time is up, so the terminal is told instead.
    #[expect(clippy::disallowed_methods, reason = "it is the absence of an event that is waited for")]
    fn watch(&self, error: &Error) {
        for _ in 0..WATCH_LOOKS {
            thread::sleep(WATCH_EVERY);
            if lock(&self.shared.events).is_empty() {
                return;
            }
        }
        tell_of_endless_loop(error);
    }

    fn publish(&self, subtask: &Subtask) {
        lock(&self.shared.counters).insert(subtask.id, subtask.counters());
    }

    fn tell(&self, event: Event) {
        lock(&self.shared.events).push(event);
        (self.wake)();
    }
}

impl Supervisor for Worker {
    fn barrier(&self, subtask: u32) -> Option<Barrier> {
        lock(&self.shared.barriers).remove(&subtask)
    }

    fn exhausted(&self, subtask: u32) {
        self.tell(Event::Exhausted { subtask });
    }

    fn collected(&self, collected: Collected) {
        // The writer outlives all subtasks; were it gone, the coordinator's timeout would say so.
        let _ = self.inbox.send(collected);
    }
}

fn panicked(subtask: &Subtask, panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    subtask.place(Error::internal(format!("the operator panicked: {text}")))
}
