import { describe, expect, test, vi } from 'vitest';
import { count } from '../api/aggregates.ts';
import type { Output } from '../api/output.ts';
import { sink } from '../api/sink.ts';
import { source } from '../api/source.ts';
import { t } from '../api/types.ts';
import { tumbling } from '../api/window.ts';
import type { CompiledPlan } from './compiled.ts';
import type { Field, Plan } from './generated.ts';
import { lower } from './lower.ts';

vi.mock('../binding.ts', () => ({ native: {} }));

const schema = { date: t.timestamp(), delay: t.i64().nullable(), origin: t.utf8() };
const failure = (code: string, text: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(text) });

function flights() {
  return source.parquet('flights.parquet', { schema }).watermark('date', { lag: '3h' });
}
const hourly = (stream: ReturnType<typeof flights>) =>
  stream
    .keyBy('origin')
    .window(tumbling('1h'), { late: 'late' })
    .aggregate(() => ({ n: count() }));

/** The plan as `number operator(inputs)`. */
const outline = (plan: Plan): string[] =>
  plan.nodes.map(({ op, inputs }, number) => {
    const from = inputs.map(({ node, port }) => (port === 0 ? node : `${node}late`));
    return `${number} ${op.op}(${from})`;
  });
const uidOf = (plan: Plan, op: string): (string | undefined)[] =>
  plan.nodes.filter((node) => node.op.op === op).map((node) => node.uid);
const withoutLines = (plan: Plan): Plan => ({
  ...plan,
  nodes: plan.nodes.map((node) => ({ ...node, at: null })),
});

describe('numbering', () => {
  test('puts every operator behind its inputs, and shared ones once', () => {
    const stream = flights();
    const windows = hourly(stream);
    const outputs = [
      windows.to(sink.parquet('out/windows')),
      windows.sideOutput('late').to(sink.parquet('out/late')),
      stream.union(stream.filter((f) => f.delay.gt(0))).to(sink.blackhole()),
    ];
    expect(outline(lower(outputs).plan)).toEqual([
      '0 parquetSource()',
      '1 watermark(0)',
      '2 window(1)',
      '3 parquetSink(2)',
      '4 parquetSink(2late)',
      '5 filter(1)',
      '6 union(1,5)',
      '7 blackholeSink(6)',
    ]);
  });

  test('is the same for the same pipeline built again', () => {
    const build = (): Plan => {
      const windows = hourly(flights());
      return lower([windows.to(sink.parquet('a')), windows.sideOutput('late').to(sink.parquet('b'))]).plan;
    };
    expect(withoutLines(build())).toEqual(withoutLines(build()));
  });

  test('takes long pipelines', () => {
    let stream = source.rows([], { schema: { n: t.i64() } });
    for (let length = 0; length < 20_000; length++) stream = stream.filter((f) => f.n.gt(0));
    expect(lower(stream.to(sink.blackhole())).plan.nodes).toHaveLength(20_002);
  });

  test('takes a stream joined with itself again and again', () => {
    let stream = source.rows([], { schema: { n: t.i64() } });
    for (let depth = 0; depth < 60; depth++) stream = stream.union(stream);
    expect(lower(stream.to(sink.blackhole())).plan.nodes).toHaveLength(62);
  });
});

describe('uids', () => {
  test('do not change with options, nor with stateless operators before', () => {
    const plain = lower(hourly(flights()).to(sink.parquet('a'))).plan;
    const edited = source
      .parquet('others.parquet', { schema })
      .filter((f) => f.delay.gt(5))
      .watermark('date', { lag: '1h' })
      .select((f) => ({ ...f, delay: f.delay.plus(1) }))
      .keyBy('origin')
      .window(tumbling('2h'))
      .aggregate(() => ({ n: count() }))
      .to(sink.parquet('b'));
    const other = lower(edited).plan;
    for (const op of ['parquetSource', 'watermark', 'window', 'parquetSink']) {
      expect(uidOf(other, op)).toEqual(uidOf(plain, op));
    }
  });

  test('tell apart what stands behind different operators, and number the rest', () => {
    const stream = flights();
    const plan = lower([
      hourly(stream).to(sink.blackhole()),
      hourly(stream).to(sink.blackhole()),
      hourly(stream.union(stream)).to(sink.blackhole()),
    ]).plan;
    const [first, second, third] = uidOf(plan, 'window');
    expect(second).toBe(`${first}-2`);
    expect(third).not.toBe(first);
    expect(new Set(plan.nodes.map((node) => node.uid)).size).toBe(plan.nodes.length);
  });

  test('of the user win, also over automatic ones that happen to be the same', () => {
    const stream = flights();
    const automatic = uidOf(lower(hourly(stream).to(sink.blackhole())).plan, 'window')[0] ?? '';
    const named = hourly(stream).uid(automatic);
    expect(named.sideOutput('late').columns).toContain('lateness');
    const plan = lower([hourly(stream).to(sink.blackhole()), named.to(sink.blackhole())]).plan;
    expect(uidOf(plan, 'window')).toEqual([`${automatic}-2`, automatic]);
  });

  test('of the user stand once', () => {
    const outputs = [
      flights().uid('flights').to(sink.blackhole()),
      flights().uid('flights').to(sink.blackhole()),
    ];
    expect(() => lower(outputs)).toThrow(failure('HR_PLAN_INVALID', "'flights' stands for two operators"));
  });

  test('keep state apart from a renamed operator before them', () => {
    const named = lower(hourly(flights().uid('a')).to(sink.blackhole())).plan;
    const renamed = lower(hourly(flights().uid('b')).to(sink.blackhole())).plan;
    expect(uidOf(named, 'window')).not.toEqual(uidOf(renamed, 'window'));
  });
});

describe('what cannot be run', () => {
  test.each<[string, () => Output | readonly Output[], string]>([
    ['no outputs', () => [], 'no outputs'],
    ['a stream', () => flights() as unknown as Output, '.to(sink)'],
    ['nothing', () => undefined as unknown as Output, 'made of outputs'],
    [
      'one folder twice',
      () => [flights().to(sink.parquet('out')), flights().to(sink.parquet('./out/'))],
      'folder',
    ],
  ])('%s', (_, outputs, text) => {
    expect(() => lower(outputs())).toThrow(failure('HR_PLAN_INVALID', text));
  });
});

describe('hosts', () => {
  const fields: Field[] = [
    { name: 'n', data: { type: 'i64' }, nullable: false },
    { name: 'w', data: { type: 'timestamp' }, nullable: false },
  ];
  const compiledLike = (plan: Plan): CompiledPlan => ({
    nodes: plan.nodes.map(({ op }) => ({
      schema: op.op === 'window' ? fields.slice(0, 1) : fields,
      lateSchema: op.op === 'window' ? fields.slice(1) : null,
      eventTime: true,
      updates: false,
    })),
    subtasks: [],
    exchanges: [],
    sourceSubtasks: 0,
    totalSubtasks: 0,
  });

  test('are numbered as the plan says, and see the columns of their input', () => {
    const double = (row: { origin: string }) => ({ origin: row.origin + row.origin });
    const windows = hourly(flights());
    const seen: unknown[] = [];
    const lowered = lower([
      windows.to(sink.collect({ mode: 'changelog' })),
      windows.sideOutput('late').to(sink.callback((batch) => void seen.push(batch))),
      flights()
        .map(double, { schema: { origin: t.utf8() } })
        .to(sink.blackhole()),
    ]);
    const { plan } = lowered;
    const numbers = plan.nodes.flatMap(({ op }) => ('host' in op ? [op.host] : []));
    expect(numbers).toEqual([0, 1, 2]);
    const [changes, late, map] = lowered.bind(compiledLike(plan));
    expect(changes).toMatchObject({
      kind: 'sink',
      schema: [{ name: 'op', data: { type: 'utf8' }, nullable: false }, fields[0]],
    });
    expect(late).toMatchObject({ kind: 'sink', schema: fields.slice(1) });
    expect(map).toMatchObject({
      kind: 'map',
      form: 'row',
      mode: 'map',
      call: double,
      timeoutMs: 30_000,
      input: fields,
      output: [{ name: 'origin', data: { type: 'utf8' }, nullable: false }],
    });
  });

  test('iterables and rows in memory are kept beside the plan', () => {
    const rows = [{ n: 1n }];
    const endless = { async *[Symbol.asyncIterator]() {} };
    const lowered = lower([
      source.rows(rows, { schema: { n: t.i64() } }).to(sink.blackhole()),
      source.iterable(endless, { schema: { n: t.i64() } }).to(sink.blackhole()),
    ]);
    expect(lowered.tables).toEqual([{ rows, schema: [fields[0]] }]);
    expect(lowered.tables[0]?.rows).toBe(rows);
    expect(lowered.plan.nodes[0]?.op).toMatchObject({ op: 'tableSource', table: 0, schema: [fields[0]] });
    expect(lowered.plan.nodes[2]?.op).toMatchObject({ op: 'hostSource', host: 0, schema: [fields[0]] });
    expect(lowered.bind(compiledLike(lowered.plan))[0]).toMatchObject({ kind: 'source', iterable: endless });
    expect(JSON.parse(JSON.stringify(lowered.plan))).toEqual(lowered.plan);
  });

  test('a loop that is left early tells the job', async () => {
    const left = vi.fn();
    const out = flights().to(sink.batches());
    out.onLeave(left);
    const loop = out[Symbol.asyncIterator]();
    await loop.return?.();
    expect(left).toHaveBeenCalledOnce();
  });
});

describe('lines', () => {
  test('are those of the user, for every operator', () => {
    const stream = flights();
    const output = hourly(stream).to(sink.blackhole());
    const lines = lower(output).plan.nodes.map((node) => node.at);
    expect(lines).toEqual(lines.map(() => expect.stringMatching(/^ts\/plan\/lower\.test\.ts:\d+$/)));
    expect(new Set(lines).size).toBe(4 - 1);
  });
});
