/** Where streams end: sinks, and the outputs that they become on a stream. */
import { HeadraceError } from '../errors.ts';
import type { Op } from '../plan/generated.ts';
import type { Draft, Edge } from './draft.ts';
import { operator } from './operators.ts';

/**
 * Whether a sink takes results only (`append`), or also their later corrections (`changelog`): then each row has a
 * first column `op`, which is `+I`, `-U`, `+U` or `-D`.
 */
export type SinkMode = 'append' | 'changelog';

/** Options that all sinks have. */
export interface SinkOptions<M extends SinkMode = SinkMode> {
  readonly mode?: M;
}

/** The first column of a changelog. */
export type RowKind = '+I' | '-U' | '+U' | '-D';

/** The rows that a sink in mode `M` sees of a stream of rows `R`. */
export type InMode<R extends object, M extends SinkMode> = M extends 'changelog' ? { op: RowKind } & R : R;

/** A place for rows `R`; on a stream it becomes an `H`, which `run()` takes. */
export interface Sink<R extends object, H> {
  /** For the type checker only: a sink of some columns takes a stream that has more. */
  readonly '~takes'?: (row: R) => void;
  /** Ends a stream here; `to()` calls it. */
  readonly attach: (input: Edge) => H;
}

/** A stream that ends in a sink: what `run()` takes. */
export class Output {
  /** The sink as an operator. */
  readonly draft: Draft;

  constructor(draft: Draft) {
    this.draft = draft;
  }
}

/** Ends a stream in a sink. */
export function output<H>(edge: Edge, sink: Sink<never, H>): H {
  if (typeof sink?.attach !== 'function') {
    throw new HeadraceError('HR_OPTION_INVALID', 'to() takes a sink, such as sink.parquet(path).');
  }
  return sink.attach(edge);
}

/** What a sink adds to the plan. */
export interface SinkPart {
  readonly name: string;
  readonly op: Op;
  readonly host?: NonNullable<Draft['host']>;
}

/** A sink as an operator. `changelog` is undefined for a sink that does not mind updates. */
export function sinkDraft(input: Edge, part: SinkPart, changelog: boolean | undefined): Draft {
  return operator(part.name, [input], ({ columns, updates }) => {
    if (updates && changelog === false) {
      throw new HeadraceError(
        'HR_APPEND_ONLY_SINK',
        'The stream updates its results, and the sink only appends.',
        {
          hint: "Use { mode: 'changelog' } on the sink, or leave `lateness` out of the window.",
        },
      );
    }
    if (changelog === true && columns.some((column) => column.name === 'op')) {
      throw new HeadraceError(
        'HR_PLAN_INVALID',
        "A changelog has a column 'op' of its own; the stream has one too.",
        {
          hint: "Rename it: .rename({ op: 'operation' }).",
        },
      );
    }
    return part;
  });
}
