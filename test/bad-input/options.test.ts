/** Options outside their range: each is refused by name before anything starts, in TypeScript and again in Rust. */
import { describe, expect, it } from 'vitest';
import { native } from '../../ts/binding.ts';
import { fromNative } from '../../ts/errors.ts';
import {
  count,
  generate,
  hours,
  minutes,
  quantile,
  type RunOptions,
  sink,
  sliding,
  source,
  t,
  topK,
  tumbling,
  type WatermarkOptions,
} from '../../ts/index.ts';
import type { Node, Op, Plan } from '../../ts/plan/generated.ts';
import { lower } from '../../ts/plan/lower.ts';
import { canary, failure, failureOf, reading, readings } from './support.ts';

const rows = () => source.rows(readings, { schema: reading });
const timed = () => rows().watermark('at', { lag: '0s' });
const generated = (more: object) =>
  source.generator({ columns: { id: generate.sequence() }, rows: 10, ...more });
const mapped = (options: object) => rows().map((row) => row, { schema: reading, ...options });

describe('building a pipeline refuses', () => {
  const cases: readonly (readonly [what: string, named: RegExp, attempt: () => unknown])[] = [
    ['a window of no size', /size is 0s/, () => tumbling('0s')],
    ['a window of negative size', /size is -1m/, () => tumbling('-1m')],
    ['a window of a size below a microsecond', /size is 0s/, () => tumbling('0.0001ms')],
    ['a sliding window of no size', /size is 0s/, () => sliding({ size: minutes(0), slide: '1m' })],
    ['a slide of nothing', /slide is 0s/, () => sliding({ size: '1m', slide: minutes(0) })],
    ['a negative slide', /slide is -10m/, () => sliding({ size: '1h', slide: minutes(-10) })],
    ['a size without a unit', /'60'/, () => tumbling('60')],
    ['a size that is a number', /60/, () => tumbling(60 as never)],
    ['a size beyond 285 years', /span of time/, () => tumbling(hours(2 ** 53))],
    ['a size that is not a number', /span of time/, () => tumbling(hours(Number.NaN))],
    ['a negative lag', /lag is -1s/, () => rows().watermark('at', { lag: '-1s' })],
    ['no lag', /undefined/, () => rows().watermark('at', {} as WatermarkOptions)],
    ['an idle time of nothing', /idle/, () => rows().watermark('at', { lag: '0s', idle: '0s' })],
    ['a maxAhead of nothing', /maxAhead/, () => rows().watermark('at', { lag: '0s', maxAhead: '0s' })],
    ['a negative maxAhead', /maxAhead/, () => rows().watermark('at', { lag: '0s', maxAhead: '-1s' })],
    ['negative lateness', /lateness/, () => timed().window(tumbling('1m'), { lateness: '-1s' })],
    [
      'a quantile above 1',
      /1\.5/,
      () =>
        timed()
          .window(tumbling('1m'))
          .aggregate((f) => ({ q: quantile(f.value, 1.5) })),
    ],
    [
      'a quantile that is NaN',
      /NaN/,
      () =>
        timed()
          .window(tumbling('1m'))
          .aggregate((f) => ({ q: quantile(f.value, Number.NaN) })),
    ],
    [
      'the top 0',
      /asked for 0/,
      () =>
        timed()
          .window(tumbling('1m'))
          .aggregate((f) => ({ top: topK(f.key, 0) })),
    ],
    ['a rate of nothing', /rate is 0/, () => source.rows(readings, { schema: reading, rate: 0 })],
    ['a negative rate', /rate is -1/, () => source.rows(readings, { schema: reading, rate: -1 })],
    ['a rate that is NaN', /rate is NaN/, () => source.rows(readings, { schema: reading, rate: Number.NaN })],
    ['a negative number of rows', /-1/, () => generated({ rows: -1 })],
    ['half a row', /0\.5/, () => generated({ rows: 0.5 })],
    ['no partitions', /0/, () => generated({ partitions: 0 })],
    ['a function with no time', /timeout/, () => mapped({ timeout: '0s' })],
    ['a function with negative time', /timeout/, () => mapped({ timeout: '-1s' })],
    ['a function with no batch', /inFlight is 0/, () => mapped({ inFlight: 0 })],
    [
      'a function that is none',
      /map\(\) takes a function/,
      () => rows().map(null as never, { schema: reading }),
    ],
    ['a negative limit', /limit is -1/, () => sink.collect({ limit: -1 })],
    ['a sink that is none', /takes a sink/, () => rows().to({} as never)],
    ['an empty uid', /uid/, () => rows().uid('')],
  ];

  it.each(cases)('%s', async (_, named, attempt) => {
    const error = await failure(attempt);
    expect(error.code).toBe('HR_OPTION_INVALID');
    expect(error.message).toMatch(named);
  });
});

describe('running a pipeline refuses', () => {
  const checkpoint = (more: object) =>
    ({ checkpoint: { every: '1s', to: '/nowhere', ...more } }) as RunOptions;
  const cases: readonly (readonly [what: string, options: RunOptions])[] = [
    ['parallelism', { parallelism: 0 }],
    ['parallelism', { parallelism: -1 }],
    ['parallelism', { parallelism: 129 }],
    ['parallelism', { parallelism: 1.5 }],
    ['batchRows', { batchRows: 0 }],
    ['batchRows', { batchRows: Number.NaN }],
    ['batchRows', { batchRows: 2 ** 21 }],
    ['batchRows', { batchRows: '7' as never }],
    ['channelRows', { channelRows: 0 }],
    ['channelRows', { channelRows: 2 ** 31 }],
    ['channelBytes', { channelBytes: 0 }],
    ['channelBytes', { channelBytes: -1 }],
    ['checkpoint.every', checkpoint({ every: '0s' })],
    ['checkpoint.every', checkpoint({ every: -5 })],
    ['checkpoint.every', checkpoint({ every: Number.NaN })],
    ['checkpoint.timeout', checkpoint({ timeout: 0 })],
    ['checkpoint.tolerableFailures', checkpoint({ tolerableFailures: -1 })],
    ['checkpoint.keep', checkpoint({ keep: 0 })],
    ['checkpoint.to', checkpoint({ to: '' })],
    ['checkpoint.to', checkpoint({ to: 's3://bucket/state' })],
    ['checkpoint.fresh', checkpoint({ fresh: 'yes' })],
    ['paralelism', { paralelism: 2 } as RunOptions],
  ];

  it.each(cases)('%s out of range: %o', async (named, options) => {
    const error = await failureOf(rows().to(sink.blackhole()), options);
    expect(error.code).toBe('HR_OPTION_INVALID');
    expect(error.message).toContain(named);
    await canary();
  });
});

describe('the native library refuses a plan', () => {
  const plan = lower(
    timed()
      .keyBy('key')
      .window(sliding({ size: '1m', slide: '10s' }))
      .aggregate(() => ({ n: count() }))
      .to(sink.blackhole()),
  ).plan;
  const options = { parallelism: 1, batchRows: 8192, channelRows: 1, channelBytes: 1 };

  /** Compiles the plan with the node of a kind changed, as no pipeline of ours would write it. */
  function compiling(kind: Op['op'], change: object): Promise<ReturnType<typeof fromNative>> {
    const nodes = plan.nodes.map((node): Node => {
      return node.op.op === kind ? { ...node, op: { ...node.op, ...change } as Op } : node;
    });
    return compilingPlan({ ...plan, nodes });
  }

  function compilingPlan(changed: unknown, changedOptions: object = options) {
    return failure(() => {
      try {
        return native.compile(JSON.stringify(changed), JSON.stringify(changedOptions));
      } catch (error) {
        throw fromNative(error);
      }
    });
  }

  it('of another version', async () => {
    const error = await compilingPlan({ ...plan, version: plan.version + 1 } satisfies Plan);
    expect(error.code).toBe('HR_PLAN_VERSION');
    expect(error.message).toContain(String(plan.version + 1));
  });

  it('that is something else', async () => {
    for (const strange of [null, [], {}, 'plan', { ...plan, nodes: [{ op: { op: 'teleport' } }] }]) {
      expect((await compilingPlan(strange)).code).toMatch(/^HR_PLAN_(INVALID|VERSION)$/);
    }
  });

  it.each([
    ['window', { size: 0 }],
    ['window', { size: -60_000_000 }],
    ['window', { slide: 0 }],
    ['window', { slide: -1 }],
    ['window', { lateness: -1 }],
    ['watermark', { lag: -1 }],
    ['watermark', { maxAhead: -1 }],
    ['watermark', { idle: -1 }],
    ['tableSource', { rate: 0 }],
    ['tableSource', { rate: -1 }],
  ] as const)('whose %s has %o, naming it and the line', async (kind, change) => {
    const error = await compiling(kind, change);
    expect(error.code).toMatch(/^HR_(OPTION|PLAN)_INVALID$/);
    expect(error.place?.uid).toBeTypeOf('string');
    expect(error.place?.at).toMatch(/options\.test\.ts:\d+/);
  });

  it.each([
    { parallelism: 0 },
    { parallelism: 129 },
    { batchRows: 0 },
    { channelRows: 0 },
    { channelBytes: 0 },
  ])('with the options %o', async (change) => {
    expect((await compilingPlan(plan, { ...options, ...change })).code).toBe('HR_OPTION_INVALID');
  });

  it('whose columns do not exist, naming the operator and the line', async () => {
    const error = await compiling('window', { keys: ['kye'] });
    expect(error.code).toBe('HR_UNKNOWN_COLUMN');
    expect(error.place?.operator).toMatch(/^window/);
    expect(error.place?.at).toMatch(/options\.test\.ts:\d+/);
  });

  it('that names a node that is not there', async () => {
    const nodes = plan.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(() => ({ node: 99, port: 0 })),
    }));
    expect((await compilingPlan({ ...plan, nodes })).code).toBe('HR_PLAN_INVALID');
  });
});

it('a type that is none is refused where it is declared', async () => {
  expect((await failure(() => source.rows([], { schema: {} }))).code).toBe('HR_PLAN_INVALID');
  expect((await failure(() => source.rows([{ id: 1n }], { schema: { id: t.i64() } }).drop('id'))).code).toBe(
    'HR_PLAN_INVALID',
  );
});
