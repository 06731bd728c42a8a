//! `window` and `aggregate`: keyed aggregation over tumbling and sliding windows.
//!
//! The rules for late rows are those of the semantics in ARCHITECTURE.md: a row is judged by its own row watermark L,
//! never by how far this subtask has come, so that the answer does not depend on batches or parallelism.

mod held;
mod keys;
mod merge;
mod slices;
mod snapshot;
mod table;

use std::{mem, sync::Arc};

use arrow_array::{ArrayRef, Int64Array, TimestampMicrosecondArray, UInt32Array};
use arrow_schema::{DataType, SchemaRef};
use headrace_core::{
    Batch, Error, Result, RowKind,
    key::{self, Keys},
    time::{MINUS_INFINITY, Micros, saturating_sub},
};
use headrace_plan::NamedAggregate;

use crate::{
    Counters, FrozenPart, Message, Operator, Output, Scope,
    aggregate::{Aggregates, NO_SLOT, Prepared, States},
};
use held::{Held, HeldRow};
use keys::{BatchKeys, Numbers};
use merge::Merge;
use slices::{Located, Slices};
use table::SliceTable;

/// The result column that says where a window starts.
pub const WINDOW_START: &str = "window_start";
/// The result column that says where a window ends.
pub const WINDOW_END: &str = "window_end";
/// The column of late rows that says by how much they were late: row watermark − event time, µs.
pub const LATENESS_COLUMN: &str = "lateness";

/// Results are put together in batches of this many rows.
const RESULT_ROWS: usize = 1024;
/// After this many result rows the operator lets its output be taken before it goes on.
const STEP_ROWS: usize = 8192;

/// What a window operator computes.
#[derive(Debug, Clone)]
pub struct WindowSpec {
    /// The indices of the key columns; those of a batch that has keys already may be missing.
    pub keys: Vec<usize>,
    /// The types of the key columns.
    pub key_types: Vec<DataType>,
    /// The window's size; µs, positive.
    pub size: Micros,
    /// The distance between window starts; µs, positive.
    pub slide: Micros,
    /// The shift of window starts from the epoch; µs.
    pub offset: Micros,
    /// Allowed lateness; µs, not negative.
    pub lateness: Micros,
    /// The aggregates.
    pub aggregates: Vec<NamedAggregate>,
    /// The columns of the input.
    pub input: SchemaRef,
    /// The columns of the results: keys, window start and end, aggregates.
    pub output: SchemaRef,
    /// The columns of late rows: those of the input, and the lateness.
    pub late: SchemaRef,
}

#[derive(Default)]
struct Counts {
    rows_in: u64,
    in_windows: u64,
    late: u64,
    late_for_some: u64,
    late_after_close: u64,
    in_no_window: u64,
    windows_fired: u64,
    updates: u64,
}

/// Where a window's results are to be continued when its keys were too many for one step.
struct Firing {
    window: i64,
    done: usize,
}

/// The operator; see the module.
pub struct Window {
    spec: WindowSpec,
    slices: Slices,
    aggregates: Aggregates,
    table: SliceTable,
    merge: Merge,
    held: Held,
    numbers: Numbers,
    results: Results,
    scratch: States,
    /// What was received last, and what has been worked off: they differ while an answer is unfinished.
    received: Micros,
    reached: Micros,
    /// All windows before this have fired.
    fired: i64,
    firing: Option<Firing>,
    counts: Counts,
}

impl Window {
    /// The operator of a subtask.
    ///
    /// # Errors
    /// When an aggregate does not fit the input; the compiler has checked that before.
    pub fn new(spec: WindowSpec) -> Result<Self> {
        let slices = Slices::new(spec.size, spec.slide, spec.offset);
        let aggregates = Aggregates::compile(&spec.aggregates, &spec.input)?;
        let table = SliceTable::new(aggregates.states());
        let merge = Merge::new(&slices, &table.states);
        let results = Results::new(aggregates.states());
        let scratch = aggregates.states();
        let fired = slices.first_ending_after(MINUS_INFINITY);
        Ok(Window {
            spec,
            slices,
            aggregates,
            table,
            merge,
            held: Held::default(),
            numbers: Numbers::default(),
            results,
            scratch,
            received: MINUS_INFINITY,
            reached: MINUS_INFINITY,
            fired,
            firing: None,
            counts: Counts::default(),
        })
    }

    fn key_columns(&self, batch: &Batch) -> Vec<ArrayRef> {
        if batch.keys.is_some() {
            return Vec::new();
        }
        self.spec.keys.iter().map(|&column| Arc::clone(batch.data.column(column))).collect()
    }

    // Sorts the rows by their fate: the slots of rows that count now (others have none), and those held or late.
    fn sort_out(&mut self, prepared: &Prepared, keys: &BatchKeys<'_>) -> Fates {
        let lateness = self.spec.lateness;
        let mut fates = Fates { slots: Vec::with_capacity(prepared.times.len()), ..Fates::default() };
        let mut counted = 0;
        for (row, (&time, &own)) in prepared.times.iter().zip(&prepared.row_watermarks).enumerate() {
            // A row that arrives behind its subtask's watermark can only come from a partition that was idle.
            let row_watermark = own.max(self.reached);
            let Located { slice, first, last } = self.slices.locate(time);
            let mut slot = NO_SLOT;
            if first > last {
                self.counts.in_no_window += 1;
            } else if row_watermark < self.slices.end(first) {
                let key = self.numbers.of(keys, row, &mut self.table.keys);
                slot = self.table.slot(key, slice);
                counted += 1;
            } else if row_watermark >= self.slices.end(last).saturating_add(lateness) {
                let closed_early = own < self.slices.end(last).saturating_add(lateness);
                self.counts.late_after_close += u64::from(closed_early);
                fates.late.push(row as u32);
            } else {
                fates.held.push(row as u32);
            }
            fates.slots.push(slot);
        }
        self.counts.in_windows += counted;
        fates
    }

    // The row watermark of a held row is at least that of the subtask, so that it leaves right after what it waits for.
    fn hold(&mut self, rows: &[u32], prepared: &Prepared, keys: &BatchKeys<'_>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.counts.in_windows += rows.len() as u64;
        let kept = Arc::new(prepared.take(rows)?);
        for (row, &from) in rows.iter().enumerate() {
            let key = self.numbers.of(keys, from as usize, &mut self.table.keys);
            self.table.keys.refer(key);
            let row_watermark = kept.row_watermarks[row].max(self.reached);
            let first = self.slices.locate(kept.times[row]).first;
            let late_for_first = row_watermark >= self.slices.end(first).saturating_add(self.spec.lateness);
            self.counts.late_for_some += u64::from(late_for_first);
            self.held.push(row_watermark, HeldRow { key, rows: Arc::clone(&kept), row: row as u32 });
        }
        Ok(())
    }

    fn send_late(&mut self, rows: Vec<u32>, batch: &Batch, out: &mut Output) -> Result<()> {
        self.counts.late += rows.len() as u64;
        if rows.is_empty() || !out.is_connected(1) {
            return Ok(());
        }
        let late = batch.take(&UInt32Array::from(rows))?;
        let hidden = || Error::internal("late rows without event time");
        let times = late.times.as_ref().ok_or_else(hidden)?;
        let row_watermarks = late.row_watermarks.as_ref().ok_or_else(hidden)?;
        let lateness = row_watermarks.iter().zip(times).map(|(own, time)| own.max(&self.reached).saturating_sub(*time));
        let mut columns = late.data.columns().to_vec();
        columns.push(Arc::new(Int64Array::from_iter_values(lateness)));
        out.send_side(late.with_columns(Arc::clone(&self.spec.late), columns)?);
        Ok(())
    }

    // Works off windows and held rows in the order of event time, up to the watermark received, or for one step.
    fn pump(&mut self, out: &mut Output) -> Result<()> {
        let mut budget = STEP_ROWS;
        loop {
            if budget == 0 {
                self.flush(out)?;
                out.unfinished();
                return Ok(());
            }
            if let Some(firing) = self.firing.take() {
                budget = self.fire(firing, budget, out)?;
                continue;
            }
            let held_at = self.held.next().filter(|at| *at <= self.received);
            let window_at = self.next_window_end(held_at).filter(|at| *at <= self.received);
            // A row whose L is a window's end is late for that window, so the window comes first.
            match (window_at, held_at) {
                (Some(end), held_at) if held_at.is_none_or(|at| end <= at) => {
                    self.reached = self.reached.max(end);
                    self.merge.advance(self.slices.slices_of(self.fired), &self.table)?;
                    self.firing = Some(Firing { window: self.fired, done: 0 });
                }
                (_, Some(at)) => self.release(at, &mut budget, out)?,
                _ => break,
            }
        }
        self.reached = self.received;
        self.fired = self.fired.max(self.slices.first_ending_after(self.reached));
        self.forget();
        self.flush(out)?;
        out.send(Message::Watermark(self.reached));
        Ok(())
    }

    // Goes straight to the next window with rows, and says where it ends; but never past a window that a held row or a
    // row still to come may belong to.
    fn next_window_end(&mut self, held_at: Option<Micros>) -> Option<Micros> {
        let (low, _) = self.slices.slices_of(self.fired);
        let first = self.slices.first_window_of_slice(self.table.first_from(low)?);
        let open = self.slices.first_ending_after(held_at.unwrap_or(self.received));
        self.fired = self.fired.max(first.min(open));
        Some(self.slices.end(self.fired))
    }

    // Sends results of one window, at most `budget` rows of them; returns what is left of the budget.
    fn fire(&mut self, firing: Firing, budget: usize, out: &mut Output) -> Result<usize> {
        let Firing { window, done } = firing;
        let keys = self.merge.active();
        let room = (RESULT_ROWS - self.results.len()).min(budget);
        let chunk = &keys[done..keys.len().min(done + room)];
        let base = self.results.reserve(chunk, window, RowKind::Insert, MINUS_INFINITY, &self.table);
        self.merge.results(chunk, &self.table, &mut self.results.states, base)?;
        let (sent, total) = (chunk.len(), keys.len());
        self.counts.windows_fired += sent as u64;
        if self.results.len() >= RESULT_ROWS {
            self.flush(out)?;
        }
        if done + sent < total {
            self.firing = Some(Firing { window, done: done + sent });
        } else {
            self.fired = window + 1;
            self.merge.leave(self.slices.slices_of(self.fired).0, &self.table);
            self.forget();
        }
        Ok(budget - sent)
    }

    // Forgets the slices of windows that nothing can change any more.
    fn forget(&mut self) {
        let closed = self.slices.first_ending_after(saturating_sub(self.reached, self.spec.lateness));
        self.table.forget_before(self.slices.slices_of(closed.min(self.fired)).0);
    }

    // Adds the held rows whose row watermark lies before the next window's end to their slices.
    fn release(&mut self, at: Micros, budget: &mut usize, out: &mut Output) -> Result<()> {
        // Every window with rows that ends by now has fired; those without have nothing to say, and count as fired too.
        self.fired = self.fired.max(self.slices.first_ending_after(at));
        let until = self.received.min(self.slices.end(self.fired) - 1);
        self.reached = self.reached.max(at);
        if self.spec.lateness > 0 { self.release_with_updates(until, budget, out) } else { self.release_all(until) }
    }

    // Without allowed lateness no window that has fired changes, so neighbours from one batch are added in one go.
    fn release_all(&mut self, until: Micros) -> Result<()> {
        let mut run: Option<(Arc<Prepared>, Vec<u32>)> = None;
        while let Some(HeldRow { key, rows, row }) = self.held.pop(until) {
            let slice = self.slices.locate(rows.times[row as usize]).slice;
            let slot = self.table.slot(key, slice);
            self.merge.touch(key, slice);
            self.table.keys.release(key);
            if let Some((batch, slots)) = run.take_if(|(batch, _)| !Arc::ptr_eq(batch, &rows)) {
                self.table.states.update(&slots, &batch)?;
            }
            let count = rows.times.len();
            run.get_or_insert_with(|| (rows, vec![NO_SLOT; count])).1[row as usize] = slot;
        }
        run.map_or(Ok(()), |(batch, slots)| self.table.states.update(&slots, &batch))
    }

    fn release_with_updates(&mut self, until: Micros, budget: &mut usize, out: &mut Output) -> Result<()> {
        while *budget > 0
            && let Some(HeldRow { key, rows, row }) = self.held.pop(until)
        {
            let sent = self.update(key, &rows.take(&[row])?)?;
            *budget = budget.saturating_sub(sent);
            self.table.keys.release(key);
            if self.results.len() >= RESULT_ROWS {
                self.flush(out)?;
            }
        }
        Ok(())
    }

    // Adds one late row, and for each fired window that it is not too late for tells how the result changes.
    fn update(&mut self, key: u32, row: &Prepared) -> Result<usize> {
        let (time, own) = (row.times[0], row.row_watermarks[0]);
        let Located { slice, first, last } = self.slices.locate(time);
        let open = |window: &i64| self.slices.end(*window).saturating_add(self.spec.lateness) > own;
        let windows: Vec<i64> = (first..=last.min(self.fired - 1)).filter(open).collect();
        let known = self.merge.several(key, &windows, &self.slices, &self.table, &mut self.scratch)?;
        let mut after = Vec::with_capacity(windows.len());
        for ((place, &window), known) in (0u32..).zip(&windows).zip(known) {
            if known {
                let at = self.results.reserve(&[key], window, RowKind::UpdateBefore, own, &self.table);
                self.results.states.copy(&[at], &self.scratch, &[place])?;
            }
            let kind = if known { RowKind::UpdateAfter } else { RowKind::Insert };
            after.push(self.results.reserve(&[key], window, kind, own, &self.table));
        }
        let slot = self.table.slot(key, slice);
        self.table.states.update(&[slot], row)?;
        self.merge.touch(key, slice);
        self.merge.several(key, &windows, &self.slices, &self.table, &mut self.scratch)?;
        let places: Vec<u32> = (0..windows.len() as u32).collect();
        self.results.states.copy(&after, &self.scratch, &places)?;
        self.counts.updates += windows.len() as u64;
        Ok(2 * windows.len())
    }

    fn flush(&mut self, out: &mut Output) -> Result<()> {
        if self.results.len() == 0 {
            return Ok(());
        }
        let count = self.results.len();
        let mut columns = key::decode(self.results.keys.iter(), &self.spec.key_types)?;
        let starts = self.results.windows.iter().map(|&window| self.slices.start(window));
        columns.push(Arc::new(TimestampMicrosecondArray::from_iter_values(starts)));
        let ends: Vec<Micros> = self.results.windows.iter().map(|&window| self.slices.end(window)).collect();
        columns.push(Arc::new(TimestampMicrosecondArray::from(ends.clone())));
        columns.extend(self.aggregates.finish(&self.results.states, count)?);
        let data = arrow_array::RecordBatch::try_new(Arc::clone(&self.spec.output), columns)?;
        let mut batch = Batch::new(data);
        batch.times = Some(ends.into_iter().map(|end| end - 1).collect());
        batch.row_watermarks = Some(mem::take(&mut self.results.row_watermarks).into());
        if self.spec.lateness > 0 {
            batch.kinds = Some(self.results.kinds.iter().map(|kind| *kind as u8).collect());
        }
        self.results.clear();
        out.send(Message::Batch(batch));
        Ok(())
    }
}

impl Operator for Window {
    fn on_batch(&mut self, batch: Batch, out: &mut Output) -> Result<()> {
        self.counts.rows_in += batch.rows() as u64;
        let columns = self.key_columns(&batch);
        let keys = BatchKeys::new(&batch, &columns)?;
        self.numbers.begin(&keys);
        let prepared = self.aggregates.prepare(&batch)?;
        let fates = self.sort_out(&prepared, &keys);
        self.table.states.update(&fates.slots, &prepared)?;
        self.hold(&fates.held, &prepared, &keys)?;
        self.send_late(fates.late, &batch, out)?;
        // What such a row waits for may have happened already.
        if self.held.next().is_some_and(|at| at <= self.received) { self.pump(out) } else { Ok(()) }
    }

    fn on_watermark(&mut self, watermark: Micros, out: &mut Output) -> Result<()> {
        if watermark <= self.received {
            return Ok(());
        }
        self.received = watermark;
        self.pump(out)
    }

    fn resume(&mut self, out: &mut Output) -> Result<()> {
        self.pump(out)
    }

    fn freeze(&mut self) -> Result<Vec<FrozenPart>> {
        Ok(snapshot::freeze(self))
    }

    fn restore(&mut self, part: &str, rows: &arrow_array::RecordBatch, scope: Scope) -> Result<()> {
        snapshot::restore(self, part, rows, scope)
    }

    fn counters(&self) -> Counters {
        let Counts { rows_in, in_windows, late, late_for_some, late_after_close, in_no_window, windows_fired, updates } =
            self.counts;
        vec![
            ("rowsIn", rows_in),
            ("rowsInWindows", in_windows),
            ("rowsLate", late),
            ("rowsLateForSome", late_for_some),
            ("rowsLateAfterClose", late_after_close),
            ("rowsInNoWindow", in_no_window),
            ("windowsFired", windows_fired),
            ("updates", updates),
            ("stateKeys", self.table.keys.len() as u64),
            ("stateSlots", self.table.len() as u64),
            ("rowsHeld", self.held.iter().len() as u64),
        ]
    }
}

/// What becomes of the rows of a batch.
#[derive(Default)]
struct Fates {
    slots: Vec<u32>,
    held: Vec<u32>,
    late: Vec<u32>,
}

/// Result rows on their way out.
struct Results {
    states: States,
    keys: Keys,
    windows: Vec<i64>,
    kinds: Vec<RowKind>,
    row_watermarks: Vec<Micros>,
}

impl Results {
    fn new(mut states: States) -> Self {
        states.resize(RESULT_ROWS);
        Results { states, keys: Keys::default(), windows: Vec::new(), kinds: Vec::new(), row_watermarks: Vec::new() }
    }

    fn len(&self) -> usize {
        self.windows.len()
    }

    // Takes the next places for results of one window, and returns the first.
    fn reserve(&mut self, keys: &[u32], window: i64, kind: RowKind, own: Micros, table: &SliceTable) -> u32 {
        let base = self.len();
        self.states.resize(base + keys.len());
        keys.iter().for_each(|&key| self.keys.push(table.keys.bytes(key)));
        self.windows.resize(base + keys.len(), window);
        self.kinds.resize(base + keys.len(), kind);
        self.row_watermarks.resize(base + keys.len(), own);
        base as u32
    }

    // States may be large sketches, so they are let go of with the rows.
    fn clear(&mut self) {
        let slots: Vec<u32> = (0..self.len() as u32).collect();
        self.states.clear(&slots);
        self.keys.clear();
        self.windows.clear();
        self.kinds.clear();
        self.row_watermarks.clear();
    }
}

#[cfg(test)]
mod tests;
