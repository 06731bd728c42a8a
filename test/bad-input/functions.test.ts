/** JavaScript functions that throw, reject, answer in another shape, or never. */
import { describe, expect, it } from 'vitest';
import { type Batch, type Output, run, sink, source, t } from '../../ts/index.ts';
import { finished } from '../finished.ts';
import { failure, failureOf, reading, readings, scene } from './support.ts';

scene();
const rows = () => source.rows(readings, { schema: reading });
const schema = { key: t.utf8(), value: t.i64() };
const cause = new RangeError('boom');

function fails(): never {
  throw cause;
}

/** What each of the four operators makes of a function, written where the error should point to. */
const operators: readonly (readonly [name: string, build: (fn: () => unknown) => Output])[] = [
  [
    'map',
    (fn) =>
      rows()
        .map(fn as never, { schema })
        .to(sink.blackhole()),
  ],
  [
    'flatMap',
    (fn) =>
      rows()
        .flatMap(fn as never, { schema })
        .to(sink.blackhole()),
  ],
  [
    'mapBatches',
    (fn) =>
      rows()
        .mapBatches(fn as never, { schema })
        .to(sink.blackhole()),
  ],
  [
    'flatMapBatches',
    (fn) =>
      rows()
        .flatMapBatches(fn as never, { schema })
        .to(sink.blackhole()),
  ],
];

describe.each(operators)('a function in %s', (name, build) => {
  const ways: readonly (readonly [string, () => unknown])[] = [
    ['throws', () => fails()],
    ['rejects', async () => fails()],
    ['rejects later', () => new Promise((_, reject) => setTimeout(() => reject(cause), 20))],
  ];

  it.each(ways)('that %s fails the job, naming operator, line and cause', async (_, fn) => {
    const error = await failureOf(build(fn));
    expect(error.code).toBe('HR_USER_FUNCTION_FAILED');
    expect(error.message).toContain('boom');
    expect(error.cause).toBe(cause);
    expect(error.place?.operator).toContain(name);
    expect(error.place?.uid).toBeTypeOf('string');
    expect(error.place?.at).toMatch(/functions\.test\.ts:\d+/);
  });

  it.each([null, undefined, 3, 'row', Symbol.iterator])(
    'that answers %s has the wrong shape',
    async (answer) => {
      for (const fn of [() => answer, async () => answer]) {
        const error = await failureOf(build(fn));
        expect(error.code).toBe('HR_USER_FUNCTION_SHAPE');
        expect(error.place?.operator).toContain(name);
        expect(error.place?.at).toMatch(/functions\.test\.ts:\d+/);
      }
    },
  );
});

it('what is thrown need not be an error', async () => {
  for (const thrown of [null, undefined, 'text', 7, { message: 'object' }, Object.create(null)]) {
    const stream = rows().map(
      () => {
        throw thrown;
      },
      { schema },
    );
    const error = await failureOf(stream.to(sink.blackhole()));
    expect(error.code).toBe('HR_USER_FUNCTION_FAILED');
    expect(error.cause).toBe(thrown);
  }
});

describe('the wrong shape', () => {
  const byRow = (answer: object) =>
    rows()
      .map(() => answer as never, { schema })
      .to(sink.blackhole());
  const byBatch = (answer: (batch: Batch) => object) =>
    rows()
      .mapBatches((batch) => answer(batch as Batch) as never, { schema })
      .to(sink.blackhole());
  const flat = (answer: object) =>
    rows()
      .flatMapBatches(() => answer as never, { schema })
      .to(sink.blackhole());
  const full = (batch: Batch) => ({
    key: Array(batch.numRows).fill('k'),
    value: new BigInt64Array(batch.numRows),
  });

  const cases: readonly (readonly [what: string, says: RegExp, output: Output])[] = [
    ['a column that is missing, by row', /row 0: column 'value'.*undefined/, byRow({ key: 'a' })],
    ['a null where none is declared', /column 'key'.*null/, byRow({ key: null, value: 1n })],
    ['a value of another type', /column 'value'.*the string "1"/, byRow({ key: 'a', value: '1' })],
    ['an integer that is no bigint', /column 'value'/, byRow({ key: 'a', value: 1.5 })],
    ['an integer beyond 64 bits', /column 'value'/, byRow({ key: 'a', value: 2n ** 63n })],
    [
      'a column that is missing, by batch',
      /'value'.*array of values/,
      byBatch((b) => ({ key: full(b).key })),
    ],
    ['columns of two lengths', /'value' has 3 values/, byBatch((b) => ({ ...full(b), value: [1n, 2n, 3n] }))],
    ['fewer rows than it was given', /120 rows.*got 1/, byBatch(() => [{ key: 'a', value: 1n }])],
    ['another type of array', /column 'value'/, byBatch((b) => ({ ...full(b), value: full(b).key }))],
    ['rows without parents', /\{ rows, parents \}/, flat([])],
    [
      'as many parents as rows',
      /got 1 for 2 rows/,
      flat({ rows: { key: ['a', 'b'], value: [1n, 2n] }, parents: [0] }),
    ],
    [
      'a parent that is not there',
      /parent.*120/,
      flat({ rows: { key: ['a'], value: [1n] }, parents: [120] }),
    ],
    ['parents that descend', /parent/, flat({ rows: { key: ['a', 'b'], value: [1n, 2n] }, parents: [1, 0] })],
    ['a negative parent', /parent/, flat({ rows: { key: ['a'], value: [1n] }, parents: [-1] })],
  ];

  it.each(cases)('%s says so', async (_, says, output) => {
    const error = await failureOf(output);
    expect(error.code).toBe('HR_USER_FUNCTION_SHAPE');
    expect(error.message).toMatch(says);
    expect(error.place?.at).toMatch(/functions\.test\.ts:\d+/);
  });

  it('more columns than declared are left out', async () => {
    const out = rows()
      .map((row) => ({ ...row, more: 1 }), { schema })
      .to(sink.collect());
    await finished(out);
    expect(out.rows[3]).toEqual({ key: 'odd', value: 3n });
  });
});

describe('a promise that never settles', () => {
  it.each(operators.map(([name]) => name))('fails the job in %s, naming operator and line', async (name) => {
    const never = () => new Promise<never>(() => {});
    const options = { schema, timeout: '60ms' } as const;
    const streams = {
      map: () => rows().map(never, options),
      flatMap: () => rows().flatMap(never, options),
      mapBatches: () => rows().mapBatches(never, options),
      flatMapBatches: () => rows().flatMapBatches(never, options),
    };
    const stream = streams[name as keyof typeof streams]();
    const error = await failureOf(stream.to(sink.blackhole()));
    expect(error.code).toBe('HR_USER_FUNCTION_TIMEOUT');
    expect(error.message).toContain('60 ms');
    expect(error.place?.operator).toContain(name);
    expect(error.place?.at).toMatch(/functions\.test\.ts:\d+/);
  });

  it('fails the job although others do answer', async () => {
    let calls = 0;
    const stream = rows().mapBatches(
      async (batch) => {
        if (++calls === 5) await new Promise(() => {});
        return { key: batch.column('key').toArray(), value: batch.column('value').toArray() };
      },
      { schema, timeout: '60ms', inFlight: 3 },
    );
    const error = await failureOf(stream.to(sink.blackhole()), { batchRows: 7 });
    expect(error.code).toBe('HR_USER_FUNCTION_TIMEOUT');
  });

  it('that settles after its time changes nothing any more', async () => {
    let settle: (row: { key: string; value: bigint }) => void = () => {};
    const answer = new Promise<{ key: string; value: bigint }>((resolve) => {
      settle = resolve;
    });
    const stream = rows().map(() => answer, { schema, timeout: '30ms' });
    expect((await failureOf(stream.to(sink.blackhole()))).code).toBe('HR_USER_FUNCTION_TIMEOUT');
    settle({ key: 'late', value: 0n });
    await new Promise((resolve) => setTimeout(resolve, 10));
  });
});

describe('a sink in JavaScript', () => {
  it.each([
    ['throws', () => fails()],
    ['rejects', async () => fails()],
  ])('that %s fails the job, naming operator, line and cause', async (_, call) => {
    const error = await failureOf(rows().to(sink.callback(call)));
    expect(error.code).toBe('HR_USER_FUNCTION_FAILED');
    expect(error.cause).toBe(cause);
    expect(error.place?.operator).toBe('callback');
    expect(error.place?.at).toMatch(/functions\.test\.ts:\d+/);
  });

  it('that never answers holds the job back until it is cancelled', async () => {
    const job = await run(rows().to(sink.callback(() => new Promise(() => {}))));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await job.cancel();
    expect((await failure(() => job.done)).code).toBe('HR_CANCELLED');
  });

  it('that collects more than its limit fails the job', async () => {
    const error = await failureOf(rows().to(sink.collect({ limit: 10 })));
    expect(error.code).toBe('HR_OPTION_INVALID');
    expect(error.message).toContain('more than 10 rows');
    expect(error.place?.operator).toBe('collect');
  });
});

describe('an iterable', () => {
  async function* broken(rowsBefore: number) {
    for (const row of readings.slice(0, rowsBefore)) yield row;
    throw cause;
  }

  it.each([0, 1, 50])('that throws after %i rows fails the job', async (rowsBefore) => {
    const out = source.iterable(broken(rowsBefore), { schema: reading }).to(sink.collect());
    const error = await failureOf(out, { batchRows: 7 });
    expect(error.code).toBe('HR_USER_FUNCTION_FAILED');
    expect(error.cause).toBe(cause);
    expect(error.place?.operator).toBe('iterable');
    expect(error.place?.at).toMatch(/functions\.test\.ts:\d+/);
  });

  it('that yields another shape fails the job', async () => {
    const strange = [{ at: 1n, key: 'a', value: 1n }, 'row', null, { at: 1n, key: 'a' }];
    for (const item of strange.slice(1)) {
      const out = source.iterable([strange[0], item] as never[], { schema: reading }).to(sink.collect());
      const error = await failureOf(out);
      expect(error.code, String(item)).toBe('HR_USER_FUNCTION_SHAPE');
      expect(error.place?.operator).toBe('iterable');
    }
  });

  it('that is none fails the job', async () => {
    for (const none of [null, 3, {}]) {
      const error = await failure(async () => {
        await finished(source.iterable(none as never, { schema: reading }).to(sink.collect()));
      });
      expect(error.code).toMatch(/^HR_(OPTION_INVALID|USER_FUNCTION_FAILED|USER_FUNCTION_SHAPE)$/);
      expect(error.place?.at).toMatch(/functions\.test\.ts:\d+/);
    }
  });
});
