//! A job on native threads.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use headrace_core::Error;
use headrace_operators::{Barrier, BarrierKind};
use headrace_runtime::{Event, Job, JobSpec};
use headrace_store::StateFolder;
use napi::{
    Env, Task,
    bindgen_prelude::{AsyncTask, Float64Array, Function, Uint8Array},
    threadsafe_function::ThreadsafeFunctionCallMode,
};
use napi_derive::napi;

use crate::{
    call::{self, BindingCall},
    error::Raise,
};

/// A job; see `BindingJob` in `ts/binding.ts`.
#[napi]
pub struct BindingJob {
    job: Job,
    /// Whether the host was woken and has not looked yet; further wake-ups would tell it nothing new.
    woken: Arc<AtomicBool>,
}

#[napi]
impl BindingJob {
    /// A job that has not started.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        plan: String,
        options: String,
        run: String,
        checkpoints: Option<String>,
        wake: Function<'_, (), ()>,
    ) -> napi::Result<Self> {
        let compiled = crate::parse(&plan, &options)?;
        let wake = wake.build_threadsafe_function().weak::<true>().callee_handled::<false>().build()?;
        let woken = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&woken);
        let tell = move || {
            if !flag.swap(true, Ordering::AcqRel) {
                wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
            }
        };
        let state_folder = checkpoints.map(|folder| StateFolder::of(Path::new(&folder)).folder().to_path_buf());
        Ok(BindingJob { job: Job::new(JobSpec { compiled, run, state_folder }, Arc::new(tell)), woken })
    }

    /// Adds rows in memory.
    #[napi(catch_unwind)]
    pub fn add_table(&mut self, table: u32, _schema: String, layout: &[f64], buffers: Vec<&[u8]>) -> napi::Result<()> {
        let schema = self.job.table_schema(table).raise()?;
        self.job.add_table(table, call::rows(&schema, layout, &buffers)?);
        Ok(())
    }

    /// Starts all subtasks.
    #[napi(catch_unwind)]
    pub fn start(&mut self, manifest: Option<String>) -> napi::Result<()> {
        let unreadable = |error: serde_json::Error| Error::internal(format!("the manifest cannot be read: {error}"));
        let manifest = manifest.map(|text| serde_json::from_str(&text)).transpose().map_err(unreadable).raise()?;
        self.job.start(manifest).raise()
    }

    /// Asks the sources for a barrier.
    #[napi(catch_unwind)]
    pub fn trigger(&self, checkpoint: u32, kind: String) -> napi::Result<()> {
        let kind = match kind.as_str() {
            "periodic" => BarrierKind::Periodic,
            "stop" => BarrierKind::Stop,
            "final" => BarrierKind::Final,
            other => return Err(Error::internal(format!("there is no barrier '{other}'"))).raise(),
        };
        self.job.trigger(Barrier { checkpoint: checkpoint.into(), kind });
        Ok(())
    }

    /// Stops all subtasks at their next step.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.job.cancel();
    }

    /// The events since the last call.
    #[napi(catch_unwind)]
    pub fn take_events(&self) -> String {
        self.woken.store(false, Ordering::Release);
        serde_json::Value::Array(self.job.take_events().iter().map(Event::to_json).collect()).to_string()
    }

    /// The next call to the host.
    #[napi(catch_unwind)]
    pub fn take_call(&self) -> Option<BindingCall> {
        call::take(self.job.host())
    }

    /// The rows of a call.
    #[napi(catch_unwind)]
    pub fn read_call(&self, id: f64, arena: Uint8Array) -> napi::Result<Float64Array> {
        call::read(self.job.host(), id, arena)
    }

    /// Answers a call.
    #[napi(catch_unwind)]
    pub fn complete_call(
        &self,
        id: f64,
        layout: Option<&[f64]>,
        buffers: Option<Vec<&[u8]>>,
        parents: Option<&[u32]>,
    ) -> napi::Result<()> {
        call::complete(self.job.host(), id, layout, buffers, parents)
    }

    /// Fails a call.
    #[napi(catch_unwind)]
    pub fn fail_call(&self, id: f64, error: String) {
        call::fail(self.job.host(), id, &error);
    }

    /// Counters and gauges.
    #[napi(catch_unwind)]
    pub fn metrics(&self) -> String {
        self.job.metrics().to_string()
    }

    /// Resolves when all threads have ended. The borrow lasts as long as the task, so it must be a shared one.
    #[napi(catch_unwind)]
    pub fn join(&self) -> AsyncTask<Join> {
        AsyncTask::new(Join(self.job.take_handles()))
    }
}

/// Waits for threads, where waiting is allowed.
pub struct Join(Vec<JoinHandle<()>>);

impl Task for Join {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> napi::Result<()> {
        for handle in self.0.drain(..) {
            // A thread's panic has been turned into an event before the thread ended.
            let _ = handle.join();
        }
        Ok(())
    }

    fn resolve(&mut self, _env: Env, (): ()) -> napi::Result<()> {
        Ok(())
    }
}
