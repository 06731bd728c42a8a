/** What a step of an engine takes: its runs in the model, and its own work beside them. */
import type { EngineEvent } from '../engine/engine-event.ts';
import { BLOCK_TOKENS } from '../import/shape.ts';
import { type CostCoefficients, type CostSample, fitRunCost } from '../scheduler/cost.ts';
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
 * Fits both parts to what an engine measured of itself. The runs should be like those that are to be predicted. Throws
 * `HR_OPTION_INVALID` if there are none.
 */
export function fitStepTimes(events: readonly EngineEvent[]): StepTimes {
  const runs = runSamples(events);
  const run = fitRunCost(runs);
  const parts: number[][] = [];
  const measured: number[] = [];
  let step = [0, 0, 0];
  for (const event of events) {
    if (event.kind === 'run') {
      const { rows, width } = event;
      step = step.map((sum, at) => sum + ([1, rows, rows * (width - 1)][at] as number));
    } else if (event.kind === 'step') {
      if (event.ownMs > 0) {
        parts.push(step);
        measured.push(event.ownMs);
      }
      step = [0, 0, 0];
    }
  }
  const [perRun = 0, row = 0, token = 0] = parts.length > 0 ? leastDeviations(parts, measured) : [];
  return { run, own: { run: perRun, row, token } };
}
