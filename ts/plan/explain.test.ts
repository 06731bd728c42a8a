import { describe, expect, test, vi } from 'vitest';
import { count } from '../api/aggregates.ts';
import { explain } from '../api/explain.ts';
import { sink } from '../api/sink.ts';
import { source } from '../api/source.ts';
import { t } from '../api/types.ts';
import { tumbling } from '../api/window.ts';
import type { CompiledPlan } from './compiled.ts';
import { checkReplayable } from './delivery.ts';
import type { Plan } from './generated.ts';
import { lower } from './lower.ts';

// A compiler that puts what follows a window behind an exchange, keeps what feeds a sort in no chain, and infers one
// column.
vi.mock('../binding.ts', () => ({
  native: {
    compile(text: string, options: string): string {
      const { nodes } = JSON.parse(text) as Plan;
      const { parallelism } = JSON.parse(options) as { parallelism: number };
      const sort = nodes.findIndex(({ op }) => op.op === 'inOrderOf');
      const numbers = [...nodes.keys()].slice(Math.max(sort, 0));
      const cut = nodes.findIndex(({ op }) => op.op === 'window');
      if (cut < 0) return JSON.stringify(compiled(nodes.length, [numbers], [1], []));
      const chains = [numbers.filter((number) => number < cut), numbers.filter((number) => number >= cut)];
      const exchanges = [{ from: 0, to: 1, kind: 'hash' } as const];
      return JSON.stringify(compiled(nodes.length, chains, [1, parallelism], exchanges));
    },
  },
}));

function compiled(
  nodes: number,
  chains: number[][],
  parallelism: number[],
  exchanges: CompiledPlan['exchanges'],
): CompiledPlan {
  const list = {
    type: 'list',
    item: { type: 'struct', fields: [{ name: 'n', data: { type: 'i64' }, nullable: true }] },
  };
  return {
    nodes: Array.from({ length: nodes }, () => ({
      schema: [{ name: 'top', data: list, nullable: true }] as CompiledPlan['nodes'][number]['schema'],
      lateSchema: null,
      eventTime: true,
      updates: false,
    })),
    sourceSubtasks: 1,
    totalSubtasks: chains.length,
    subtasks: chains.map((members, index) => ({
      name: `chain ${index}`,
      parallelism: parallelism[index] ?? 1,
      nodes: members,
    })),
    exchanges,
  };
}

const schema = { date: t.timestamp(), origin: t.utf8() };
const files = source.parquet('flights.parquet', { schema }).watermark('date', { lag: '3h' });
const windows = files
  .keyBy('origin')
  .window(tumbling('1h'), { late: 'late' })
  .aggregate(() => ({ n: count() }));
const live = source.iterable([], { schema });

const paths = (outputs: Parameters<typeof explain>[0], options?: Parameters<typeof explain>[1]) =>
  explain(outputs, options).paths.map(({ source, sink, guarantee }) => [source, sink, guarantee]);

describe('explain', () => {
  test('shows plan, chains, exchanges and delivery as text', () => {
    const text = String(explain(windows.to(sink.parquet('out/windows')), { parallelism: 2 }));
    expect(text).toContain('0  parquet(flights.parquet)  (ts/plan/explain.test.ts:');
    expect(text).toContain('2  window(1h)  ← 1  (ts/plan/explain.test.ts:');
    expect(text).toContain('top list<struct<n i64?>>?');
    expect(text).toContain('1  window(1h) → parquet(out/windows)  × 2');
    expect(text).toContain('0 chain 0 → 1 chain 1: by key group');
    expect(text).toContain('parquet(flights.parquet) → parquet(out/windows): exactly-once');
    expect(text).toContain('committed with the checkpoint');
    expect(text).toContain('window(1h): counted and dropped');
  });

  test('is plain data for JSON', () => {
    const explanation = explain(windows.to(sink.parquet('out')));
    expect(JSON.parse(JSON.stringify(explanation))).toEqual({ ...explanation });
    expect(explanation.droppedLate).toEqual([2]);
    expect(explanation.operators[2]).toMatchObject({
      number: 2,
      name: 'window(1h)',
      inputs: [{ operator: 1, late: false }],
    });
  });

  test('does not call late rows dropped that are bound', () => {
    const outputs = [windows.to(sink.parquet('a')), windows.sideOutput('late').to(sink.parquet('b'))];
    const explanation = explain(outputs);
    expect(explanation.droppedLate).toEqual([]);
    expect(String(explanation)).not.toContain('dropped');
    expect(String(explanation)).toContain('← late rows of 2');
  });
});

test('a sort shows what runs within it', () => {
  const sorted = source
    .parquet('flights.parquet', { schema })
    .filter((f) => f.origin.ne('ORD'))
    .inOrderOf('date');
  const explanation = explain(sorted.to(sink.blackhole()));
  expect(explanation.chains).toMatchObject([{ operators: [2, 3], sorted: [0, 1] }]);
  expect(String(explanation)).toContain(
    '0  (parquet(flights.parquet) → filter) inOrderOf(date) → blackhole  × 1',
  );
});

describe('delivery', () => {
  test('is the least of source, engine and sink, on each way', () => {
    const both = files.union(source.rows([], { schema }).watermark('date', { lag: '3h' }));
    const outputs = [
      both.to(sink.parquet('a')),
      files.to(sink.callback(() => {})),
      files.to(sink.blackhole()),
    ];
    expect(paths(outputs)).toEqual([
      [0, 5, 'exactly-once'],
      [2, 5, 'exactly-once'],
      [0, 6, 'at-least-once'],
      [0, 7, 'exactly-once'],
    ]);
    expect(paths(outputs, { checkpoint: false })).toEqual(
      paths(outputs).map(([from, to]) => [from, to, 'starts-over']),
    );
    expect(paths(live.to(sink.parquet('a')))).toEqual([[0, 1, 'none']]);
  });

  test('says what would raise it, and that functions are called again', () => {
    const called = files.map((row) => row, { schema }).to(sink.collect());
    const [path] = explain(called).paths;
    expect(path?.reasons.join(' ')).toContain('called again');
    expect(path?.raise).toContain('sink.parquet()');
    const [without] = explain(called, { checkpoint: false }).paths;
    expect(without?.raise).toContain('checkpoint');
    expect(explain(files.to(sink.parquet('a'))).paths[0]?.raise).toBeNull();
  });

  test('of an iterable is refused together with checkpoints', () => {
    const output = live.to(sink.blackhole());
    const failure = expect.objectContaining({
      code: 'HR_NOT_REPLAYABLE',
      place: expect.objectContaining({
        operator: 'iterable',
        at: expect.stringContaining('explain.test.ts'),
      }),
    });
    expect(() => explain(output, { checkpoint: { every: '1s', to: 'state' } })).toThrow(failure);
    expect(() => checkReplayable(lower(output).plan)).toThrow(failure);
    expect(() => checkReplayable(lower(files.to(sink.blackhole())).plan)).not.toThrow();
    expect(() => explain(output, { checkpoint: false })).not.toThrow();
  });
});
