/** JavaScript functions as operators: `map` and `flatMap`, by row and by batch. */
import type { Batch } from '../arrow/batch.ts';
import type { ForeignArrow, HostMap } from '../control/hosts.ts';
import { HeadraceError } from '../errors.ts';
import type { HostMapMode } from '../plan/generated.ts';
import type { Draft, Edge } from './draft.ts';
import type { DurationInput } from './duration.ts';
import { operator } from './operators.ts';
import type { InputRowOf, RowOfSchema, Schema } from './schema.ts';
import { fieldsOf, type SchemaOf, type Types } from './types.ts';
import { positive } from './window.ts';

/** How a JavaScript function is called. */
export interface MapOptions<T extends Types> {
  /** The columns it returns. */
  readonly schema: T;
  /** How long an answer may take before the job fails with `HR_USER_FUNCTION_TIMEOUT`; 30 s by default. */
  readonly timeout?: DurationInput;
  /** How many batches of a subtask may be with the function at once; 1 by default. Results keep their order. */
  readonly inFlight?: number;
}

/** A value, or a promise of it. */
export type Awaitable<V> = V | Promise<V>;

/** Rows that a function returns for a batch: row objects, a batch, Arrow data, or an array of values per column. */
export type RowsOf<S extends Schema> =
  | readonly InputRowOf<S>[]
  | Batch<RowOfSchema<S>>
  | ForeignArrow
  | { readonly [C in keyof S]: ArrayLike<S[C]['~input']> };

/** What a flat map returns for a batch. */
export interface FlatRowsOf<S extends Schema> {
  readonly rows: RowsOf<S>;
  /** For each row the number of the input row that it came from, never descending. */
  readonly parents: ArrayLike<number>;
}

/** The functions that the four operators take. */
export interface MapFunctions<S extends Schema, T extends Types> {
  map: (row: RowOfSchema<S>) => Awaitable<InputRowOf<SchemaOf<T>>>;
  flatMap: (row: RowOfSchema<S>) => Awaitable<Iterable<InputRowOf<SchemaOf<T>>>>;
  mapBatches: (batch: Batch<RowOfSchema<S>>) => Awaitable<RowsOf<SchemaOf<T>>>;
  flatMapBatches: (batch: Batch<RowOfSchema<S>>) => Awaitable<FlatRowsOf<SchemaOf<T>>>;
}

const TIMEOUT_DEFAULT = '30s';
const IN_FLIGHT_DEFAULT = 1;
const IN_FLIGHT_MAX = 1024;
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/** A function of the user as an operator. */
export function hostMap(
  input: Edge,
  form: HostMap['form'],
  mode: HostMapMode,
  call: (input: never) => unknown,
  options: MapOptions<Types>,
): Draft {
  const name = form === 'row' ? mode : `${mode}Batches`;
  return operator(name, [input], () => {
    if (typeof call !== 'function')
      throw new HeadraceError('HR_OPTION_INVALID', `${name}() takes a function.`);
    const inFlight = options.inFlight ?? IN_FLIGHT_DEFAULT;
    if (!Number.isInteger(inFlight) || inFlight < 1 || inFlight > IN_FLIGHT_MAX) {
      throw new HeadraceError(
        'HR_OPTION_INVALID',
        `inFlight is ${inFlight}; it is from 1 to ${IN_FLIGHT_MAX}.`,
      );
    }
    const timeout = Math.ceil(positive('timeout', options.timeout ?? TIMEOUT_DEFAULT) / 1000);
    const timeoutMs = Math.min(timeout, TIMEOUT_MS_MAX);
    const output = fieldsOf(options.schema);
    return {
      op: { op: 'hostMap', host: 0, schema: output, mode, timeoutMs, inFlight },
      name: call.name === '' ? name : `${name}(${call.name})`,
      columns: output,
      host: (fields) =>
        ({ kind: 'map', input: fields, output, timeoutMs, inFlight, form, mode, call }) as unknown as HostMap,
    };
  });
}
