/** What a step of an engine takes: its runs in the model, and its own work beside them. */
import type { EngineEvent } from '../engine/engine-event.ts';
import { BLOCK_TOKENS } from '../import/shape.ts';
import { type CostCoefficients, type CostSample, fitRunCost, runCost } from '../scheduler/cost.ts';
import { leastDeviations } from '../scheduler/least-squares.ts';

/** Milliseconds of our own: scheduling, block manager, copying, choosing, detokenising. */
export interface OwnCoefficients {
  /** Of every run. */
  readonly run: number;
  /** Of every row. */
  readonly row: number;
  /** Of every further new token of a row, padding included. Prompts write to memory that was never used, which takes longer. */
  readonly token: number;
}

export interface StepTimes {
  readonly run: CostCoefficients;
  readonly own: OwnCoefficients;
}

/** Our own time that belongs to a run. */
export function ownTime({ run, row, token }: OwnCoefficients, rows: number, width: number): number {
  return run + rows * (row + token * (width - 1));
}

/** The runs in an event log. */
export function runSamples(events: readonly EngineEvent[]): CostSample[] {
  return events.flatMap((event) =>
    event.kind === 'run'
      ? [{ rows: event.rows, width: event.width, context: event.blocks * BLOCK_TOKENS, ms: event.ms }]
      : [],
  );
}

/**
 * Fits both parts to what an engine measured of itself: least deviations tell runs apart, however slow some of them were, and
 * then each part is made as long in all as it was measured, because requests wait for sums of steps, slow ones included. The runs
 * should be like those that are to be predicted. Throws `HR_OPTION_INVALID` if there are none.
 */
export function fitStepTimes(events: readonly EngineEvent[]): StepTimes {
  const runs = runSamples(events);
  const run = fitRunCost(runs);
  const runLevel = level(
    runs.map(({ ms }) => ms),
    runs.map(({ rows, width, context }) => runCost(run)(rows, width, context)),
  );
  const { parts, measured } = ownSamples(events);
  const own = parts.length > 0 ? leastDeviations(parts, measured) : [];
  const ownLevel = level(
    measured,
    parts.map((part) => total(part.map((count, at) => count * (own[at] as number)))),
  );
  const [perRun = 0, row = 0, token = 0] = own.map((value) => value * ownLevel);
  return {
    run: {
      ...{ run: run.run * runLevel, token: run.token * runLevel },
      ...{ pair: run.pair * runLevel, read: run.read * runLevel },
    },
    own: { run: perRun, row, token },
  };
}

/** Of each step its runs, their rows and the further tokens of these; and what it took besides. */
function ownSamples(events: readonly EngineEvent[]): { parts: number[][]; measured: number[] } {
  const parts: number[][] = [];
  const measured: number[] = [];
  let [runs, rows, tokens] = [0, 0, 0];
  for (const event of events) {
    if (event.kind === 'run') {
      runs++;
      rows += event.rows;
      tokens += event.rows * (event.width - 1);
    } else if (event.kind === 'step') {
      if (event.ownMs > 0) {
        parts.push([runs, rows, tokens]);
        measured.push(event.ownMs);
      }
      [runs, rows, tokens] = [0, 0, 0];
    }
  }
  return { parts, measured };
}

/** How many times as much was measured as was expected, in all. */
function level(measured: readonly number[], expected: readonly number[]): number {
  return total(measured) / total(expected) || 1;
}

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
