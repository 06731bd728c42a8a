//! What the rows of every node look like, checked from the sources on.

use std::{path::PathBuf, sync::Arc};

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use headrace_core::{Code, Error, Result, key::Keys, suggest::unknown_column, time::Micros};
use headrace_expr::{compile as compile_expr, compile_column};
use headrace_formats::{carried::is_dictionary, parquet_schema};
use headrace_operators::{LATENESS_COLUMN, WINDOW_END, WINDOW_START, result_field};
use headrace_plan::{
    DataType as PlanType, GeneratorColumn, GeneratorValue, JobOptions, NamedAggregate, NamedExpr, Node, Op, Plan,
    data_type::to_schema,
};

use super::place;

/// What is known about the output of a node.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    /// The columns of the main output.
    pub(crate) schema: SchemaRef,
    /// The columns of the late side output.
    pub(crate) late: Option<SchemaRef>,
    /// The name of the event-time column of the late side output.
    pub(crate) late_event_time: Option<String>,
    /// The name of the event-time column, while it still is one.
    pub(crate) event_time: Option<String>,
    /// Whether rows may update earlier ones.
    pub(crate) updates: bool,
    /// The source partitions whose rows come through here, numbered over the whole job.
    pub(crate) partitions: Vec<u32>,
    /// The subtasks of the node.
    pub(crate) parallelism: u32,
    /// Whether the rows still are in the order of their partitions.
    pub(crate) before_exchange: bool,
    /// Whether only filters and projections stand between a bounded source and here.
    pub(crate) sortable: bool,
}

const SIZE_MAX: Micros = 1 << 60;

/// Resolves all nodes in order.
pub(crate) fn resolve(plan: &Plan, options: &JobOptions) -> Result<Vec<Resolved>> {
    let mut resolved: Vec<Resolved> = Vec::with_capacity(plan.nodes.len());
    let mut partitions = 0;
    for node in &plan.nodes {
        let next = resolve_node(node, &resolved, options, &mut partitions).map_err(|error| place(error, node))?;
        resolved.push(next);
    }
    Ok(resolved)
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(Code::PlanInvalid, message)
}

// The inputs of a node, with the schema of the port that each is read from.
fn inputs(node: &Node, resolved: &[Resolved]) -> Result<Vec<Resolved>> {
    let input = |input: &headrace_plan::Input| {
        let from = resolved.get(input.node as usize).ok_or_else(|| invalid("a node stands before its input"))?;
        match input.port {
            0 => Ok(from.clone()),
            1 => {
                let late = from.late.clone().ok_or_else(|| invalid("the input has no side output"))?;
                let event_time = from.late_event_time.clone();
                Ok(Resolved { schema: late, late: None, updates: false, event_time, ..from.clone() })
            }
            other => Err(invalid(format!("there is no output {other}"))),
        }
    };
    node.inputs.iter().map(input).collect()
}

fn resolve_node(node: &Node, resolved: &[Resolved], options: &JobOptions, partitions: &mut u32) -> Result<Resolved> {
    let mut inputs = inputs(node, resolved)?;
    if let Op::Union = node.op {
        return union(&inputs);
    }
    if let Some(schema) = source_schema(&node.op)? {
        return if inputs.is_empty() {
            Ok(source(&node.op, schema, options, partitions))
        } else {
            Err(invalid("a source has no input"))
        };
    }
    if inputs.len() != 1 {
        return Err(invalid(format!("the operator takes one input, not {}", inputs.len())));
    }
    let input = inputs.swap_remove(0);
    match &node.op {
        Op::Filter { predicate } => {
            let compiled = compile_expr(predicate, &input.schema)?;
            if *compiled.data_type() != PlanType::Bool {
                let text = format!("a filter takes a boolean, not {:?}", compiled.data_type());
                return Err(Error::new(Code::TypeMismatch, text).hint("Compare with something, such as .gt(0)."));
            }
            Ok(input)
        }
        Op::Select { columns } => select(columns, input),
        Op::InOrderOf { by } => {
            if !input.sortable {
                return Err(invalid(
                    "inOrderOf stands before anything but filters and projections of a bounded source",
                )
                .hint("Move inOrderOf up to the source."));
            }
            compile_expr(by, &input.schema)?;
            Ok(Resolved { sortable: false, ..input })
        }
        Op::Watermark { column, lag, idle, max_ahead } => watermark(column, &[Some(*lag), *idle, *max_ahead], input),
        Op::Window { keys, size, slide, lateness, aggregates, offset } => {
            if ![*size, *slide].iter().all(|span| (1..=SIZE_MAX).contains(span)) {
                return Err(Error::new(Code::OptionInvalid, "a window's size and slide must be positive"));
            }
            if !(0..=SIZE_MAX).contains(lateness) || offset.abs() > SIZE_MAX {
                return Err(Error::new(Code::OptionInvalid, "the allowed lateness must not be negative"));
            }
            window(keys, aggregates, *lateness, input, options)
        }
        Op::HostMap { schema, .. } => {
            Ok(Resolved { schema: Arc::new(to_schema(schema)), late: None, sortable: false, ..input })
        }
        Op::ParquetSink { changelog, .. } | Op::HostSink { changelog, .. } => {
            if input.updates && !changelog {
                return Err(Error::new(
                    Code::AppendOnlySink,
                    "the sink only appends, but the stream updates its results",
                )
                .hint("Use the sink's changelog form, or a window without allowed lateness."));
            }
            Ok(input)
        }
        Op::BlackholeSink => Ok(input),
        _ => Err(Error::internal("a source or union fell through")),
    }
}

fn source_schema(op: &Op) -> Result<Option<SchemaRef>> {
    if let Op::ParquetSource { rate: Some(rate), .. }
    | Op::TableSource { rate: Some(rate), .. }
    | Op::GeneratorSource { rate: Some(rate), .. } = op
        && !(*rate > 0.0 && rate.is_finite())
    {
        return Err(Error::new(
            Code::OptionInvalid,
            format!("a source's rate is {rate}; it must be a positive number"),
        ));
    }
    Ok(match op {
        Op::ParquetSource { paths, schema, .. } => {
            let first = paths.first().ok_or_else(|| invalid("the source names no file"))?;
            match schema {
                Some(fields) => Some(Arc::new(to_schema(fields))),
                None => Some(parquet_schema(&PathBuf::from(first))?),
            }
        }
        Op::TableSource { schema, .. } | Op::HostSource { schema, .. } => Some(Arc::new(to_schema(schema))),
        Op::GeneratorSource { columns, .. } => Some(generator_schema(columns)),
        _ => None,
    })
}

fn generator_schema(columns: &[GeneratorColumn]) -> SchemaRef {
    let field = |column: &GeneratorColumn| {
        let data = match &column.value {
            GeneratorValue::Sequence { .. } | GeneratorValue::Integer { .. } => DataType::Int64,
            GeneratorValue::Float { .. } => DataType::Float64,
            GeneratorValue::Choice { .. } => DataType::Utf8,
            GeneratorValue::Timestamp { .. } => DataType::Timestamp(TimeUnit::Microsecond, None),
        };
        Field::new(&column.name, data, false)
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn source(op: &Op, schema: SchemaRef, options: &JobOptions, partitions: &mut u32) -> Resolved {
    let count = match op {
        Op::GeneratorSource { partitions, .. } => (*partitions).max(1),
        _ => 1,
    };
    let first = *partitions;
    *partitions += count;
    Resolved {
        schema,
        late: None,
        late_event_time: None,
        event_time: None,
        updates: false,
        partitions: (first..first + count).collect(),
        parallelism: count.min(options.parallelism),
        before_exchange: true,
        sortable: matches!(op, Op::ParquetSource { .. } | Op::TableSource { .. }),
    }
}

fn union(inputs: &[Resolved]) -> Result<Resolved> {
    let first = inputs.first().ok_or_else(|| invalid("a union has no input"))?;
    let mut fields: Vec<Field> = first.schema.fields().iter().map(|field| field.as_ref().clone()).collect();
    for input in &inputs[1..] {
        let same = fields.len() == input.schema.fields().len()
            && fields
                .iter()
                .zip(input.schema.fields())
                .all(|(a, b)| a.name() == b.name() && a.data_type() == b.data_type());
        if !same {
            let names = |schema: &Schema| {
                schema
                    .fields()
                    .iter()
                    .map(|field| format!("{} {}", field.name(), field.data_type()))
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            let text =
                format!("the inputs of a union differ: ({}) and ({})", names(&first.schema), names(&input.schema));
            return Err(Error::new(Code::TypeMismatch, text)
                .hint("Select the same columns on both sides first, cast to the same types."));
        }
        for (field, other) in fields.iter_mut().zip(input.schema.fields()) {
            field.set_nullable(field.is_nullable() || other.is_nullable());
        }
    }
    let event_time =
        first.event_time.clone().filter(|_| inputs.iter().all(|input| input.event_time == first.event_time));
    Ok(Resolved {
        schema: Arc::new(Schema::new(fields)),
        late: None,
        late_event_time: None,
        event_time,
        updates: inputs.iter().any(|input| input.updates),
        partitions: inputs.iter().flat_map(|input| input.partitions.iter().copied()).collect(),
        parallelism: inputs.iter().map(|input| input.parallelism).max().unwrap_or(1),
        before_exchange: inputs.iter().all(|input| input.before_exchange),
        sortable: false,
    })
}

fn select(columns: &[NamedExpr], input: Resolved) -> Result<Resolved> {
    let mut fields: Vec<Field> = Vec::with_capacity(columns.len());
    let mut event_time = input.event_time.clone();
    for NamedExpr { name, expr } in columns {
        if fields.iter().any(|field| field.name() == name) {
            return Err(invalid(format!("two columns are named '{name}'")));
        }
        let compiled = compile_column(expr, &input.schema)?;
        fields.push(Field::new(name, compiled.data_type().to_arrow(), compiled.nullable()));
        let unchanged = matches!(expr, headrace_plan::Expr::Column { name: from } if from == name);
        // A column of that name with other values is not the event time that the row watermarks were taken over.
        event_time = event_time.filter(|time| time != name || unchanged);
    }
    Ok(Resolved { schema: Arc::new(Schema::new(fields)), late: None, event_time, ..input })
}

fn watermark(column: &str, spans: &[Option<Micros>], input: Resolved) -> Result<Resolved> {
    if !input.before_exchange {
        return Err(invalid("watermark stands behind a window, where the order of the source's rows is lost")
            .hint("Results of a window have event time already: window_end − 1 µs."));
    }
    if spans.iter().flatten().any(|span| !(0..=SIZE_MAX).contains(span)) {
        return Err(Error::new(Code::OptionInvalid, "lag, idle and maxAhead must not be negative"));
    }
    let (_, field) = find(&input.schema, column)?;
    if *field.data_type() != DataType::Timestamp(TimeUnit::Microsecond, None) {
        let text = format!("event time '{column}' must be a timestamp, not {}", field.data_type());
        return Err(Error::new(Code::TypeMismatch, text).hint("Cast it first: .cast(t.timestamp())."));
    }
    Ok(Resolved { event_time: Some(column.to_owned()), late: None, sortable: false, ..input })
}

fn window(
    keys: &[String],
    aggregates: &[NamedAggregate],
    lateness: Micros,
    input: Resolved,
    options: &JobOptions,
) -> Result<Resolved> {
    if input.event_time.is_none() {
        return Err(Error::new(Code::NoEventTime, "a window needs event time, and this stream has none")
            .hint("Call .watermark(column, { lag }) first."));
    }
    if input.updates {
        return Err(invalid(
            "a window over a stream that updates its results would have to retract, which is not built yet",
        )
        .hint("Use no allowed lateness in the first window."));
    }
    let mut fields: Vec<Field> = Vec::new();
    for name in keys {
        let (_, field) = find(&input.schema, name)?;
        let empty = arrow_array::new_empty_array(field.data_type());
        Keys::encode(&[empty], 0)?;
        // What comes back of a key is its text.
        let data = if is_dictionary(field.data_type()) { DataType::Utf8 } else { field.data_type().clone() };
        fields.push(Field::new(name, data, field.is_nullable()));
    }
    let timestamp = DataType::Timestamp(TimeUnit::Microsecond, None);
    fields.extend([WINDOW_START, WINDOW_END].map(|name| Field::new(name, timestamp.clone(), false)));
    for aggregate in aggregates {
        fields.push(result_field(aggregate, &input.schema)?);
    }
    for (at, field) in fields.iter().enumerate() {
        if fields[..at].iter().any(|other| other.name() == field.name()) {
            return Err(invalid(format!("two result columns are named '{}'", field.name())));
        }
    }
    let mut late: Vec<Field> = input.schema.fields().iter().map(|field| field.as_ref().clone()).collect();
    late.push(Field::new(LATENESS_COLUMN, DataType::Int64, false));
    Ok(Resolved {
        schema: Arc::new(Schema::new(fields)),
        late: Some(Arc::new(Schema::new(late))),
        late_event_time: input.event_time.clone(),
        event_time: Some(WINDOW_END.to_owned()),
        updates: lateness > 0,
        parallelism: if keys.is_empty() { 1 } else { options.parallelism },
        before_exchange: false,
        sortable: false,
        ..input
    })
}

/// The place of a column, or an error with the name that was perhaps meant.
pub(crate) fn find<'a>(schema: &'a Schema, name: &str) -> Result<(usize, &'a Field)> {
    let names = schema.fields().iter().map(|field| field.name().as_str());
    schema.column_with_name(name).ok_or_else(|| unknown_column(name, names))
}
