/** From keys to windows to aggregates. */
import { HeadraceError } from '../errors.ts';
import type { AnyAggregate } from './aggregates.ts';
import { Aggregate } from './aggregates.ts';
import type { ColumnInfo } from './columns.ts';
import { checkColumnsOf, checkedExpression, checkedObject, checkNames, columnsObject } from './columns.ts';
import type { Draft, Edge } from './draft.ts';
import { shapeOf } from './draft.ts';
import type { DurationInput } from './duration.ts';
import { describe } from './literal.ts';
import { operator } from './operators.ts';
import { notNegative, type WindowSpec } from './window.ts';

// Results have the event time window_end − 1 µs, so this column stands for it.
const WINDOW_END = 'window_end';

/** What happens to late rows of a window. */
export interface LateOptions<Late extends string = never> {
  /** A name for the rows that are late for all their windows; bind it with `.sideOutput(name)`, or they are counted. */
  readonly late?: Late;
  /**
   * How much longer late rows still correct results. Above zero the stream updates: each correction withdraws a result
   * and sends a new one, which needs a sink in changelog mode. Zero by default.
   */
  readonly lateness?: DurationInput;
}

/** Keys and a window, waiting for aggregates. */
export interface WindowRequest {
  readonly input: Edge;
  readonly keys: readonly string[];
  readonly spec: WindowSpec;
  readonly lateness: number;
  readonly late: string | undefined;
}

/** Checks keys and options, and that there is event time. */
export function windowRequest(
  input: Edge,
  keys: readonly string[],
  spec: WindowSpec,
  options: LateOptions<string>,
): WindowRequest {
  const shape = shapeOf(input);
  checkNames(keys, shape.columns);
  if (shape.eventTime === null) {
    throw new HeadraceError('HR_NO_EVENT_TIME', 'The window stands on a stream without event time.', {
      hint: 'Call .watermark(column, { lag }) before it; writing over the column clears event time.',
    });
  }
  const lateness = notNegative('lateness', options.lateness ?? '0s');
  return { input, keys, spec, lateness, late: options.late };
}

/** The aggregation by key and window. */
export function aggregate(request: WindowRequest, results: (f: never) => unknown): Draft {
  const { input, keys, spec, lateness, late } = request;
  return operator(`window(${spec.name})`, [input], ({ columns, updates }) => {
    const aggregates = namedAggregates(checkedObject(results(columnsObject(columns) as never)), columns);
    const timestamp = { type: 'timestamp' } as const;
    return {
      op: {
        op: 'window',
        keys: [...keys],
        size: spec.size,
        slide: spec.slide,
        offset: spec.offset,
        lateness,
        aggregates: aggregates.map(({ name, value }) => ({
          name,
          function: value.function,
          filter: value.condition?.node ?? null,
        })),
      },
      name: `window(${spec.name})`,
      columns: [
        ...keys.map((key) => columns.find(({ name }) => name === key) ?? { name: key, data: undefined }),
        { name: 'window_start', data: timestamp },
        { name: WINDOW_END, data: timestamp },
        ...aggregates.map(({ name, value }) => ({ name, data: value.data })),
      ],
      eventTime: WINDOW_END,
      updates: updates || lateness > 0,
      ...(late === undefined ? {} : { late }),
    };
  });
}

function namedAggregates(
  results: Record<string, unknown>,
  columns: readonly ColumnInfo[],
): { name: string; value: AnyAggregate }[] {
  return Object.entries(results).map(([name, value]) => {
    if (!(value instanceof Aggregate)) {
      throw new HeadraceError('HR_TYPE_MISMATCH', `'${name}' is not an aggregate: ${describe(value)}.`, {
        hint: 'Use count(), sum(f.x), avg(f.x) and the like; keys are in the result anyway.',
      });
    }
    const arg = 'arg' in value.function ? value.function.arg : null;
    if (arg !== null) checkColumnsOf(arg, columns);
    if (value.condition !== undefined) checkedExpression(value.condition, columns, 'The filter');
    return { name, value };
  });
}
