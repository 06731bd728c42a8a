//! A seeded generator.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::SchemaRef;
use headrace_core::{Batch, Origin, Result, time::Micros};
use headrace_plan::{GeneratorColumn, GeneratorValue};

use super::{Polled, Position, Source, check_fingerprint};

struct Partition {
    number: u32,
    /// The partition's place among all partitions of the source.
    place: u64,
    row: u64,
    ended: bool,
}

/// Rows made from the seed, the column and the row number alone. Row `i` of a source with `n` partitions is row
/// `i / n` of partition `i mod n`.
pub struct Generator {
    columns: Vec<GeneratorColumn>,
    zipf: Vec<Option<Vec<f64>>>,
    schema: SchemaRef,
    rows: u64,
    of: u64,
    seed: u64,
    batch_rows: usize,
    partitions: Vec<Partition>,
    turn: usize,
}

impl Generator {
    /// The partitions `owned`, as (number in the job, place among the source's `of` partitions).
    pub fn new(
        columns: &[GeneratorColumn],
        schema: SchemaRef,
        rows: u64,
        of: u32,
        seed: u32,
        batch_rows: usize,
        owned: impl IntoIterator<Item = (u32, u32)>,
    ) -> Self {
        let partition = |(number, place): (u32, u32)| Partition { number, place: place.into(), row: 0, ended: false };
        Generator {
            zipf: columns.iter().map(|column| cumulative(&column.value)).collect(),
            columns: columns.to_vec(),
            schema,
            rows,
            of: of.into(),
            seed: seed.into(),
            batch_rows,
            partitions: owned.into_iter().map(partition).collect(),
            turn: 0,
        }
    }

    fn fingerprint(&self) -> String {
        format!("generator:{}:{}:{}", self.seed, self.rows, self.of)
    }

    fn batch(&self, rows: &[u64]) -> Result<RecordBatch> {
        let columns = self.columns.iter().enumerate().map(|(number, column)| self.column(number, &column.value, rows));
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns.collect())?)
    }

    fn column(&self, number: usize, value: &GeneratorValue, rows: &[u64]) -> ArrayRef {
        let draw = |row: u64| mix(mix(self.seed ^ ((number as u64) << 32)) ^ row);
        match value {
            GeneratorValue::Sequence { start, step } => {
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|&row| line(*start, *step, row))))
            }
            GeneratorValue::Integer { min, max } => {
                let span = max.wrapping_sub(*min) as u64;
                let value = |row: &u64| min.wrapping_add(below(draw(*row), span.saturating_add(1)) as i64);
                Arc::new(Int64Array::from_iter_values(rows.iter().map(value)))
            }
            GeneratorValue::Float { min, max } => {
                Arc::new(Float64Array::from_iter_values(rows.iter().map(|&row| min + unit(draw(row)) * (max - min))))
            }
            GeneratorValue::Choice { values, .. } => {
                let pick = |row: &u64| match self.zipf.get(number).and_then(Option::as_ref) {
                    Some(cumulative) => cumulative.partition_point(|&bound| bound < unit(draw(*row))),
                    None => below(draw(*row), values.len() as u64) as usize,
                };
                let value = |row| values.get(pick(row)).or(values.last()).map(String::as_str);
                Arc::new(rows.iter().map(value).collect::<StringArray>())
            }
            GeneratorValue::Timestamp { start, step, jitter } => {
                let back = |row: u64| below(draw(row), (*jitter).max(0) as u64 + 1) as i64;
                let value = |row: &u64| line(*start, *step, *row).wrapping_sub(back(*row));
                Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(value)))
            }
        }
    }
}

fn line(start: i64, step: i64, row: u64) -> i64 {
    start.wrapping_add(step.wrapping_mul(row as i64))
}

// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a bijection that scatters consecutive numbers.
fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn below(draw: u64, bound: u64) -> u64 {
    ((u128::from(draw) * u128::from(bound.max(1))) >> 64) as u64
}

fn unit(draw: u64) -> f64 {
    (draw >> 11) as f64 / (1u64 << 53) as f64
}

// The cumulative weights of Zipf's law over the values; uniform choices need none.
fn cumulative(value: &GeneratorValue) -> Option<Vec<f64>> {
    let GeneratorValue::Choice { values, exponent } = value else { return None };
    if *exponent == 0.0 {
        return None;
    }
    let weights: Vec<f64> = (1..=values.len()).map(|rank| (rank as f64).powf(-exponent)).collect();
    let total: f64 = weights.iter().sum();
    Some(
        weights
            .iter()
            .scan(0.0, |sum, weight| {
                *sum += weight / total;
                Some(*sum)
            })
            .collect(),
    )
}

impl Source for Generator {
    fn poll(&mut self, _now: Micros) -> Result<Polled> {
        let count = self.partitions.len();
        for step in 0..count {
            let at = (self.turn + step) % count;
            let partition = &self.partitions[at];
            if partition.ended {
                continue;
            }
            let total = (self.rows + self.of - 1).saturating_sub(partition.place) / self.of;
            let numbers: Vec<u64> = (partition.row..total.min(partition.row + self.batch_rows as u64))
                .map(|row| row * self.of + partition.place)
                .collect();
            self.turn = at + 1;
            if numbers.is_empty() {
                self.partitions[at].ended = true;
                return Ok(Polled::PartitionEnd(self.partitions[at].number));
            }
            let mut batch = Batch::new(self.batch(&numbers)?);
            batch.origin = Origin { partition: partition.number, first_row: partition.row };
            self.partitions[at].row += numbers.len() as u64;
            return Ok(Polled::Batch(batch));
        }
        Ok(Polled::End)
    }

    fn positions(&self) -> Vec<Position> {
        let position = |partition: &Partition| Position {
            partition: partition.number,
            row: partition.row,
            fingerprint: self.fingerprint(),
        };
        self.partitions.iter().map(position).collect()
    }

    fn seek(&mut self, position: &Position) -> Result<()> {
        check_fingerprint(position, &self.fingerprint(), "the generator's settings")?;
        if let Some(own) = self.partitions.iter_mut().find(|own| own.number == position.partition) {
            own.row = position.row;
        }
        Ok(())
    }
}
