//! Random expressions against the oracle.

use headrace_core::{Batch, Origin};
use headrace_expr::{Compiled, compile, predicate_batch};
use headrace_plan::{DataType, Expr};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

use crate::build::batch;
use crate::generate::{COLUMNS, rows, typed};
use crate::naive;
use crate::value::{Val, values};

const CASES: u32 = 4096;

/// Where the rows of the test's batches come from.
const ORIGIN: Origin = Origin { partition: 3, first_row: 1000 };

#[test]
fn expressions_are_what_the_oracle_says() {
    let seed = match std::env::var("HEADRACE_SEED") {
        Ok(seed) => seed.parse().expect("HEADRACE_SEED is a number"),
        Err(_) => 1,
    };
    let config =
        Config { cases: CASES, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() };
    let cases = (typed(), rows()).prop_map(|((data, expr), rows)| Case { data, expr, rows });
    let result = TestRunner::new(config).run(&cases, |Case { data, expr, rows }| check(&data, &expr, &rows));
    if let Err(failure) = result {
        panic!(
            "{failure}\nreplay with: HEADRACE_SEED={seed} cargo test --release -p headrace-expr --test suite oracle"
        );
    }
}

struct Case {
    data: DataType,
    expr: Expr,
    rows: Vec<Vec<Val>>,
}

// proptest prints cases in the spacious form, in which an expression fills a hundred lines.
impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} as {:?}", self.expr, self.data)?;
        self.rows.iter().try_for_each(|row| write!(f, "\n  {:?}", named(row)))
    }
}

fn check(data: &DataType, expr: &Expr, rows: &[Vec<Val>]) -> Result<(), TestCaseError> {
    let columns = COLUMNS.iter().enumerate().map(|(index, (name, data))| {
        // A row before and one behind, cut off again, so that columns do not start at the start of their buffers.
        let values = [&rows[0]].into_iter().chain(rows).chain([&rows[0]]).map(|row| row[index].clone());
        (*name, data.clone(), values.collect::<Vec<_>>())
    });
    let data_batch = batch(&columns.collect::<Vec<_>>()).slice(1, rows.len());
    let batch = Batch { origin: ORIGIN, ..Batch::new(data_batch) };
    let compiled = compile(expr, &batch.data.schema()).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(compiled.data_type(), data);

    let oracle: Vec<_> = rows.iter().map(|row| naive::evaluate(expr, &named(row))).collect();
    agree(&compiled, &batch, &oracle)?;
    // Batches of one row, where conditions are all true or all false, must say the same.
    for (row, value) in oracle.iter().enumerate() {
        agree(&compiled, &batch.slice(row..row + 1), std::slice::from_ref(value))?;
    }
    Ok(())
}

fn named(row: &[Val]) -> Vec<(&'static str, Val)> {
    COLUMNS.iter().map(|(name, _)| *name).zip(row.iter().cloned()).collect()
}

fn agree(compiled: &Compiled, batch: &Batch, oracle: &[Result<Val, headrace_core::Code>]) -> Result<(), TestCaseError> {
    let first_failure = oracle.iter().enumerate().find_map(|(row, value)| Some((row, *value.as_ref().err()?)));
    match (compiled.evaluate_batch(batch), first_failure) {
        (Ok(array), None) => {
            prop_assert_eq!(array.data_type(), &compiled.data_type().to_arrow());
            let got = values(&array);
            let wanted: Vec<_> = oracle.iter().flatten().cloned().collect();
            let same = got.len() == wanted.len() && got.iter().zip(&wanted).all(|(a, b)| a.same(b));
            prop_assert!(same, "got {:?}, the oracle says {:?}", got, wanted);
            prop_assert!(compiled.nullable() || !wanted.contains(&Val::Null), "a null in a column without nulls");
            if *compiled.data_type() == DataType::Bool {
                let kept: Vec<_> = predicate_batch(compiled, batch).expect("it was evaluated before").iter().collect();
                let true_only: Vec<_> = wanted.iter().map(|value| Some(*value == Val::Bool(true))).collect();
                prop_assert_eq!(kept, true_only);
            }
        }
        (Err(error), Some((row, code))) => {
            prop_assert_eq!(error.code(), code, "{}", error);
            let place = error.place().and_then(|place| place.row.clone());
            let wanted = format!("{}:{}", batch.origin.partition, batch.origin.first_row + row as u64);
            prop_assert_eq!(place, Some(wanted), "{}", error);
        }
        (Ok(_), Some((row, code))) => {
            return Err(TestCaseError::fail(format!("no error; row {row} should be {code:?}")));
        }
        (Err(error), None) => return Err(TestCaseError::fail(format!("{error}, but the oracle has values"))),
    }
    Ok(())
}
