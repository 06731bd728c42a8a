/**
 * Testing a pipeline without a clock, a thread or a sleep: the real operators on the caller's thread, one step at a time.
 */
import type { Edge } from '../api/draft.ts';
import { shapeOf } from '../api/draft.ts';
import type { DurationInput } from '../api/duration.ts';
import type { RowOf } from '../api/schema.ts';
import { type Collected, sink } from '../api/sink.ts';
import { Stream } from '../api/stream.ts';
import { notNegative } from '../api/window.ts';
import { pack } from '../arrow/array-data.ts';
import { concatChunks } from '../arrow/concat.ts';
import type { Row } from '../arrow/rows.ts';
import { shapeError, toChunks } from '../arrow/to-arrays.ts';
import { type BindingDriver, native } from '../binding.ts';
import { HostExecutor } from '../control/host.ts';
import type { Rows } from '../control/hosts.ts';
import { type JobMetrics, type NativeMetrics, summarise } from '../control/metrics.ts';
import { checkOptions } from '../control/run-options.ts';
import { fromNative, HeadraceError } from '../errors.ts';
import type { CompiledPlan } from '../plan/compiled.ts';
import type { Field, Plan } from '../plan/generated.ts';
import { lower } from '../plan/lower.ts';

/** How the pipeline under test is run. */
export interface TestOptions {
  /** Subtasks of each keyed operator. Default 1. */
  readonly parallelism?: number;
  /** Rows of a batch. Default 8192. */
  readonly batchRows?: number;
}

/** Reads what a side output has let through. */
export interface SideOutput {
  /** The rows since the last call. */
  rows(): Row[];
}

const NO_CHECKPOINTS = { completed: 0, failed: 0, retireFailures: 0, last: null } as const;

/** Which source: its place among the pipeline's sources, its uid, or its name. Needed only where there are several. */
export type SourceRef = number | string;

/** A pipeline under test, see {@link testDriver}. */
export class TestDriver<R extends object = Row> {
  readonly #binding: BindingDriver;
  readonly #executor: HostExecutor;
  readonly #plan: Plan;
  readonly #sources: readonly { node: number; uid: string; name: string; schema: readonly Field[] }[];
  readonly #main: Collected<Row>;
  readonly #late: ReadonlyMap<string, Collected<Row>>;
  /** How many rows of each output have been handed out. */
  readonly #read = new Map<Collected<Row>, number>();
  #now = 0n;

  /** @internal */
  constructor(edge: Edge, options: TestOptions) {
    const { job } = checkOptions(options);
    const late = [...lateEdges(edge)];
    this.#main = collect(edge);
    this.#late = new Map(late.map(([name, side]) => [name, collect(side)]));
    const lowered = lower([this.#main, ...this.#late.values()]);
    this.#plan = lowered.plan;
    const [plan, checked] = [JSON.stringify(lowered.plan), JSON.stringify(job)];
    const compiled = attempt(() => JSON.parse(native.compile(plan, checked)) as CompiledPlan);
    this.#sources = lowered.plan.nodes.flatMap(({ inputs, uid, name }, node) => {
      return inputs.length > 0 ? [] : [{ node, uid, name, schema: compiled.nodes[node]?.schema ?? [] }];
    });
    this.#binding = attempt(() => new native.BindingDriver(plan, checked));
    const hosts = lowered.bind(compiled);
    this.#executor = new HostExecutor(this.#binding, { plan: lowered.plan, hosts, batchRows: job.batchRows });
    this.#executor.start();
  }

  /** Sends a row, or rows in any of the forms that sources take, through the pipeline. */
  push(rows: Row | Rows, source?: SourceRef): void {
    const { node, schema } = this.#source(source);
    try {
      const { columns } = concatChunks(schema, toChunks(schema, isRow(schema, rows) ? [rows] : rows));
      const { layout, buffers } = pack(columns);
      this.#act(() => this.#binding.push(node, layout, buffers));
    } catch (error) {
      throw shapeError(error, 'HR_TYPE_MISMATCH', 'The rows pushed do not fit the source');
    }
  }

  /** Moves the watermark up to `time`: no more rows with an earlier event time are to be expected. */
  advanceWatermark(time: bigint | Date, source?: SourceRef): void {
    const micros = time instanceof Date ? BigInt(time.getTime()) * 1000n : time;
    const sources = source === undefined ? this.#sources : [this.#source(source)];
    this.#act(() => {
      for (const { node } of sources) this.#binding.advanceWatermark(node, micros);
    });
  }

  /** Lets time go by, by which partitions without rows become idle. It stands still otherwise. */
  advanceClock(by: DurationInput): void {
    this.#now += BigInt(notNegative('time that goes by', by));
    this.#act(() => this.#binding.setClock(this.#now));
  }

  /** Ends a source, or all of them: windows fire as if time had run out. */
  finish(source?: SourceRef): void {
    const sources = source === undefined ? this.#sources : [this.#source(source)];
    this.#act(() => {
      for (const { node } of sources) this.#binding.finish(node);
    });
  }

  /** The rows of the pipeline's output since the last call. With updates, each has a first column `op`. */
  rows(): R[] {
    return this.#drain(this.#main) as R[];
  }

  /** The late rows of the window that was given this name. */
  sideOutput(name: string): SideOutput {
    const collected = this.#late.get(name);
    if (collected === undefined) {
      const names = [...this.#late.keys()].join(', ') || 'none';
      throw new HeadraceError('HR_OPTION_INVALID', `The pipeline has no side output '${name}'.`, {
        hint: `Side outputs are named by window(…, { late: name }); here: ${names}.`,
      });
    }
    return { rows: () => this.#drain(collected) };
  }

  /** Takes a checkpoint, throws every operator away, and restores them from it, at another parallelism if given. */
  crashAndRestore(options: { readonly parallelism?: number } = {}): void {
    this.#requireSettled('crashAndRestore()');
    if (options.parallelism !== undefined) checkOptions({ parallelism: options.parallelism });
    this.#act(() => this.#binding.crashAndRestore(options.parallelism ?? null));
  }

  /** Resolves when functions that return promises have answered and their rows have gone through. */
  async settle(): Promise<void> {
    while (this.#executor.open > 0) {
      await this.#executor.settle();
      this.#act(() => {});
    }
  }

  metrics(): JobMetrics {
    const raw = JSON.parse(this.#binding.metrics()) as NativeMetrics;
    return summarise(raw, [], NO_CHECKPOINTS, this.#plan);
  }

  /** Does something and lets the pipeline run until nothing moves or a promise is waited for. */
  #act(action: () => void): void {
    try {
      action();
      do this.#binding.run();
      while (this.#pumped());
    } catch (error) {
      throw this.#executor.failure ?? fromNative(error);
    }
  }

  /** Runs host calls; true when one of them was answered, so that the pipeline may go on. */
  #pumped(): boolean {
    const answered = this.#executor.answers;
    while (this.#executor.pump());
    return this.#executor.answers > answered;
  }

  #drain(output: Collected<Row>): Row[] {
    this.#requireSettled('rows()');
    const from = this.#read.get(output) ?? 0;
    this.#read.set(output, output.rows.length);
    return output.rows.slice(from);
  }

  #requireSettled(what: string): void {
    if (this.#executor.open === 0) return;
    throw new HeadraceError('HR_OPTION_INVALID', `${what} was called while a function's promise is open.`, {
      hint: 'Write `await driver.settle()` before it.',
    });
  }

  #source(ref: SourceRef | undefined): { node: number; schema: readonly Field[] } {
    const [only, ...others] = this.#sources;
    if (ref === undefined && only !== undefined && others.length === 0) return only;
    const found = this.#sources.find(({ uid, name }, index) => ref === index || ref === uid || ref === name);
    if (found !== undefined) return found;
    const names = this.#sources.map(({ name, uid }, index) => `${index} (${name}, ${uid})`).join(', ');
    const text =
      ref === undefined ? 'The pipeline has several sources.' : `The pipeline has no source ${ref}.`;
    throw new HeadraceError('HR_OPTION_INVALID', text, { hint: `Name one: ${names}.` });
  }
}

/**
 * Whether an object is one row, rather than an array of values per column: some column that does not hold lists or bytes
 * has no array.
 */
function isRow(schema: readonly Field[], rows: unknown): rows is Row {
  if (Array.isArray(rows) || Object.getPrototypeOf(rows) !== Object.prototype) return false;
  const plain = schema.filter(({ data }) => data.type !== 'list' && data.type !== 'binary');
  const isArrayLike = (value: unknown) => Array.isArray(value) || ArrayBuffer.isView(value);
  return plain.length === 0 || plain.some(({ name }) => !isArrayLike((rows as Row)[name]));
}

/**
 * A driver for the pipeline that ends in `stream`. Its sources are replaced: rows come from {@link TestDriver.push}.
 * JavaScript functions run as in a job; where they return promises, `await driver.settle()` before reading rows.
 *
 * ```ts
 * const driver = testDriver(hourly);
 * driver.push({ origin: 'ORD', date: at('08:10'), delay: 30 });
 * driver.advanceWatermark(at('10:00'));
 * expect(driver.rows()).toEqual([…]);
 * ```
 */
// biome-ignore lint/suspicious/noExplicitAny: a stream of any columns and any event time.
export function testDriver<S extends Stream<any, any>>(
  stream: S,
  options: TestOptions = {},
): TestDriver<RowOf<S> & object> {
  return new TestDriver(stream.edge, options);
}

function collect(edge: Edge): Collected<Row> {
  const mode = shapeOf(edge).updates ? 'changelog' : 'append';
  return new Stream(edge).to(sink.collect({ mode })) as Collected<Row>;
}

/** The late outputs of all windows that have named theirs. */
function lateEdges(edge: Edge, found = new Map<string, Edge>()): Map<string, Edge> {
  const { draft } = edge;
  if (draft.late !== undefined) found.set(draft.late, { draft, port: 1 });
  for (const input of draft.inputs) lateEdges(input, found);
  return found;
}

function attempt<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw fromNative(error);
  }
}
