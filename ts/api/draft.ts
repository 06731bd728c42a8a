/** The operators of a pipeline while it is built: immutable, each pointing at its inputs. `plan/lower.ts` numbers them. */
import type { Host, HostTable } from '../control/hosts.ts';
import type { Field, Op } from '../plan/generated.ts';
import type { ColumnInfo } from './columns.ts';

/** One operator. */
export interface Draft {
  /** The operator as the plan writes it; its `host` or `table` number is assigned when the plan is lowered. */
  readonly op: Op;
  /** The name for people. */
  readonly name: string;
  /** The user's file and line. */
  readonly at: string | null;
  /** The id that the user gave. */
  readonly uid: string | undefined;
  readonly inputs: readonly Edge[];
  /** The columns of the main output. */
  readonly columns: readonly ColumnInfo[];
  /** The event-time column of the main output, which may have been dropped; null without event time. */
  readonly eventTime: string | null;
  /** Whether the main output updates results that it sent earlier. */
  readonly updates: boolean;
  /** Makes the host behind the operator, once the columns of its input are known. */
  readonly host?: (input: readonly Field[]) => Host;
  /** The rows behind a source in memory. */
  readonly rows?: HostTable;
  /** The name under which a window's late rows are bound. */
  readonly late?: string;
}

/** An output of an operator: port 0 is the main one, port 1 a window's late rows. */
export interface Edge {
  readonly draft: Draft;
  readonly port: 0 | 1;
}

/** What travels along an edge. */
export interface EdgeShape {
  readonly columns: readonly ColumnInfo[];
  readonly eventTime: string | null;
  readonly updates: boolean;
}

/** The column that late rows have besides those of the window's input: how late they are, in µs. */
const LATENESS: Field = { name: 'lateness', data: { type: 'i64' }, nullable: false };

/** What travels along an edge. */
export function shapeOf({ draft, port }: Edge): EdgeShape {
  const input = draft.inputs[0];
  if (port === 0 || input === undefined) return draft;
  const { columns, eventTime, updates } = shapeOf(input);
  return { columns: [...columns, LATENESS], eventTime, updates };
}
