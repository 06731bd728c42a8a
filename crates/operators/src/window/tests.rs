//! The operator against a naive evaluation of the semantics, over random rows, windows, lags, lateness and batches.

use std::{collections::BTreeMap, fmt::Write as _};

use arrow_array::{Float64Array, RecordBatch, StringArray, cast::AsArray, types};
use arrow_schema::{Field, Schema, TimeUnit};
use headrace_core::time::PLUS_INFINITY;
use headrace_plan::{AggregateFunction, Expr};

use super::*;
use crate::{WatermarkSpec, result_field};

/// A small generator of random numbers (SplitMix64), so that a seed replays a case anywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as i64
    }
}

/// Rows and total by key and window start.
type Finals = BTreeMap<(String, Micros), (i64, i64)>;

#[derive(Debug, Clone)]
struct Case {
    size: Micros,
    slide: Micros,
    offset: Micros,
    lag: Micros,
    lateness: Micros,
    rows: Vec<(String, Micros, i64)>,
}

impl Case {
    fn random(seed: u64) -> Self {
        let mut random = Random(seed);
        let (spread, count) = (1 + random.below(60), 1 + random.below(120));
        let mut now = random.below(100) - 50;
        let mut row = || {
            now += random.below(6);
            (format!("k{}", random.below(3)), now - random.below(spread), random.below(1000) - 500)
        };
        let rows = (0..count).map(|_| row()).collect();
        Case {
            size: 1 + random.below(30),
            slide: 1 + random.below(12),
            offset: random.below(20) - 10,
            lag: random.below(20),
            lateness: if random.below(2) == 0 { 0 } else { random.below(25) },
            rows,
        }
    }

    fn windows(&self, time: Micros) -> Vec<Micros> {
        let near = |k: &i64| (k * self.slide + self.offset..k * self.slide + self.offset + self.size).contains(&time);
        (-400..400).filter(near).map(|k| k * self.slide + self.offset).collect()
    }

    /// What the semantics say, row by row: the final results, the late rows' lateness, and rows in no window.
    fn expected(&self) -> (Finals, Vec<i64>, u64) {
        let (mut results, mut late, mut nowhere) = (BTreeMap::new(), Vec::new(), 0);
        let mut largest = None;
        for (key, time, value) in &self.rows {
            let own = largest.map_or(MINUS_INFINITY, |largest: Micros| largest - self.lag);
            let windows = self.windows(*time);
            let open = |start: &&Micros| own < *start + self.size + self.lateness;
            if windows.is_empty() {
                nowhere += 1;
            } else if windows.iter().filter(open).count() == 0 {
                late.push(own - time);
            }
            for start in windows.iter().filter(open) {
                let result = results.entry((key.clone(), *start)).or_insert((0, 0));
                *result = (result.0 + 1, result.1 + value);
            }
            largest = Some(largest.map_or(*time, |largest| largest.max(*time)));
        }
        (results, late, nowhere)
    }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("time", DataType::Timestamp(TimeUnit::Microsecond, None), false),
        Field::new("value", DataType::Int64, false),
        Field::new("weight", DataType::Float64, false),
    ]))
}

fn batch(rows: &[(String, Micros, i64)]) -> Batch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|row| Some(row.0.as_str())).collect::<StringArray>()),
        Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.1))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.2))),
        Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.2 as f64 / 7.0))),
    ];
    Batch::new(RecordBatch::try_new(schema(), columns).unwrap())
}

fn spec(case: &Case) -> WindowSpec {
    let column = |name: &str| Expr::Column { name: name.into() };
    let named = |name: &str, function| NamedAggregate { name: name.into(), function, filter: None };
    let aggregates = vec![
        named("rows", AggregateFunction::Count { arg: None }),
        named("total", AggregateFunction::Sum { arg: column("value") }),
        named("weight", AggregateFunction::Sum { arg: column("weight") }),
        named("median", AggregateFunction::Quantile { arg: column("weight"), q: 0.5 }),
        named("last", AggregateFunction::Last { arg: column("value") }),
        named("top", AggregateFunction::TopK { arg: column("value"), k: 2 }),
    ];
    let timestamp = DataType::Timestamp(TimeUnit::Microsecond, None);
    let mut output = vec![Field::new("key", DataType::Utf8, false)];
    output.extend([WINDOW_START, WINDOW_END].map(|name| Field::new(name, timestamp.clone(), false)));
    output.extend(aggregates.iter().map(|aggregate| result_field(aggregate, &schema()).unwrap()));
    let mut late: Vec<Field> = schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    late.push(Field::new(LATENESS_COLUMN, DataType::Int64, false));
    WindowSpec {
        keys: vec![0],
        key_types: vec![DataType::Utf8],
        size: case.size,
        slide: case.slide,
        offset: case.offset,
        lateness: case.lateness,
        aggregates,
        input: schema(),
        output: Arc::new(Schema::new(output)),
        late: Arc::new(Schema::new(late)),
    }
}

/// What came out of a run.
#[derive(Debug, Default, PartialEq)]
struct Answer {
    /// Results in order, as text with all bits of every column; per key, because only that order is promised.
    results: BTreeMap<String, Vec<String>>,
    finals: Finals,
    late: Vec<i64>,
}

impl Answer {
    fn take(&mut self, batch: &Batch) {
        let data = &batch.data;
        let (keys, starts) =
            (data.column(0).as_string::<i32>(), data.column(1).as_primitive::<types::TimestampMicrosecondType>());
        let count = |column: usize, row: usize| data.column(column).as_primitive::<types::Int64Type>().value(row);
        for row in 0..batch.rows() {
            let kind = batch.kinds.as_ref().map_or(0, |kinds| kinds[row]);
            let mut text = format!("{kind}");
            for column in data.columns() {
                write!(text, " {:?}", column.slice(row, 1)).unwrap();
            }
            self.results.entry(keys.value(row).to_owned()).or_default().push(text);
            if kind != RowKind::UpdateBefore as u8 {
                self.finals.insert((keys.value(row).to_owned(), starts.value(row)), (count(3, row), count(4, row)));
            }
        }
    }
}

/// Runs a case in batches of random sizes up to `batch_rows`, restoring from a snapshot now and then if asked to.
fn run(case: &Case, batch_rows: i64, restores: bool, random: &mut Random) -> (Answer, Counters) {
    let spec = spec(case);
    let mark = WatermarkSpec { column: 1, lag: case.lag, replaces: false, idle: None, max_ahead: None };
    let mut watermark = crate::Watermark::new(mark, [0]);
    let mut window = Window::new(spec.clone()).unwrap();
    let mut answer = Answer::default();
    let mut at = 0;
    while at <= case.rows.len() {
        let mut out = Output::new([true, false]);
        let next = (at + 1 + random.below(batch_rows) as usize).min(case.rows.len());
        if at == case.rows.len() {
            out.send(Message::Watermark(PLUS_INFINITY));
            at += 1;
        } else {
            watermark.on_batch(batch(&case.rows[at..next]), &mut out).unwrap();
            at = next;
        }
        for (_, message) in out.take().0 {
            feed(&mut window, message, &mut answer);
        }
        if restores && random.below(3) == 0 {
            window = restored(window, &spec);
        }
    }
    (answer, window.counters())
}

fn feed(window: &mut Window, message: Message, answer: &mut Answer) {
    let mut out = Output::new([true, true]);
    match message {
        Message::Batch(batch) => window.on_batch(batch, &mut out).unwrap(),
        Message::Watermark(watermark) => window.on_watermark(watermark, &mut out).unwrap(),
        _ => {}
    }
    loop {
        let (messages, unfinished) = out.take();
        for (port, message) in messages {
            match (port, message) {
                (0, Message::Batch(batch)) => answer.take(&batch),
                (1, Message::Batch(batch)) => {
                    let lateness = batch.data.column_by_name(LATENESS_COLUMN).unwrap();
                    answer.late.extend(lateness.as_primitive::<types::Int64Type>().values());
                }
                _ => {}
            }
        }
        if !unfinished {
            return;
        }
        window.resume(&mut out).unwrap();
    }
}

fn restored(mut window: Window, spec: &WindowSpec) -> Window {
    let parts = window.freeze().unwrap();
    let mut next = Window::new(spec.clone()).unwrap();
    for part in parts {
        next.restore(part.name, &part.frozen.encode().unwrap(), Scope::WHOLE).unwrap();
    }
    next
}

fn seeds() -> Vec<u64> {
    match std::env::var("HEADRACE_SEED") {
        Ok(seed) => vec![seed.parse().expect("HEADRACE_SEED is a number")],
        Err(_) => (0..1000).collect(),
    }
}

#[test]
fn windows_agree_with_the_semantics_whatever_the_batches_and_restores() {
    for seed in seeds() {
        let case = Case::random(seed);
        let replay = format!("HEADRACE_SEED={seed} cargo test --release -p headrace-operators windows_agree\n{case:?}");
        let (results, late, nowhere) = case.expected();
        let mut random = Random(seed ^ 0xabcd);
        let (single, counters) = run(&case, 1, false, &mut random);
        assert_eq!(single.finals, results, "{replay}");
        assert_eq!(single.late, late, "{replay}");
        let counter = |name| counters.iter().find(|counter| counter.0 == name).map(|counter| counter.1);
        assert_eq!(counter("rowsInNoWindow"), Some(nowhere), "{replay}");
        let (in_windows, late) = (counter("rowsInWindows").unwrap(), counter("rowsLate").unwrap());
        assert_eq!(in_windows + late + nowhere, case.rows.len() as u64, "{replay}");
        for (batch_rows, restores) in [(7, false), (1000, false), (1, true), (5, true), (40, true)] {
            let (other, _) = run(&case, batch_rows, restores, &mut random);
            for (key, lines) in &single.results {
                let others = other.results.get(key).map_or(&[][..], Vec::as_slice);
                let differs = lines.iter().zip(others).find(|(a, b)| a != b);
                assert!(differs.is_none(), "{differs:?} in batches of {batch_rows}, restores {restores}: {replay}");
            }
            assert_eq!(other, single, "in batches of {batch_rows}, restores {restores}: {replay}");
        }
    }
}

#[test]
fn a_large_answer_comes_in_steps() {
    let rows: Vec<_> = (0..3000).map(|row| (format!("key {row}"), 0, row)).collect();
    let case = Case { size: 60, slide: 1, offset: 0, lag: 0, lateness: 0, rows };
    let mut window = Window::new(spec(&case)).unwrap();
    let mut out = Output::new([true, false]);
    let mark = WatermarkSpec { column: 1, lag: 0, replaces: false, idle: None, max_ahead: None };
    crate::Watermark::new(mark, [0]).on_batch(batch(&case.rows), &mut out).unwrap();
    let (messages, _) = out.take();
    for (_, message) in messages {
        feed(&mut window, message, &mut Answer::default());
    }
    window.on_watermark(PLUS_INFINITY, &mut out).unwrap();
    let (mut steps, mut total) = (0, 0);
    loop {
        let (messages, unfinished) = out.take();
        let rows =
            messages.iter().map(|(_, message)| if let Message::Batch(batch) = message { batch.rows() } else { 0 });
        let rows: usize = rows.sum();
        assert!(rows <= STEP_ROWS, "a step sent {rows} rows");
        (steps, total) = (steps + 1, total + rows);
        if !unfinished {
            break;
        }
        window.resume(&mut out).unwrap();
    }
    assert_eq!(total, 60 * 3000);
    assert!(steps >= total / STEP_ROWS);
}
