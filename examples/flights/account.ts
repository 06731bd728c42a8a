/** Where the rows went: nothing disappears without being counted. */
import type { JobMetrics } from '../../ts/index.ts';

/** What became of the rows that the job read, over all its runs, for one of the two tables. */
export interface RowAccount {
  readonly read: number;
  readonly inSomeWindow: number;
  /** Of these, late for some of their windows. */
  readonly lateForSome: number;
  readonly lateForAll: number;
  readonly inNoWindow: number;
  readonly dropped: Readonly<Record<string, number>>;
  /** Windows that fired, and the corrections that followed. */
  readonly windowsFired: number;
  readonly updates: number;
}

/** The account of the window operator `uid`. */
export function accountOf(metrics: JobMetrics, uid: string): RowAccount {
  const own = [...metrics.operators, ...metrics.before].filter((operator) => operator.uid === uid);
  const total = (name: string) => own.reduce((sum, { counters }) => sum + (counters[name] ?? 0), 0);
  return {
    read: metrics.rowsIn,
    inSomeWindow: total('rowsInWindows'),
    lateForSome: total('rowsLateForSome'),
    lateForAll: total('rowsLate'),
    inNoWindow: total('rowsInNoWindow'),
    dropped: metrics.dropped,
    windowsFired: total('windowsFired'),
    updates: total('updates'),
  };
}

/** The accounts of both tables. */
export function accountsOf(metrics: JobMetrics): [delays: RowAccount, network: RowAccount] {
  return [accountOf(metrics, 'delays'), accountOf(metrics, 'network')];
}

/** How many rows the account cannot explain; 0 when it adds up. */
export function unexplained(account: RowAccount): number {
  const dropped = Object.values(account.dropped).reduce((sum, count) => sum + count, 0);
  const { read, inSomeWindow, lateForAll, inNoWindow } = account;
  return read - inSomeWindow - lateForAll - inNoWindow - dropped;
}

/** The account as lines, each a number and what it counts; what did not happen is left out. */
export function accountLines(account: RowAccount): [number, string][] {
  const late = `${account.lateForSome.toLocaleString('en-US')} of them late for some of theirs`;
  const always: [number, string][] = [
    [account.read, 'flights read'],
    [account.inSomeWindow, `in at least one window${account.lateForSome === 0 ? '' : ` (${late})`}`],
    [account.lateForAll, 'late for all of their windows'],
  ];
  const seldom: [number, string][] = [
    [account.inNoWindow, 'between two windows'],
    ...Object.entries(account.dropped).map(([reason, count]): [number, string] => [
      count,
      `dropped: ${reason}`,
    ]),
  ];
  return [...always, ...seldom.filter(([count]) => count > 0)];
}
