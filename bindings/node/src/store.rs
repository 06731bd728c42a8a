//! The checkpoint store; everything that touches the disk runs on a worker thread.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use headrace_core::{Error, Result};
use headrace_store::{
    Committable, Latest, LocalStore, commit as commit_all, discard as discard_all, withdraw as withdraw_all,
};
use napi::{
    Env, Task,
    bindgen_prelude::{AsyncTask, ToNapiValue, TypeName},
};
use napi_derive::napi;
use serde_json::{Value, json};

use crate::error::Raise;

type SharedStore = Arc<Mutex<Option<LocalStore>>>;

/// A folder of checkpoints; see `BindingStore` in `ts/binding.ts`.
#[napi]
pub struct BindingStore(SharedStore);

/// Opens and locks a folder.
#[napi]
pub fn open_store(folder: String) -> AsyncTask<Open> {
    AsyncTask::new(Open(PathBuf::from(folder)))
}

/// Renames pending files to their final names.
#[napi]
pub fn commit(committables: String) -> AsyncTask<Work<()>> {
    Work::new(move || commit_all(&parse::<Vec<Committable>>(&committables)?))
}

/// Removes pending files that nobody needs.
#[napi]
pub fn discard(committables: String) -> AsyncTask<Work<()>> {
    Work::new(move || discard_all(&parse::<Vec<Committable>>(&committables)?))
}

/// Removes files that belong to no committed checkpoint.
#[napi]
pub fn withdraw(folder: String, lineage: String) -> AsyncTask<Work<()>> {
    Work::new(move || {
        let lineage: Value = parse(&lineage)?;
        let keep: Vec<String> = serde_json::from_value(lineage["keep"].clone()).map_err(unreadable)?;
        withdraw_all(&PathBuf::from(folder), &keep).map(|_| ())
    })
}

#[napi]
impl BindingStore {
    fn with<T: ToNapiValue + TypeName + Send + 'static>(
        &self,
        work: impl FnOnce(&LocalStore) -> Result<T> + Send + 'static,
    ) -> AsyncTask<Work<T>> {
        let store = Arc::clone(&self.0);
        Work::new(move || match &*store.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(store) => work(store),
            None => Err(Error::internal("the checkpoint store is closed")),
        })
    }

    /// The newest durable checkpoint.
    #[napi]
    pub fn latest(&self) -> AsyncTask<Work<Option<String>>> {
        self.with(|store| {
            let text = |latest: Latest| {
                json!({ "sequence": latest.sequence, "committed": latest.committed, "manifest": latest.content })
                    .to_string()
            };
            Ok(store.latest()?.map(text))
        })
    }

    /// Writes a manifest.
    #[napi]
    pub fn put(&self, manifest: String) -> AsyncTask<Work<f64>> {
        self.with(move |store| store.put(&parse(&manifest)?).map(|sequence| sequence as f64))
    }

    /// Marks a manifest's committables as committed.
    #[napi]
    pub fn mark(&self, sequence: u32) -> AsyncTask<Work<()>> {
        self.with(move |store| store.mark(sequence.into()))
    }

    /// Removes what is older than a manifest.
    #[napi]
    pub fn retire(&self, keep: u32) -> AsyncTask<Work<()>> {
        self.with(move |store| store.retire(keep.into()))
    }

    /// Removes all manifests and state files of headrace.
    #[napi]
    pub fn clear(&self) -> AsyncTask<Work<()>> {
        self.with(|store| store.clear())
    }

    /// Releases the lock.
    #[napi]
    pub fn close(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::internal(format!("a message to the store cannot be read: {error}"))
}

/// Opens a store on a worker thread.
pub struct Open(PathBuf);

impl Task for Open {
    type Output = LocalStore;
    type JsValue = BindingStore;

    fn compute(&mut self) -> napi::Result<LocalStore> {
        LocalStore::open(&self.0).raise()
    }

    fn resolve(&mut self, _env: Env, store: LocalStore) -> napi::Result<BindingStore> {
        Ok(BindingStore(Arc::new(Mutex::new(Some(store)))))
    }
}

type Job<T> = Box<dyn FnOnce() -> Result<T> + Send>;

/// Anything that touches the disk, on a worker thread.
pub struct Work<T>(Option<Job<T>>);

impl<T: ToNapiValue + TypeName + Send + 'static> Work<T> {
    fn new(work: impl FnOnce() -> Result<T> + Send + 'static) -> AsyncTask<Work<T>> {
        AsyncTask::new(Work(Some(Box::new(work))))
    }
}

impl<T: ToNapiValue + TypeName + Send + 'static> Task for Work<T> {
    type Output = T;
    type JsValue = T;

    fn compute(&mut self) -> napi::Result<T> {
        let work = self.0.take().ok_or_else(|| Error::internal("a task ran twice")).raise()?;
        work().raise()
    }

    fn resolve(&mut self, _env: Env, value: T) -> napi::Result<T> {
        Ok(value)
    }
}
