//! `inOrderOf`: a bounded source in the order of an expression.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, DictionaryArray, RecordBatch, RecordBatchOptions, UInt32Array, cast::AsArray, types::Int32Type,
};
use arrow_schema::{Field, Schema, SchemaRef, SortOptions};
use arrow_select::{concat::concat, interleave::interleave_record_batch};
use headrace_core::{Batch, Code, Error, Origin, Result, time::Micros};
use headrace_expr::Compiled;

use super::{Polled, Position, Source, check_fingerprint};

/// What stands between the source and the sort: filters and projections.
pub type Stage = Box<dyn FnMut(Batch) -> Result<Option<Batch>> + Send>;

/// Reads the whole inner source once, keeps its rows and a permutation of them, and gives them out in the order of the
/// expression; ties in source order, nulls last. Its position is the row number in that order.
pub struct SortedSource {
    inner: Box<dyn Source>,
    stage: Stage,
    by: Compiled,
    by_text: String,
    schema: SchemaRef,
    batch_rows: usize,
    partition: u32,
    loading: Vec<RecordBatch>,
    /// Of each column that is a dictionary, the values; its column in `loading` then holds places alone.
    dictionaries: Vec<Option<ArrayRef>>,
    keys: Vec<ArrayRef>,
    order: Option<Vec<(u32, u32)>>,
    row: u64,
    ended: bool,
}

impl SortedSource {
    /// Sorts what `inner` gives after `stage` by `by`; `by_text` is the expression as the plan has it.
    pub fn new(
        inner: Box<dyn Source>,
        stage: Stage,
        by: Compiled,
        by_text: String,
        schema: SchemaRef,
        rows: usize,
    ) -> Self {
        let partition = inner.positions().first().map_or(0, |position| position.partition);
        SortedSource {
            inner,
            stage,
            by,
            by_text,
            schema,
            batch_rows: rows,
            partition,
            loading: Vec::new(),
            dictionaries: Vec::new(),
            keys: Vec::new(),
            order: None,
            row: 0,
            ended: false,
        }
    }

    fn fingerprint(&self) -> String {
        let inner: Vec<String> = self.inner.positions().into_iter().map(|position| position.fingerprint).collect();
        format!("{} in order of {}", inner.join("+"), self.by_text)
    }

    fn load(&mut self, now: Micros) -> Result<Polled> {
        match self.inner.poll(now)? {
            Polled::Batch(batch) => {
                if let Some(batch) = (self.stage)(batch)? {
                    self.keys.push(self.by.evaluate_batch(&batch)?);
                    self.loading.push(batch.data);
                }
            }
            Polled::End => self.sort()?,
            _ => {}
        }
        Ok(Polled::Again)
    }

    // The permutation is kept as (batch, row), so that the rows themselves stay where they were read.
    fn sort(&mut self) -> Result<()> {
        (self.loading, self.dictionaries) = detach(std::mem::take(&mut self.loading))?;
        let keys = std::mem::take(&mut self.keys);
        if keys.is_empty() {
            self.order = Some(Vec::new());
            return Ok(());
        }
        let places: Vec<(u32, u32)> = (0..)
            .zip(&keys)
            .flat_map(|(batch, keys): (u32, &ArrayRef)| (0..keys.len() as u32).map(move |row| (batch, row)))
            .collect();
        let keys = concat(&keys.iter().map(|keys| keys.as_ref()).collect::<Vec<_>>())?;
        self.order = Some(stable_order(&keys)?.values().iter().map(|&row| places[row as usize]).collect());
        Ok(())
    }

    fn give(&mut self) -> Result<Polled> {
        let order = self.order.as_deref().unwrap_or_default();
        let start = (self.row as usize).min(order.len());
        let chunk = &order[start..order.len().min(start + self.batch_rows)];
        if chunk.is_empty() {
            self.loading = Vec::new();
            return Ok(match std::mem::replace(&mut self.ended, true) {
                false => Polled::PartitionEnd(self.partition),
                true => Polled::End,
            });
        }
        let places: Vec<(usize, usize)> = chunk.iter().map(|&(batch, row)| (batch as usize, row as usize)).collect();
        let rows = gather(&self.loading, &places)?;
        let mut batch = Batch::new(attach(&rows, &self.dictionaries, &self.schema)?);
        batch.origin = Origin { partition: self.partition, first_row: self.row };
        self.row += chunk.len() as u64;
        Ok(Polled::Batch(batch))
    }
}

// Only the batches that a chunk touches are handed to the kernel, which looks at all that it is given.
fn gather(batches: &[RecordBatch], places: &[(usize, usize)]) -> Result<RecordBatch> {
    let mut used: Vec<usize> = places.iter().map(|place| place.0).collect();
    used.sort_unstable();
    used.dedup();
    let sources: Vec<&RecordBatch> = used.iter().map(|&batch| &batches[batch]).collect();
    let number = |batch: usize| used.binary_search(&batch).unwrap_or_default();
    let places: Vec<(usize, usize)> = places.iter().map(|&(batch, row)| (number(batch), row)).collect();
    Ok(interleave_record_batch(&sources, &places)?)
}

// Takes the values of dictionaries away and leaves their places. The kernel would put the dictionaries of all batches
// that it is given together, for every chunk anew; so they are joined here, once.
fn detach(mut batches: Vec<RecordBatch>) -> Result<(Vec<RecordBatch>, Vec<Option<ArrayRef>>)> {
    let Some(schema) = batches.first().map(RecordBatch::schema) else { return Ok((batches, Vec::new())) };
    let mut dictionaries = vec![None; schema.fields().len()];
    for (at, dictionary) in dictionaries.iter_mut().enumerate() {
        let columns: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(at).as_ref()).collect();
        if columns[0].as_dictionary_opt::<Int32Type>().is_none() {
            continue;
        }
        let whole = concat(&columns)?;
        let whole = whole.as_dictionary::<Int32Type>();
        let mut start = 0;
        for batch in &mut batches {
            let places: ArrayRef = Arc::new(whole.keys().slice(start, batch.num_rows()));
            start += batch.num_rows();
            *batch = with_column(batch, at, places)?;
        }
        *dictionary = Some(Arc::clone(whole.values()));
    }
    Ok((batches, dictionaries))
}

fn with_column(batch: &RecordBatch, at: usize, column: ArrayRef) -> Result<RecordBatch> {
    let mut fields: Vec<Arc<Field>> = batch.schema().fields().iter().cloned().collect();
    fields[at] = Arc::new(fields[at].as_ref().clone().with_data_type(column.data_type().clone()));
    let mut columns = batch.columns().to_vec();
    columns[at] = column;
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

// Gives the places their values back.
fn attach(rows: &RecordBatch, dictionaries: &[Option<ArrayRef>], schema: &SchemaRef) -> Result<RecordBatch> {
    let column = |(column, values): (&ArrayRef, &Option<ArrayRef>)| match values {
        None => Ok(Arc::clone(column)),
        Some(values) => {
            let dictionary = DictionaryArray::try_new(column.as_primitive::<Int32Type>().clone(), Arc::clone(values))?;
            Ok(Arc::new(dictionary) as ArrayRef)
        }
    };
    let columns = rows.columns().iter().zip(dictionaries).map(column).collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

// Arrow's sort is not stable, but a sort of integers by (value, place) is.
fn stable_order(keys: &ArrayRef) -> Result<UInt32Array> {
    u32::try_from(keys.len()).map_err(|_| {
        Error::new(Code::PlanInvalid, "inOrderOf takes at most 4,294,967,295 rows").hint("Sort the file beforehand.")
    })?;
    if let Some(values) = integers(keys) {
        let nulls = keys.nulls();
        let mut order: Vec<u32> = (0..keys.len() as u32).collect();
        let is_null = |row: u32| nulls.is_some_and(|nulls| nulls.is_null(row as usize));
        order.sort_by_key(|&row| (is_null(row), if is_null(row) { 0 } else { values[row as usize] }));
        return Ok(UInt32Array::from(order));
    }
    let options = SortOptions { descending: false, nulls_first: false };
    let ranks = arrow_ord::rank::rank(keys, Some(options))?;
    let mut order: Vec<u32> = (0..keys.len() as u32).collect();
    order.sort_by_key(|&row| ranks[row as usize]);
    Ok(UInt32Array::from(order))
}

fn integers(keys: &ArrayRef) -> Option<Vec<i64>> {
    use arrow_array::{cast::AsArray, types};
    use arrow_schema::{DataType, TimeUnit};
    Some(match keys.data_type() {
        DataType::Int64 => keys.as_primitive::<types::Int64Type>().values().to_vec(),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            keys.as_primitive::<types::TimestampMicrosecondType>().values().to_vec()
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            keys.as_primitive::<types::DurationMicrosecondType>().values().to_vec()
        }
        DataType::Int32 => keys.as_primitive::<types::Int32Type>().values().iter().map(|&value| value.into()).collect(),
        _ => return None,
    })
}

impl Source for SortedSource {
    fn poll(&mut self, now: Micros) -> Result<Polled> {
        if self.order.is_none() { self.load(now) } else { self.give() }
    }

    fn positions(&self) -> Vec<Position> {
        vec![Position { partition: self.partition, row: self.row, fingerprint: self.fingerprint() }]
    }

    fn seek(&mut self, position: &Position) -> Result<()> {
        check_fingerprint(position, &self.fingerprint(), "a source or the order of its rows")?;
        self.row = position.row;
        Ok(())
    }
}
