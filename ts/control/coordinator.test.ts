/**
 * The coordinator against a simulated engine and store: random interleavings, with faults, of everything that may
 * happen.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Ack, Committable } from '../binding.ts';
import { HeadraceError } from '../errors.ts';
import { initialState, step, wakeAtMs } from './coordinator.ts';
import type {
  BarrierKind,
  CheckpointContent,
  CoordinatorConfig,
  CoordinatorEffect,
  CoordinatorEvent,
  CoordinatorState,
  StoreEffect,
} from './coordinator-state.ts';

const CONFIG: CoordinatorConfig = {
  subtasks: 3,
  sources: 1,
  durable: true,
  everyMs: 100,
  timeoutMs: 1000,
  failuresMax: 0,
  kept: 2,
  written: new Set(),
  first: 1,
};

function committable(subtask: number, checkpoint: number): Committable {
  const final = `part-run-${checkpoint}-${subtask}.parquet`;
  const pending = `${final}.pending`;
  return { uid: 'sink', subtask, folder: 'out', pending, final, rows: 1, bytes: 1, checksum: '' };
}

function ack(checkpoint: number, subtask: number, committables = [committable(subtask, checkpoint)]): Ack {
  const file = { uid: 'op', subtask, part: 'p', file: 'f', bytes: 10, checksum: '' };
  return {
    event: 'ack',
    checkpoint,
    subtask,
    files: [file],
    committables,
    positions: [],
    operators: [{ uid: 'op', name: 'op', subtask, counters: { rowsOut: 10 * checkpoint, watermark: '5' } }],
    frozenMicros: subtask,
  };
}

/** Feeds events one by one and gathers the effects. */
class Driver {
  state: CoordinatorState;
  nowMs = 0;
  constructor(config: Partial<CoordinatorConfig> = {}) {
    this.state = initialState({ ...CONFIG, ...config }, 0);
  }
  send(...events: CoordinatorEvent[]): CoordinatorEffect[] {
    return events.flatMap((event) => {
      const { state, effects } = step(this.state, event, this.nowMs);
      this.state = state;
      return [...effects];
    });
  }
  at(ms: number): CoordinatorEffect[] {
    this.nowMs = ms;
    return this.send({ event: 'tick' });
  }
  acks(checkpoint: number): CoordinatorEffect[] {
    return this.send(ack(checkpoint, 2), ack(checkpoint, 0), ack(checkpoint, 1));
  }
}

const kinds = (effects: readonly CoordinatorEffect[]) => effects.map(({ effect }) => effect);

describe('a checkpoint', () => {
  it('goes trigger, manifest, commit, marker, retire', () => {
    const driver = new Driver();
    expect(wakeAtMs(driver.state)).toBe(100);
    expect(driver.at(99)).toEqual([]);
    expect(driver.at(100)).toEqual([{ effect: 'trigger', checkpoint: 1, kind: 'periodic' }]);
    expect(wakeAtMs(driver.state)).toBe(1100);
    const [write] = driver.acks(1);
    const content = (write as { content: CheckpointContent }).content;
    expect(content.committables.map(({ subtask }) => subtask)).toEqual([0, 1, 2]);
    expect(content.counts).toEqual([{ uid: 'op', counters: { rowsOut: 30 } }]);
    expect(kinds(driver.send({ event: 'manifestWritten', sequence: 7 }))).toEqual(['commit']);
    expect(driver.send({ event: 'committed' })).toEqual([{ effect: 'mark', sequence: 7 }]);
    driver.nowMs = 130;
    expect(driver.send({ event: 'marked' })).toEqual([{ effect: 'retire', keep: 7 }]);
    expect(driver.state.counts).toEqual({
      completed: 1,
      failed: 0,
      retireFailures: 0,
      last: { checkpoint: 1, durationMs: 30, bytes: 30, frozenMicrosMax: 2 },
    });
    // The interval counts from trigger to trigger.
    expect(wakeAtMs(driver.state)).toBe(200);
  });

  it('commits a file without rows only if the sink has had none, on any subtask, in any run', () => {
    const empty = { ...committable(0, 1), rows: 0 };
    const finish = (config: Partial<CoordinatorConfig>, rowsOut: number) => {
      const driver = new Driver({ durable: false, ...config });
      const operators = [{ uid: 'sink', name: 'sink', subtask: 1, counters: { rowsOut } }];
      driver.send({ event: 'exhausted', subtask: 0 }, ack(1, 0, [empty]), { ...ack(1, 1, []), operators });
      return driver.send(ack(1, 2, []));
    };
    const kept = { effect: 'commit', committables: [empty], discarded: [] };
    const discarded = { effect: 'commit', committables: [], discarded: [empty] };
    expect(finish({}, 0)).toEqual([kept]);
    expect(finish({}, 7)).toEqual([discarded]);
    expect(finish({ written: new Set(['sink']) }, 0)).toEqual([discarded]);
    expect(finish({ written: new Set(['another']) }, 0)).toEqual([kept]);
  });

  it('is followed at once by one that fell due meanwhile', () => {
    const driver = new Driver();
    driver.at(100);
    driver.acks(1);
    driver.nowMs = 350;
    driver.send({ event: 'manifestWritten', sequence: 1 }, { event: 'committed' });
    expect(kinds(driver.send({ event: 'marked' }))).toEqual(['retire', 'trigger']);
  });

  it('keeps as many manifests as configured', () => {
    const driver = new Driver();
    const keeps: unknown[] = [];
    for (let checkpoint = 1; checkpoint <= 4; checkpoint++) {
      driver.at(checkpoint * 100);
      driver.acks(checkpoint);
      driver.send({ event: 'manifestWritten', sequence: checkpoint * 10 }, { event: 'committed' });
      keeps.push(...driver.send({ event: 'marked' }));
    }
    expect(keeps).toEqual([10, 10, 20, 30].map((keep) => ({ effect: 'retire', keep })));
  });

  it('without files to commit goes straight to its marker', () => {
    const driver = new Driver({ subtasks: 1 });
    driver.at(100);
    driver.send(ack(1, 0, []));
    expect(kinds(driver.send({ event: 'manifestWritten', sequence: 1 }))).toEqual(['mark']);
  });
});

describe('the end', () => {
  it('of input finishes the checkpoint under way, then takes the final one', () => {
    const driver = new Driver();
    driver.at(100);
    expect(driver.send({ event: 'exhausted', subtask: 0 })).toEqual([]);
    driver.acks(1);
    driver.send({ event: 'manifestWritten', sequence: 1 }, { event: 'committed' });
    expect(driver.send({ event: 'marked' })).toContainEqual({
      effect: 'trigger',
      checkpoint: 2,
      kind: 'final',
    });
    driver.acks(2);
    const finished = [0, 1, 2].map((subtask) => ({ event: 'finished', subtask }) as const);
    expect(driver.send(...finished)).toEqual([]);
    driver.send({ event: 'manifestWritten', sequence: 2 }, { event: 'committed' });
    expect(kinds(driver.send({ event: 'marked' }))).toEqual(['retire', 'resolve']);
    expect(driver.state.outcome).toBe('finished');
  });

  it('waits for every source subtask', () => {
    const driver = new Driver({ sources: 2, everyMs: null });
    expect(driver.send({ event: 'exhausted', subtask: 0 }, { event: 'exhausted', subtask: 0 })).toEqual([]);
    expect(kinds(driver.send({ event: 'exhausted', subtask: 1 }))).toEqual(['trigger']);
  });

  it('by stop() takes a checkpoint; with drain it is the final one', () => {
    const stop = new Driver();
    expect(stop.send({ event: 'stopRequested', drain: false })).toMatchObject([{ kind: 'stop' }]);
    const drain = new Driver();
    expect(drain.send({ event: 'stopRequested', drain: true })).toMatchObject([{ kind: 'final' }]);
  });

  it('without checkpoints commits without a manifest', () => {
    const driver = new Driver({ durable: false, everyMs: null });
    expect(wakeAtMs(driver.state)).toBeNull();
    driver.send({ event: 'exhausted', subtask: 0 });
    expect(kinds(driver.acks(1))).toEqual(['commit']);
    expect(driver.send({ event: 'committed' })).toEqual([]);
    const finished = [0, 1, 2].map((subtask) => ({ event: 'finished', subtask }) as const);
    expect(driver.send(...finished)).toEqual([{ effect: 'resolve', outcome: 'finished' }]);
  });

  it('by cancel() takes none, but what is durable is still committed', () => {
    const early = new Driver();
    early.at(100);
    expect(kinds(early.send({ event: 'cancelRequested' }))).toEqual(['cancel', 'fail']);
    const late = new Driver();
    late.at(100);
    late.acks(1);
    expect(kinds(late.send({ event: 'cancelRequested' }))).toEqual(['cancel']);
    expect(kinds(late.send({ event: 'manifestWritten', sequence: 1 }))).toEqual(['commit']);
    late.send({ event: 'committed' });
    const [fail] = late.send({ event: 'marked' });
    expect(fail).toMatchObject({ effect: 'fail', error: { code: 'HR_CANCELLED' } });
  });
});

describe('a failing checkpoint', () => {
  const diskFull = { code: 'HR_IO', message: 'No space left on device.' };

  it('fails the job when none is tolerated', () => {
    const driver = new Driver();
    driver.at(100);
    const effects = driver.send({ event: 'declined', checkpoint: 1, subtask: 2, error: diskFull });
    expect(kinds(effects)).toEqual(['cancel', 'fail']);
    const { error } = effects[1] as { error: HeadraceError };
    expect(error.code).toBe('HR_CHECKPOINT_FAILED');
    expect(error.message).toMatch(/Checkpoint 1 .* subtask 2: No space left on device/);
    expect(error.hint).toMatch(/last completed checkpoint/);
  });

  it('by timeout names how many did not answer', () => {
    const driver = new Driver();
    driver.at(100);
    driver.send(ack(1, 0));
    expect(driver.at(1099)).toEqual([]);
    const effects = driver.at(1100);
    expect(effects[1]).toMatchObject({ error: { code: 'HR_CHECKPOINT_FAILED' } });
    expect((effects[1] as { error: HeadraceError }).error.message).toContain('2 of 3');
  });

  it('that is tolerated hands its files to the next one, late answers included', () => {
    const driver = new Driver({ failuresMax: 2 });
    driver.at(100);
    driver.send(ack(1, 0), ack(1, 1));
    // The next barrier waits for the last answer; each time limit that passes is one more failure.
    expect(driver.at(1100)).toEqual([]);
    expect(driver.at(2100)).toEqual([]);
    expect(driver.state.failures).toBe(2);
    expect(driver.send(ack(1, 2))).toEqual([{ effect: 'trigger', checkpoint: 2, kind: 'periodic' }]);
    const [write] = driver.acks(2);
    const { content } = write as { content: CheckpointContent };
    const expected = [1, 2].flatMap((checkpoint) =>
      [0, 1, 2].map((subtask) => committable(subtask, checkpoint)),
    );
    expect(content.committables).toEqual(expected);
  });

  it('fails the job when an operator declined, even late and although failures are tolerated', () => {
    const driver = new Driver({ failuresMax: 100 });
    driver.at(100);
    driver.send(ack(1, 0), ack(1, 1));
    driver.at(1100);
    const effects = driver.send({ event: 'declined', checkpoint: 1, subtask: 2, error: diskFull });
    expect(kinds(effects)).toEqual(['cancel', 'fail']);
  });

  it('does not fail the job when only the removal of old files failed', () => {
    const driver = new Driver();
    expect(driver.send({ event: 'storeFailed', effect: 'retire', error: diskFull })).toEqual([]);
    expect(driver.state.counts.retireFailures).toBe(1);
  });

  it('fails at once when the run is fenced, however many failures are tolerated', () => {
    const driver = new Driver({ failuresMax: 100 });
    driver.at(100);
    driver.acks(1);
    const error = { code: 'HR_FENCED', message: 'A newer run has taken over.' };
    const effects = driver.send({ event: 'storeFailed', effect: 'writeManifest', error });
    expect(kinds(effects)).toEqual(['cancel', 'fail']);
    expect(effects[1]).toMatchObject({ error: { code: 'HR_FENCED' } });
  });
});

/** A simulated engine and store. `choose` picks among what may happen next. */
class World {
  readonly driver: Driver;
  readonly config: CoordinatorConfig;
  /** Barriers that each subtask has still to answer. */
  readonly barriers: { checkpoint: number; kind: BarrierKind }[][];
  readonly events: CoordinatorEvent[] = [];
  readonly store: StoreEffect[] = [];
  readonly exhausted = new Set<number>();
  readonly prepared = new Map<string, number>();
  readonly durable = new Set<string>();
  readonly committed = new Map<string, number>();
  readonly ends: CoordinatorEffect[] = [];
  manifests = 0;
  cancelled = false;

  constructor(config: CoordinatorConfig) {
    this.config = config;
    this.driver = new Driver(config);
    this.barriers = Array.from({ length: config.subtasks }, () => []);
  }

  /** Everything that may happen now; `faults` says whether faults may. */
  moves(faults: boolean): (() => void)[] {
    const moves: (() => void)[] = [];
    if (this.events.length > 0) moves.push(() => this.deliver(this.events.shift() as CoordinatorEvent));
    this.barriers.forEach((queue, subtask) => {
      if (queue.length === 0 || this.cancelled) return;
      moves.push(() => this.answer(subtask, false));
      if (faults) moves.push(() => this.answer(subtask, true));
    });
    const [effect] = this.store;
    if (effect !== undefined) {
      moves.push(() => this.perform(effect));
      if (faults) moves.push(() => this.breakStore(effect));
    }
    for (let source = 0; source < this.config.sources && !this.cancelled; source++) {
      if (!this.exhausted.has(source)) moves.push(() => this.exhaust(source));
    }
    if (wakeAtMs(this.driver.state) !== null) moves.push(() => this.wait());
    if (faults) {
      moves.push(() => this.deliver({ event: 'stopRequested', drain: this.manifests % 2 === 1 }));
      if (this.manifests > 2) moves.push(() => this.deliver({ event: 'cancelRequested' }));
    }
    return moves;
  }

  wait(): void {
    const at = wakeAtMs(this.driver.state) as number;
    // A timeout while subtasks could still answer is a fault; without faults they are given the time.
    this.driver.nowMs = Math.max(this.driver.nowMs, at);
    this.deliver({ event: 'tick' });
  }

  exhaust(source: number): void {
    this.exhausted.add(source);
    this.events.push({ event: 'exhausted', subtask: source });
  }

  answer(subtask: number, declines: boolean): void {
    const barrier = this.barriers[subtask]?.shift();
    if (barrier === undefined) throw new Error(`subtask ${subtask} has no barrier to answer`);
    const { checkpoint, kind } = barrier;
    const file = committable(subtask, checkpoint);
    this.prepared.set(file.final, checkpoint);
    if (declines) {
      this.events.push({
        event: 'declined',
        checkpoint,
        subtask,
        error: { code: 'HR_IO', message: 'disk full' },
      });
      return;
    }
    this.events.push(ack(checkpoint, subtask, [file]));
    if (kind !== 'periodic') this.events.push({ event: 'finished', subtask });
  }

  perform(effect: StoreEffect): void {
    this.store.shift();
    if (effect.effect === 'writeManifest') {
      for (const { final } of effect.content.committables) this.durable.add(final);
      this.events.push({ event: 'manifestWritten', sequence: ++this.manifests });
    } else if (effect.effect === 'commit') {
      for (const { final } of effect.committables)
        this.committed.set(final, (this.committed.get(final) ?? 0) + 1);
      this.events.push({ event: 'committed' });
    } else if (effect.effect === 'mark') this.events.push({ event: 'marked' });
  }

  breakStore(effect: StoreEffect): void {
    this.store.shift();
    this.events.push({
      event: 'storeFailed',
      effect: effect.effect,
      error: { code: 'HR_IO', message: 'disk full' },
    });
  }

  deliver(event: CoordinatorEvent): void {
    for (const effect of this.driver.send(event)) this.take(effect);
  }

  take(effect: CoordinatorEffect): void {
    expect(this.ends, 'nothing follows the end').toEqual([]);
    switch (effect.effect) {
      case 'trigger':
        expect(this.barriers.flat(), 'one checkpoint at a time').toEqual([]);
        for (const queue of this.barriers) queue.push({ checkpoint: effect.checkpoint, kind: effect.kind });
        break;
      case 'cancel':
        this.cancelled = true;
        for (const queue of this.barriers) queue.length = 0;
        break;
      case 'resolve':
      case 'fail':
        this.ends.push(effect);
        break;
      case 'commit':
        if (this.config.durable) {
          for (const { final } of effect.committables) expect(this.durable, 'durable first').toContain(final);
        }
        this.store.push(effect);
        break;
      default:
        this.store.push(effect);
    }
  }
}

const worlds = fc.record({
  subtasks: fc.integer({ min: 1, max: 4 }),
  durable: fc.boolean(),
  failuresMax: fc.constantFrom(0, 0, 1, 3),
  periodic: fc.boolean(),
});

describe('in every interleaving', () => {
  it('nothing is committed before it is durable, everything exactly once, and the job ends', () => {
    fc.assert(
      fc.property(
        worlds,
        fc.array(fc.nat(), { maxLength: 400 }),
        fc.nat(200),
        (shape, choices, faultsEnd) => {
          const { subtasks, durable, failuresMax, periodic } = shape;
          const everyMs = durable && periodic ? 100 : null;
          const world = new World({ ...CONFIG, subtasks, durable, failuresMax, everyMs });
          choices.forEach((choice, index) => {
            const moves = world.moves(index < faultsEnd);
            if (world.ends.length === 0) moves[choice % moves.length]?.();
          });
          // Progress: with no more faults and in a fair order the job ends within a few rounds.
          for (let round = 0; round < 400 && world.ends.length === 0; round++) world.moves(false)[0]?.();
          expect(world.ends).toHaveLength(1);
          const [end] = world.ends;
          const counts = [...world.committed.values()];
          expect(counts.every((count) => count === 1)).toBe(true);
          if (end?.effect === 'resolve') {
            expect([...world.committed.keys()].sort()).toEqual([...world.prepared.keys()].sort());
          } else {
            expect((end as { error: unknown }).error).toBeInstanceOf(HeadraceError);
          }
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('without faults every job finishes', () => {
    fc.assert(
      fc.property(worlds, fc.array(fc.nat(), { maxLength: 200 }), (shape, choices) => {
        const { subtasks, durable, periodic } = shape;
        const config = {
          ...CONFIG,
          subtasks,
          durable,
          everyMs: durable && periodic ? 100 : null,
          timeoutMs: 1e12,
        };
        const world = new World(config);
        for (const choice of choices) {
          const moves = world.moves(false).filter(() => world.ends.length === 0);
          // The clock is not let run while somebody could still answer.
          moves[choice % Math.max(moves.length - 1, 1)]?.();
        }
        for (let round = 0; round < 400 && world.ends.length === 0; round++) world.moves(false)[0]?.();
        expect(world.ends).toEqual([{ effect: 'resolve', outcome: 'finished' }]);
        expect([...world.committed.keys()].sort()).toEqual([...world.prepared.keys()].sort());
      }),
      { numRuns: 1000 },
    );
  });
});
