//! Parquet files in a folder, committed with the checkpoint.
//!
//! Between two barriers a subtask writes one file under a pending name; the commit renames it. A file's name carries
//! run, epoch and subtask, so that recovery can tell what belongs to the restored lineage.
#![expect(clippy::disallowed_methods, reason = "it creates its folder, and removes a file that was not committed")]

use std::{fs, path::PathBuf, sync::Arc};

use arrow_schema::SchemaRef;
use headrace_core::{Batch, Code, Error, Result};
use headrace_formats::ParquetFile;
use headrace_operators::{BarrierKind, Counters};
use headrace_store::Committable;

use super::{Prepared, Sink};
use crate::changelog::{changelog_schema, with_kinds};

/// Where a subtask of the sink writes, and under which names.
#[derive(Debug, Clone)]
pub struct SinkPlace {
    /// The sink's uid.
    pub uid: String,
    /// The folder.
    pub folder: PathBuf,
    /// The id of this run of the job, in hexadecimal digits.
    pub run: String,
    /// The subtask's number in the whole job, so that no two writers share a name.
    pub subtask: u32,
    /// Whether this subtask offers an empty file when it has had no rows, so that a reader finds the schema.
    pub writes_empty: bool,
}

// The file of the present epoch.
struct OpenFile {
    file: ParquetFile,
    path: PathBuf,
    rows: u64,
}

/// One subtask of the sink.
pub struct ParquetSink {
    place: SinkPlace,
    schema: SchemaRef,
    changelog: bool,
    open: Option<OpenFile>,
    epoch: u64,
    rows: u64,
}

impl ParquetSink {
    /// A sink of rows of `schema`; in changelog form the files have a first column `op`.
    ///
    /// # Errors
    /// `HR_IO` when the folder cannot be created.
    pub fn new(place: SinkPlace, schema: &SchemaRef, changelog: bool, first_epoch: u64) -> Result<Self> {
        let unwritable = |error| Error::io(Code::Io, "create", &place.folder, &error);
        fs::create_dir_all(&place.folder).map_err(unwritable)?;
        let schema = if changelog { changelog_schema(schema) } else { Arc::clone(schema) };
        Ok(ParquetSink { place, schema, changelog, open: None, epoch: first_epoch, rows: 0 })
    }

    fn names(&self) -> (String, String) {
        let name = format!("part-{}-{:08}-{:04}.parquet", self.place.run, self.epoch, self.place.subtask);
        (format!("{name}.pending"), name)
    }

    fn open(&mut self) -> Result<&mut OpenFile> {
        if self.open.is_none() {
            let path = self.place.folder.join(self.names().0);
            let file = ParquetFile::create(&path, Arc::clone(&self.schema))?;
            self.open = Some(OpenFile { file, path, rows: 0 });
        }
        self.open.as_mut().ok_or_else(|| Error::internal("the file was opened just above"))
    }
}

impl Sink for ParquetSink {
    fn write(&mut self, batch: Batch) -> Result<()> {
        let count = batch.rows() as u64;
        let rows = if self.changelog { with_kinds(&batch, &self.schema)? } else { batch.data };
        let open = self.open()?;
        open.file.write(&rows)?;
        open.rows += count;
        self.rows += count;
        Ok(())
    }

    fn prepare(&mut self, kind: BarrierKind) -> Result<Option<Box<dyn Prepared>>> {
        // Whether the siblings, or earlier runs, have had rows is known to the coordinator alone, which discards the file
        // if so.
        if kind == BarrierKind::Final && self.place.writes_empty && self.rows == 0 {
            self.open()?;
        }
        let (pending, name) = self.names();
        self.epoch += 1;
        let Some(OpenFile { file, rows, .. }) = self.open.take() else { return Ok(None) };
        Ok(Some(Box::new(PreparedFile { file, rows, place: self.place.clone(), pending, name })))
    }

    fn counters(&self) -> Counters {
        vec![("rowsOut", self.rows)]
    }
}

// What was not committed when the job ends is nobody's; recovery removes it too, but only if there is one.
impl Drop for ParquetSink {
    fn drop(&mut self) {
        if let Some(OpenFile { file, path, .. }) = self.open.take() {
            drop(file);
            // A file that cannot be removed is found again by its name when the job is started the next time.
            let _ = fs::remove_file(path);
        }
    }
}

struct PreparedFile {
    file: ParquetFile,
    rows: u64,
    place: SinkPlace,
    pending: String,
    name: String,
}

impl Prepared for PreparedFile {
    fn uid(&self) -> &str {
        &self.place.uid
    }

    fn finish(self: Box<Self>) -> Result<Committable> {
        let written = self.file.finish()?;
        Ok(Committable {
            uid: self.place.uid,
            subtask: self.place.subtask,
            folder: self.place.folder.to_string_lossy().into_owned(),
            pending: self.pending,
            r#final: self.name,
            rows: self.rows,
            bytes: written.bytes,
            checksum: written.checksum,
        })
    }
}
