//! The window operator's parts of a checkpoint; their version is [`STATE_VERSION`](crate::STATE_VERSION).
//!
//! `slices` holds the raw states, a row per key and slice; `held` the rows that wait; `watermark` how far the subtask has
//! come. Merged states are not stored: they are a function of the raw ones.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Int32Array, Int64Array, RecordBatch, cast::AsArray, types,
};
use arrow_schema::{Field, Schema};
use arrow_select::interleave::interleave;
use headrace_core::{Code, Error, Result, key, time::Micros};
use headrace_state::{Frozen as FrozenColumn, FrozenKeys};

use super::{
    Window,
    held::{Held, HeldRow},
    table::{Cell, NO_KEY},
};
use crate::{
    Frozen, FrozenPart, Scope,
    aggregate::{FrozenColumn as FrozenStates, Prepared},
};

const SLICES: &str = "slices";
const HELD: &str = "held";
const WATERMARK: &str = "watermark";

/// Takes references to all that the operator knows.
pub(super) fn freeze(window: &mut Window) -> Vec<FrozenPart> {
    let (keys, cells) = window.table.freeze();
    let states = window.table.states.columns().iter_mut().map(|column| column.freeze()).collect();
    let mut parts = vec![
        FrozenPart { name: WATERMARK, frozen: Box::new(FrozenWatermark(window.received)) },
        FrozenPart { name: SLICES, frozen: Box::new(FrozenSlices { keys, cells, states }) },
    ];
    if window.held.next().is_some() {
        let (keys, _) = window.table.freeze();
        parts.push(FrozenPart { name: HELD, frozen: Box::new(FrozenHeld { keys, held: window.held.clone() }) });
    }
    parts
}

/// Takes back one part.
pub(super) fn restore(window: &mut Window, part: &str, rows: &RecordBatch, scope: Scope) -> Result<()> {
    match part {
        WATERMARK => restore_watermark(window, rows),
        SLICES => restore_slices(window, rows, scope),
        HELD => restore_held(window, rows, scope),
        _ => Err(damaged()),
    }
}

fn damaged() -> Error {
    Error::new(Code::CheckpointDamaged, "a window's part of the checkpoint has other columns than the plan asks for")
}

struct FrozenWatermark(Micros);

impl Frozen for FrozenWatermark {
    fn encode(self: Box<Self>) -> Result<RecordBatch> {
        Ok(RecordBatch::try_from_iter([("watermark", Arc::new(Int64Array::from(vec![self.0])) as ArrayRef)])?)
    }
}

fn restore_watermark(window: &mut Window, rows: &RecordBatch) -> Result<()> {
    let watermark = integers(rows, "watermark")?.values().first().copied().ok_or_else(damaged)?;
    // All subtasks had received the same watermarks before an aligned barrier, so any of them will do.
    window.received = window.received.max(watermark);
    window.reached = window.received;
    window.fired = window.slices.first_ending_after(window.reached);
    Ok(())
}

struct FrozenSlices {
    keys: FrozenKeys,
    cells: FrozenColumn<Cell>,
    states: Vec<Box<dyn FrozenStates>>,
}

impl Frozen for FrozenSlices {
    fn encode(self: Box<Self>) -> Result<RecordBatch> {
        let used: Vec<(u32, Cell)> =
            (0..).zip(self.cells.iter().copied()).filter(|(_, cell)| cell.key != NO_KEY).collect();
        let slots: Vec<u32> = used.iter().map(|(slot, _)| *slot).collect();
        let mut columns = key_columns(used.iter().map(|(_, cell)| cell.key), &self.keys);
        columns.push(("slice".into(), Arc::new(Int64Array::from_iter_values(used.iter().map(|(_, cell)| cell.slice)))));
        for (number, states) in self.states.iter().enumerate() {
            columns.push((format!("state_{number}"), Arc::new(states.encode(&slots))));
        }
        Ok(RecordBatch::try_from_iter(columns)?)
    }
}

fn restore_slices(window: &mut Window, rows: &RecordBatch, scope: Scope) -> Result<()> {
    let (keys, slices) = (binary(rows, "key")?, integers(rows, "slice")?);
    let count = window.table.states.columns().len();
    let states = (0..count).map(|number| binary(rows, &format!("state_{number}"))).collect::<Result<Vec<_>>>()?;
    for row in 0..rows.num_rows() {
        let hash = key::hash(keys.value(row));
        if scope.owns_key_group(key::key_group(hash)) {
            let key = window.table.keys.intern(keys.value(row), hash);
            let slot = window.table.slot(key, slices.value(row));
            for (column, stored) in window.table.states.columns().iter_mut().zip(&states) {
                column.load(slot, stored.value(row))?;
            }
        }
    }
    Ok(())
}

struct FrozenHeld {
    keys: FrozenKeys,
    held: Held,
}

impl Frozen for FrozenHeld {
    fn encode(self: Box<Self>) -> Result<RecordBatch> {
        let rows: Vec<&HeldRow> = self.held.iter().collect();
        let mut columns = key_columns(rows.iter().map(|row| row.key), &self.keys);
        let time = |row: &&HeldRow| row.rows.times[row.row as usize];
        columns.push(("time".into(), Arc::new(Int64Array::from_iter_values(rows.iter().map(time)))));
        columns.push(("row_watermark".into(), Arc::new(Int64Array::from_iter_values(self.held.row_watermarks()))));
        let Some(first) = rows.first() else { return Ok(RecordBatch::try_from_iter(columns)?) };
        for number in 0..first.rows.args.len() {
            let arg = |row: &HeldRow| row.rows.args[number].clone();
            push_gathered(&mut columns, format!("arg_{number}"), &rows, arg)?;
            let mask = |row: &HeldRow| row.rows.masks[number].clone().map(|mask| Arc::new(mask) as ArrayRef);
            push_gathered(&mut columns, format!("mask_{number}"), &rows, mask)?;
        }
        let fields: Vec<Field> =
            columns.iter().map(|(name, column)| Field::new(name, column.data_type().clone(), true)).collect();
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
    }
}

// Adds the column that every row finds in its own batch; aggregates without one have none anywhere.
fn push_gathered(
    columns: &mut Vec<(String, ArrayRef)>,
    name: String,
    rows: &[&HeldRow],
    column: impl Fn(&HeldRow) -> Option<ArrayRef>,
) -> Result<()> {
    let found: Option<Vec<ArrayRef>> =
        rows.iter().map(|row| column(row).map(|all| all.slice(row.row as usize, 1))).collect();
    let Some(found) = found else { return Ok(()) };
    let places: Vec<(usize, usize)> = (0..found.len()).map(|row| (row, 0)).collect();
    let arrays: Vec<&dyn Array> = found.iter().map(|array| array.as_ref()).collect();
    columns.push((name, interleave(&arrays, &places)?));
    Ok(())
}

fn restore_held(window: &mut Window, rows: &RecordBatch, scope: Scope) -> Result<()> {
    let (keys, times, own) = (binary(rows, "key")?, integers(rows, "time")?, integers(rows, "row_watermark")?);
    let masks = |number: usize| match rows.column_by_name(&format!("mask_{number}")) {
        Some(mask) => mask.as_boolean_opt().cloned().map(Some).ok_or_else(damaged),
        None => Ok(None::<BooleanArray>),
    };
    let count = window.table.states.columns().len();
    let prepared = Arc::new(Prepared {
        times: times.values().clone(),
        row_watermarks: own.values().clone(),
        args: (0..count).map(|number| rows.column_by_name(&format!("arg_{number}")).cloned()).collect(),
        masks: (0..count).map(masks).collect::<Result<_>>()?,
    });
    for row in 0..rows.num_rows() {
        let hash = key::hash(keys.value(row));
        if scope.owns_key_group(key::key_group(hash)) {
            let key = window.table.keys.intern(keys.value(row), hash);
            window.table.keys.refer(key);
            window.held.push(own.value(row), HeldRow { key, rows: Arc::clone(&prepared), row: row as u32 });
        }
    }
    Ok(())
}

fn key_columns(numbers: impl Iterator<Item = u32> + Clone, keys: &FrozenKeys) -> Vec<(String, ArrayRef)> {
    let groups = Int32Array::from_iter_values(numbers.clone().map(|number| key::key_group(keys.hash(number)) as i32));
    let bytes = BinaryArray::from_iter_values(numbers.map(|number| keys.bytes(number)));
    vec![("key_group".into(), Arc::new(groups)), ("key".into(), Arc::new(bytes))]
}

fn integers<'a>(rows: &'a RecordBatch, name: &str) -> Result<&'a Int64Array> {
    rows.column_by_name(name).and_then(|column| column.as_primitive_opt::<types::Int64Type>()).ok_or_else(damaged)
}

fn binary<'a>(rows: &'a RecordBatch, name: &str) -> Result<&'a BinaryArray> {
    rows.column_by_name(name).and_then(|column| column.as_binary_opt::<i32>()).ok_or_else(damaged)
}
