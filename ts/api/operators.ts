/** What the methods of a stream do: each takes outputs of earlier operators and yields a new operator. */
import { HeadraceError, isHeadraceError } from '../errors.ts';
import { callSite } from '../plan/call-site.ts';
import type { Op } from '../plan/generated.ts';
import {
  type ColumnInfo,
  checkDistinct,
  checkedExpression,
  checkedObject,
  checkNames,
  columnsObject,
} from './columns.ts';
import { type Draft, type Edge, type EdgeShape, shapeOf } from './draft.ts';
import { type DurationInput, formatMicros } from './duration.ts';
import { columnNamed, type Expression, operand } from './expression.ts';
import { notNegative, positive } from './window.ts';

type Callback = (f: never) => unknown;

/** What an operator adds to, or changes of, its input. */
type Change = Pick<Draft, 'op' | 'name'> &
  Partial<Pick<Draft, 'columns' | 'eventTime' | 'updates' | 'host' | 'late'>>;

/** An operator behind `inputs`; errors of `build`, the user's callbacks included, name it and the user's line. */
export function operator(
  operatorName: string,
  inputs: readonly Edge[],
  build: (input: EdgeShape) => Change,
): Draft {
  const at = callSite();
  return placed(operatorName, at, () => {
    const [first] = inputs;
    const input: EdgeShape =
      first === undefined ? { columns: [], eventTime: null, updates: false } : shapeOf(first);
    const {
      columns = input.columns,
      eventTime = input.eventTime,
      updates = input.updates,
      ...rest
    } = build(input);
    checkDistinct(columns.map((column) => column.name));
    return { at, uid: undefined, inputs, columns, eventTime, updates, ...rest };
  });
}

/** Runs `build`; an error of ours that it throws names the operator and the user's line. */
export function placed<T>(operatorName: string, at: string | null, build: () => T): T {
  try {
    return build();
  } catch (error) {
    if (!isHeadraceError(error) || error.place !== undefined) throw error;
    const place = { operator: operatorName, ...(at === null ? {} : { at }) };
    throw new HeadraceError(error.code, error.summary, { hint: error.hint, place, cause: error.cause });
  }
}

export function filter(input: Edge, predicate: Callback): Draft {
  return operator('filter', [input], ({ columns }) => {
    const result = predicate(columnsObject(columns));
    const value = typeof result === 'boolean' ? operand(result, undefined) : result;
    const test = checkedExpression(value, columns, 'The predicate');
    return { op: { op: 'filter', predicate: test.node }, name: 'filter' };
  });
}

export function select(input: Edge, columns: Callback): Draft {
  return operator('select', [input], (shape) =>
    selection('select', shape, Object.entries(evaluated(columns, shape.columns))),
  );
}

export function withColumns(input: Edge, columns: Callback): Draft {
  return operator('withColumns', [input], (shape) => {
    const added = evaluated(columns, shape.columns);
    const kept = shape.columns.filter(({ name }) => !Object.hasOwn(added, name));
    return selection('withColumns', shape, [...kept.map(identity), ...Object.entries(added)]);
  });
}

export function drop(input: Edge, names: readonly string[]): Draft {
  return operator('drop', [input], (shape) => {
    checkNames(names, shape.columns);
    const kept = shape.columns.filter(({ name }) => !names.includes(name));
    return selection('drop', shape, kept.map(identity));
  });
}

export function rename(input: Edge, names: Readonly<Record<string, string>>): Draft {
  return operator('rename', [input], (shape) => {
    checkNames(Object.keys(names), shape.columns);
    const renamed = shape.columns.map((column): [string, Expression] => {
      const name = Object.hasOwn(names, column.name) ? names[column.name] : undefined;
      return [name ?? column.name, columnNamed(column.name, column.data)];
    });
    return selection('rename', shape, renamed);
  });
}

function evaluated(columns: Callback, available: readonly ColumnInfo[]): Record<string, unknown> {
  return checkedObject(columns(columnsObject(available) as never));
}

function identity({ name, data }: ColumnInfo): [string, Expression] {
  return [name, columnNamed(name, data)];
}

// Written over, event time is lost; dropped, it travels on unseen.
function selection(name: string, { columns, eventTime }: EdgeShape, entries: [string, unknown][]): Change {
  if (entries.length === 0) throw new HeadraceError('HR_PLAN_INVALID', 'No column would be left.');
  const named = entries.map(([column, value]) => ({
    name: column,
    ...checkedExpression(value, columns, `Column '${column}'`),
  }));
  const time = named.find((column) => column.name === eventTime)?.node;
  const kept = time?.kind === 'column' && time.name === eventTime;
  return {
    op: { op: 'select', columns: named.map((column) => ({ name: column.name, expr: column.node })) },
    name,
    columns: named.map((column) => ({ name: column.name, data: column.data })),
    eventTime: time === undefined || kept ? eventTime : null,
  };
}

export function union(inputs: readonly Edge[]): Draft {
  const [first, ...others] = inputs.map(shapeOf);
  const names = first?.columns.map((column) => column.name) ?? [];
  const aligned = inputs.map((input, index) => (index === 0 ? input : inOrderOfNames(input, names)));
  return operator('union', aligned, ({ eventTime, updates }) => ({
    op: { op: 'union' },
    name: 'union',
    eventTime: others.every((other) => other.eventTime === eventTime) ? eventTime : null,
    updates: others.some((other) => other.updates) || updates,
  }));
}

// The engine joins columns by place, the user by name.
function inOrderOfNames(input: Edge, names: readonly string[]): Edge {
  const { columns } = shapeOf(input);
  const own = columns.map((column) => column.name);
  if (own.join('\n') === names.join('\n')) return input;
  return placed('union', callSite(), () => {
    if ([...own].sort().join('\n') !== [...names].sort().join('\n')) {
      throw new HeadraceError(
        'HR_PLAN_INVALID',
        `Columns ${own.join(', ')} are joined to ${names.join(', ')}.`,
        {
          hint: 'The streams of a union have the same columns; bring them into line with select().',
        },
      );
    }
    const draft = select(input, (f: Record<string, unknown>) =>
      Object.fromEntries(names.map((name) => [name, f[name]])),
    );
    return { draft, port: 0 };
  });
}

export function inOrderOf(input: Edge, by: string | Callback): Draft {
  return operator('inOrderOf', [input], ({ columns }) => {
    const f = columnsObject<Record<string, unknown>>(columns);
    const key = typeof by === 'string' ? f[by] : by(f as never);
    const { node } = checkedExpression(key, columns, 'The order');
    const name = node.kind === 'column' ? `inOrderOf(${node.name})` : 'inOrderOf';
    return { op: { op: 'inOrderOf', by: node }, name };
  });
}

/** How event time and its watermark are chosen. */
export interface WatermarkOptions {
  /**
   * How far the watermark stays behind the largest event time seen: rows that come out of order by no more than this are
   * never late. A larger lag means fewer late rows and later results.
   */
  readonly lag: DurationInput;
  /** After how long without rows a partition no longer holds the others back. Never by default. */
  readonly idle?: DurationInput;
  /** A row further than this ahead of the largest event time does not move the watermark, and is counted. */
  readonly maxAhead?: DurationInput;
}

export function watermark(input: Edge, column: string, options: WatermarkOptions): Draft {
  return operator(`watermark(${column})`, [input], ({ columns }) => {
    checkNames([column], columns);
    const type = columns.find(({ name }) => name === column)?.data?.type;
    if (type !== undefined && type !== 'timestamp') {
      throw new HeadraceError('HR_TYPE_MISMATCH', `Event time is a timestamp; '${column}' is ${type}.`);
    }
    const op: Op = {
      op: 'watermark',
      column,
      lag: notNegative('lag', options.lag),
      idle: options.idle === undefined ? null : positive('idle time', options.idle),
      maxAhead: options.maxAhead === undefined ? null : positive('maxAhead', options.maxAhead),
    };
    return { op, name: `watermark(${column}, ${formatMicros(op.lag)})`, eventTime: column };
  });
}

/** Throws `HR_UNKNOWN_COLUMN` unless all keys are columns, and `HR_PLAN_INVALID` for a key that stands twice. */
export function checkKeys(input: Edge, keys: readonly string[]): void {
  placed('keyBy', callSite(), () => {
    checkNames(keys, shapeOf(input).columns);
    checkDistinct(keys);
  });
}

/** The same operator under an id of the user's. Throws `HR_OPTION_INVALID` for an empty id. */
export function withUid(draft: Draft, uid: string): Draft {
  if (typeof uid === 'string' && uid !== '') return { ...draft, uid };
  throw new HeadraceError('HR_OPTION_INVALID', 'A uid is a text that is not empty.');
}

/** The window behind a late output. Throws `HR_PLAN_INVALID` if its late rows have another name, or none. */
export function lateOutput(draft: Draft, name: string): Draft {
  return placed(`sideOutput(${name})`, callSite(), () => {
    if (draft.late !== name) {
      const named =
        draft.late === undefined ? 'The window names no late rows.' : `The late rows are '${draft.late}'.`;
      throw new HeadraceError('HR_PLAN_INVALID', `There is no side output '${name}'. ${named}`, {
        hint: `Name them in the window: .window(…, { late: '${name}' }).`,
      });
    }
    checkDistinct(shapeOf({ draft, port: 1 }).columns.map((column) => column.name));
    return draft;
  });
}
