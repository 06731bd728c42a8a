//! From chains to subtasks: channels are laid, sources opened, operators made.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use arrow_array::RecordBatch;
use headrace_connect::{
    Blackhole, Generator, ParquetSink, ParquetSource, PushSource, SinkPlace, SortedSource, Source, Stage as Before,
    TableSource, Throttle, changelog_schema,
};
use headrace_core::{Batch, Error, Result};
use headrace_expr::{Compiled, compile as compile_expr, compile_column, predicate_batch};
use headrace_operators::{Filter, Operator, Select, Watermark, WatermarkSpec, Window, WindowSpec};
use headrace_plan::{NamedExpr, Node, Op};

use crate::{
    channel::{Limits, Probe, Receiver, channel},
    compile::{Chain, CompiledPlan, Edge, EdgeKind, lineage, place, received_columns},
    exchange::{Exchange, Route},
    gate::Gate,
    head::{CallUse, Calls, Head, Pull},
    host::{Host, Line},
    link::{Link, Stage, Target},
    park::Parker,
    subtask::{SharedParker, Subtask},
};

/// Batches that lie ready for a function of the host beside those it works on, so that neither has to wake the other
/// for every batch.
const READY_CALLS: usize = 3;
/// Batches that a consumer of the host may hold at once.
const SINK_CALLS: usize = 2;

/// What the subtasks of one run are made with.
pub(crate) struct Materials<'a> {
    pub(crate) compiled: &'a CompiledPlan,
    pub(crate) host: Arc<Host>,
    /// Rows in memory, by the number in the plan.
    pub(crate) tables: &'a BTreeMap<u32, Arc<Vec<RecordBatch>>>,
    /// Sources of the test driver, by node; they take the place of the plan's.
    pub(crate) pushed: &'a BTreeMap<usize, PushSource>,
    pub(crate) run: &'a str,
    /// The number of the first checkpoint that this run will take.
    pub(crate) first_checkpoint: u64,
}

/// The subtasks of a run and how to watch them.
pub(crate) struct Built {
    pub(crate) subtasks: Vec<Subtask>,
    pub(crate) parkers: Vec<SharedParker>,
    /// Of every channel: sending subtask, receiving subtask, and a view of it.
    pub(crate) channels: Vec<(u32, u32, Probe)>,
    /// For every subtask: the chain, and the number within it.
    pub(crate) places: Vec<(usize, u32)>,
}

/// Makes all subtasks of a plan.
pub(crate) fn build(materials: &Materials<'_>) -> Result<Built> {
    let graph = &materials.compiled.graph;
    let mut first = Vec::with_capacity(graph.chains.len());
    let mut places = Vec::new();
    for (number, chain) in graph.chains.iter().enumerate() {
        first.push(places.len() as u32);
        places.extend((0..chain.parallelism).map(|within| (number, within)));
    }
    let parkers: Vec<SharedParker> = places.iter().map(|_| Arc::new(Parker::default())).collect();
    let mut wiring = Wiring::lay(materials, &first, &parkers)?;
    let mut subtasks = Vec::with_capacity(places.len());
    for (id, &(chain, within)) in (0u32..).zip(&places) {
        let context = Context { materials, chain: &graph.chains[chain], within, id, parker: &parkers[id as usize] };
        subtasks.push(context.subtask(&mut wiring)?);
    }
    Ok(Built { subtasks, parkers, channels: wiring.probes, places })
}

// The ends of all channels, until their subtasks take them.
struct Wiring {
    /// By receiving subtask.
    receivers: Vec<Vec<Receiver>>,
    /// By sending subtask: the exchange and the output that feeds it.
    exchanges: Vec<Vec<(headrace_plan::Input, Exchange)>>,
    probes: Vec<(u32, u32, Probe)>,
}

impl Wiring {
    fn lay(materials: &Materials<'_>, first: &[u32], parkers: &[SharedParker]) -> Result<Self> {
        let compiled = materials.compiled;
        let limits =
            Limits { rows: compiled.options.channel_rows as usize, bytes: compiled.options.channel_bytes as usize };
        let mut wiring = Wiring {
            receivers: parkers.iter().map(|_| Vec::new()).collect(),
            exchanges: parkers.iter().map(|_| Vec::new()).collect(),
            probes: Vec::new(),
        };
        for edge in &compiled.graph.edges {
            let senders = compiled.graph.chains[edge.from_chain].parallelism;
            let receivers = compiled.graph.chains[edge.to_chain].parallelism;
            for sender in 0..senders {
                let targets = match edge.kind {
                    EdgeKind::Forward => vec![sender % receivers],
                    EdgeKind::Hash | EdgeKind::Gather => (0..receivers).collect(),
                };
                let from = first[edge.from_chain] + sender;
                let mut channels = Vec::with_capacity(targets.len());
                for target in targets {
                    let to = first[edge.to_chain] + target;
                    let (send, receive) =
                        channel(limits, Arc::clone(&parkers[from as usize]), Arc::clone(&parkers[to as usize]));
                    wiring.probes.push((from, to, send.probe()));
                    wiring.receivers[to as usize].push(receive);
                    channels.push(send);
                }
                wiring.exchanges[from as usize].push((edge.from, Exchange::new(route(compiled, edge), channels)));
            }
        }
        Ok(wiring)
    }
}

fn route(compiled: &CompiledPlan, edge: &Edge) -> Route {
    let schema = compiled.input_schema(edge.to);
    match (&compiled.plan.nodes[edge.to].op, edge.kind) {
        (Op::Window { keys, .. }, EdgeKind::Hash) => {
            let keys = keys.iter().filter_map(|key| schema.index_of(key).ok()).collect();
            Route::hash(keys, received_columns(compiled, edge.to))
        }
        _ => Route::Forward,
    }
}

// One subtask in the making.
struct Context<'a> {
    materials: &'a Materials<'a>,
    chain: &'a Chain,
    within: u32,
    id: u32,
    parker: &'a SharedParker,
}

impl Context<'_> {
    fn node(&self, number: usize) -> &Node {
        &self.materials.compiled.plan.nodes[number]
    }

    fn subtask(&self, wiring: &mut Wiring) -> Result<Subtask> {
        let (outputs, exchanges): (Vec<_>, Vec<_>) =
            std::mem::take(&mut wiring.exchanges[self.id as usize]).into_iter().unzip();
        let receivers = std::mem::take(&mut wiring.receivers[self.id as usize]);
        let mut links = Vec::with_capacity(self.chain.nodes.len());
        for &number in &self.chain.nodes {
            let node = self.node(number);
            let stage = self.stage(number).map_err(|error| place(error, node))?;
            links.push(Link::new(number, node, stage, self.targets(number, &outputs)));
        }
        let head_node = self.chain.nodes.first().copied().ok_or_else(|| Error::internal("a chain without nodes"))?;
        let head = self.head(head_node, receivers).map_err(|error| place(error, self.node(head_node)))?;
        Ok(Subtask::new(self.id, head, links, exchanges))
    }

    // The nodes of this chain, and the exchanges, that read an output of a node.
    fn targets(&self, number: usize, outputs: &[headrace_plan::Input]) -> Vec<(u32, Target)> {
        let local = self.chain.nodes.iter().enumerate().flat_map(|(at, &other)| {
            let inputs = if at == 0 { &[][..] } else { &self.node(other).inputs };
            inputs
                .iter()
                .filter(|input| input.node as usize == number)
                .map(move |input| (input.port, Target::Local(at)))
        });
        let remote = outputs.iter().enumerate().filter(|(_, input)| input.node as usize == number);
        local.chain(remote.map(|(at, input)| (input.port, Target::Exchange(at)))).collect()
    }

    fn head(&self, number: usize, receivers: Vec<Receiver>) -> Result<Head> {
        let node = self.node(number);
        if self.chain.is_source {
            return self.source(number);
        }
        let gate = Gate::new(receivers);
        let resolved = &self.materials.compiled.resolved[number];
        Ok(match &node.op {
            Op::HostMap { host, mode, timeout_ms, in_flight, .. } => {
                let what = CallUse::Map { mode: *mode, schema: Arc::clone(&resolved.schema) };
                let limit = (*in_flight).max(1) as usize + READY_CALLS;
                Head::Calls(Calls::new(gate, self.line(*host), what, limit, *timeout_ms))
            }
            Op::HostSink { host, changelog } => {
                let what = CallUse::Sink { changelog: changelog.then(|| changelog_schema(&resolved.schema)) };
                Head::Calls(Calls::new(gate, self.line(*host), what, SINK_CALLS, 0))
            }
            _ => Head::Gate(gate),
        })
    }

    fn line(&self, number: u32) -> Line {
        Line { host: Arc::clone(&self.materials.host), number, subtask: self.id, caller: Arc::clone(self.parker) }
    }

    fn source(&self, number: usize) -> Result<Head> {
        let compiled = self.materials.compiled;
        let resolved = &compiled.resolved[number];
        if let Op::HostSource { host, .. } = &self.node(number).op
            && !self.materials.pushed.contains_key(&number)
        {
            let partition = resolved.partitions.first().copied().unwrap_or_default();
            return Ok(Head::Pull(Pull::new(self.line(*host), Arc::clone(&resolved.schema), partition)));
        }
        let Op::InOrderOf { by } = &self.node(number).op else {
            let (source, rate) = self.rows(number)?;
            return Ok(Head::Source(throttled(source, rate)));
        };
        let lineage = lineage(&compiled.plan, number);
        let (inner, rate) = self.rows(lineage[0])?;
        let before = self.before(&lineage)?;
        let compiled_by = compile_expr(by, &resolved.schema)?;
        let text = serde_json::to_string(by).map_err(|error| Error::internal(error.to_string()))?;
        let schema = Arc::clone(&resolved.schema);
        let sorted = SortedSource::new(inner, before, compiled_by, text, schema, self.batch_rows(rate));
        Ok(Head::Source(throttled(Box::new(sorted), rate)))
    }

    // A limited source gives smaller batches, so that a batch a twentieth of a second is the coarsest it gets.
    fn batch_rows(&self, rate: Option<f64>) -> usize {
        let rows = self.materials.compiled.options.batch_rows as usize;
        rate.map_or(rows, |rate| rows.min((rate / 20.0).ceil().max(1.0) as usize))
    }

    // The source of a node as it is read, before any sort and unthrottled.
    fn rows(&self, number: usize) -> Result<(Box<dyn Source>, Option<f64>)> {
        let resolved = &self.materials.compiled.resolved[number];
        let partition = resolved.partitions.first().copied().unwrap_or_default();
        if let Some(pushed) = self.materials.pushed.get(&number) {
            return Ok((Box::new(pushed.clone()), None));
        }
        Ok(match &self.node(number).op {
            Op::ParquetSource { paths, rate, .. } => {
                let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
                (Box::new(ParquetSource::open(&paths, &resolved.schema, self.batch_rows(*rate), partition)?), *rate)
            }
            Op::TableSource { table, rate, .. } => {
                let batches = self.materials.tables.get(table).cloned().unwrap_or_default();
                (Box::new(TableSource::new(batches, self.batch_rows(*rate), partition)), *rate)
            }
            Op::GeneratorSource { columns, rows, partitions, seed, rate } => {
                let owned = resolved.partitions.iter().zip(0u32..).map(|(&number, at)| (number, at));
                let owned = owned.filter(|(_, at)| at % self.chain.parallelism == self.within);
                let schema = Arc::clone(&resolved.schema);
                let rate = rate.map(|rate| rate / f64::from(self.chain.parallelism));
                let batch = self.batch_rows(rate);
                (Box::new(Generator::new(columns, schema, *rows, (*partitions).max(1), *seed, batch, owned)), rate)
            }
            _ => return Err(Error::internal("a chain begins with something that is no source")),
        })
    }

    // The filters and projections between a source and its sort, as one function.
    fn before(&self, lineage: &[usize]) -> Result<Before> {
        let compiled = self.materials.compiled;
        let mut steps: Vec<Step> = Vec::new();
        for pair in lineage.windows(2) {
            let (input, number) = (&compiled.resolved[pair[0]].schema, pair[1]);
            match &self.node(number).op {
                Op::Filter { predicate } => steps.push(Step::Filter(compile_expr(predicate, input)?)),
                Op::Select { columns } => {
                    let schema = Arc::clone(&compiled.resolved[number].schema);
                    steps.push(Step::Select(compile_all(columns, input)?, schema));
                }
                _ => {}
            }
        }
        Ok(Box::new(move |mut batch: Batch| {
            for step in &steps {
                batch = step.apply(batch)?;
            }
            Ok((batch.rows() > 0).then_some(batch))
        }))
    }

    fn stage(&self, number: usize) -> Result<Stage> {
        let compiled = self.materials.compiled;
        let node = self.node(number);
        let resolved = &compiled.resolved[number];
        let input = node.inputs.first().map(|input| &compiled.resolved[input.node as usize]);
        let input = input.unwrap_or(resolved);
        let operator: Box<dyn Operator> = match &node.op {
            Op::Filter { predicate } => Box::new(Filter::new(compile_expr(predicate, &input.schema)?)),
            Op::Select { columns } => {
                Box::new(Select::new(compile_all(columns, &input.schema)?, Arc::clone(&resolved.schema)))
            }
            Op::Watermark { column, lag, idle, max_ahead } => {
                let spec = WatermarkSpec {
                    column: input.schema.index_of(column)?,
                    replaces: compiled.has_watermark(node),
                    lag: *lag,
                    idle: *idle,
                    max_ahead: *max_ahead,
                };
                Box::new(Watermark::new(spec, self.partitions(number)))
            }
            Op::Window { .. } => Box::new(Window::new(self.window(number)?)?),
            Op::ParquetSink { path, changelog } => {
                let place = SinkPlace {
                    uid: node.uid.clone(),
                    folder: PathBuf::from(path),
                    run: self.materials.run.to_owned(),
                    subtask: self.id,
                    writes_empty: self.within == 0,
                };
                let schema = compiled.input_schema(number);
                let sink = ParquetSink::new(place, &schema, *changelog, self.materials.first_checkpoint)?;
                return Ok(Stage::Sink(Box::new(sink)));
            }
            Op::BlackholeSink => return Ok(Stage::Sink(Box::new(Blackhole::default()))),
            _ => return Ok(Stage::Pass),
        };
        Ok(Stage::Operator(operator))
    }

    // The partitions whose rows reach this subtask: forward edges send subtask i to subtask i modulo the parallelism.
    fn partitions(&self, number: usize) -> Vec<u32> {
        fn reach(context: &Context<'_>, number: usize, within: u32, of: u32) -> Vec<u32> {
            let compiled = context.materials.compiled;
            let node = &compiled.plan.nodes[number];
            let resolved = &compiled.resolved[number];
            if node.inputs.is_empty() {
                let own = |at: u32| at % resolved.parallelism % of == within;
                return resolved
                    .partitions
                    .iter()
                    .zip(0u32..)
                    .filter(|(_, at)| own(*at))
                    .map(|(number, _)| *number)
                    .collect();
            }
            node.inputs.iter().flat_map(|input| reach(context, input.node as usize, within, of)).collect()
        }
        reach(self, number, self.within, self.chain.parallelism)
    }

    fn window(&self, number: usize) -> Result<WindowSpec> {
        let compiled = self.materials.compiled;
        let node = self.node(number);
        let Op::Window { keys, size, slide, offset, lateness, aggregates } = &node.op else {
            return Err(Error::internal("not a window"));
        };
        let sent = compiled.input_schema(number);
        let input = Arc::new(sent.project(&received_columns(compiled, number))?);
        let resolved = &compiled.resolved[number];
        Ok(WindowSpec {
            keys: keys.iter().filter_map(|key| input.index_of(key).ok()).collect(),
            key_types: resolved.schema.fields().iter().take(keys.len()).map(|key| key.data_type().clone()).collect(),
            size: *size,
            slide: *slide,
            offset: *offset,
            lateness: *lateness,
            aggregates: aggregates.clone(),
            input,
            output: Arc::clone(&resolved.schema),
            late: resolved.late.clone().ok_or_else(|| Error::internal("a window without a side output"))?,
        })
    }
}

fn compile_all(columns: &[NamedExpr], schema: &arrow_schema::Schema) -> Result<Vec<Compiled>> {
    columns.iter().map(|column| compile_column(&column.expr, schema)).collect()
}

fn throttled(source: Box<dyn Source>, rate: Option<f64>) -> Box<dyn Source> {
    match rate {
        Some(rate) if rate > 0.0 => Box::new(Throttle::new(source, rate)),
        _ => source,
    }
}

// A filter or a projection before a sort.
enum Step {
    Filter(Compiled),
    Select(Vec<Compiled>, arrow_schema::SchemaRef),
}

impl Step {
    fn apply(&self, batch: Batch) -> Result<Batch> {
        match self {
            Step::Filter(predicate) => batch.filter(&predicate_batch(predicate, &batch)?),
            Step::Select(columns, schema) => {
                let columns = columns.iter().map(|column| column.evaluate_batch(&batch)).collect::<Result<_>>()?;
                batch.with_columns(Arc::clone(schema), columns)
            }
        }
    }
}
