/**
 * Event-time windows evaluated the slow way, word for word from the contract: every row is compared with every
 * window it falls into, and every window is computed from its rows. It shares no code with the engine, keeps
 * everything in memory and takes O(rows × size / slide) steps; it exists to be right.
 *
 * Times and spans are bigint µs, as in headrace's rows.
 */

/** What is windowed, and how. */
export interface WindowSpec<Row, Result> {
  /** The event time; a row without one is dropped and counted. */
  readonly time: (row: Row) => bigint | null;
  /** The key columns; none is one key for the whole stream. */
  readonly key: (row: Row) => readonly unknown[];
  readonly size: bigint;
  readonly slide: bigint;
  /** The shift of window starts from the epoch. */
  readonly offset?: bigint;
  /** How far the watermark stays behind the largest event time. */
  readonly lag: bigint;
  /** The allowed lateness. */
  readonly lateness: bigint;
  /** A row further ahead of the largest event time than this does not move it. */
  readonly maxAhead?: bigint;
  /** A window's result, from its rows in partition order; never called without rows. */
  readonly aggregate: (rows: readonly Row[]) => Result;
}

/** A window of one key and what it held. */
export interface WindowResult<Result> {
  readonly key: readonly unknown[];
  readonly start: bigint;
  readonly end: bigint;
  readonly result: Result;
}

/** A row of the changelog. */
export interface Change<Result> extends WindowResult<Result> {
  readonly op: '+I' | '-U' | '+U';
}

/** A row that was late for all of its windows, as the side output shows it. */
export interface LateRow<Row> {
  readonly row: Row;
  /** The row watermark − the event time. */
  readonly lateness: bigint;
}

/**
 * Where the rows went: `rowsIn` = `inSomeWindow` + `lateForAll` + `inNoWindow` + `nullTime`.
 * `lateForSome` and `ahead` count rows that are in one of these already.
 */
export interface Account {
  rowsIn: number;
  inSomeWindow: number;
  lateForAll: number;
  inNoWindow: number;
  nullTime: number;
  lateForSome: number;
  ahead: number;
}

/** Everything that the windows emit. */
export interface NaiveResult<Row, Result> {
  /** What fires when the watermark passes the end: the rows with L < end. */
  readonly firstResults: readonly WindowResult<Result>[];
  /** The first results, each followed by the updates of its late rows in their order. */
  readonly changelog: readonly Change<Result>[];
  /** The changelog collapsed by key and window. */
  readonly finalResults: readonly WindowResult<Result>[];
  readonly late: readonly LateRow<Row>[];
  readonly account: Account;
}

interface Pane<Row> {
  readonly key: readonly unknown[];
  readonly start: bigint;
  readonly onTime: Row[];
  readonly held: Row[];
}

/** Evaluates `spec` over `partitions`, each in its own order. Windows come in no particular order. */
export function naiveWindows<Row, Result>(
  partitions: readonly (readonly Row[])[],
  spec: WindowSpec<Row, Result>,
): NaiveResult<Row, Result> {
  const account = {
    rowsIn: 0,
    inSomeWindow: 0,
    lateForAll: 0,
    inNoWindow: 0,
    nullTime: 0,
    lateForSome: 0,
    ahead: 0,
  };
  const panes = new Map<string, Pane<Row>>();
  const late: LateRow<Row>[] = [];
  for (const rows of partitions) {
    for (const { row, time, watermark, ahead } of withRowWatermarks(rows, spec)) {
      account.rowsIn += 1;
      if (ahead) account.ahead += 1;
      if (time === null) {
        account.nullTime += 1;
        continue;
      }
      const starts = windowStarts(time, spec);
      const open = starts.filter((start) => !isLate(watermark, start + spec.size + spec.lateness));
      if (starts.length === 0) account.inNoWindow += 1;
      else if (open.length === 0) account.lateForAll += 1;
      else account.inSomeWindow += 1;
      if (open.length > 0 && open.length < starts.length) account.lateForSome += 1;
      if (starts.length > 0 && open.length === 0 && watermark !== null) {
        late.push({ row, lateness: watermark - time });
      }
      for (const start of open) {
        const pane = paneOf(panes, spec.key(row), start);
        if (isLate(watermark, start + spec.size)) pane.held.push(row);
        else pane.onTime.push(row);
      }
    }
  }
  return { ...emit([...panes.values()], spec), late, account };
}

/** The starts of all windows [start, start + size) that hold `time`, ascending; none in a gap between windows. */
export function windowStarts(
  time: bigint,
  { size, slide, offset = 0n }: { size: bigint; slide: bigint; offset?: bigint },
): bigint[] {
  const starts: bigint[] = [];
  const last = time - floorModulo(time - offset, slide);
  for (let start = last; start > time - size; start -= slide) starts.unshift(start);
  return starts;
}

/** The text under which keys are equal as the engine defines it: by type and value, −0 = 0, one NaN, null = null. */
export function keyText(key: readonly unknown[]): string {
  return JSON.stringify(
    key.map((value) => {
      if (value === null || value === undefined) return ['null'];
      if (typeof value === 'number') return ['number', String(value === 0 ? 0 : value)];
      if (value instanceof Uint8Array) return ['binary', Buffer.from(value).toString('hex')];
      return [typeof value, String(value)];
    }),
  );
}

interface Stamped<Row> {
  readonly row: Row;
  readonly time: bigint | null;
  /** The row watermark; null for −∞. */
  readonly watermark: bigint | null;
  readonly ahead: boolean;
}

function* withRowWatermarks<Row, Result>(
  rows: readonly Row[],
  spec: WindowSpec<Row, Result>,
): Generator<Stamped<Row>> {
  let largest: bigint | null = null;
  for (const row of rows) {
    const time = spec.time(row);
    const watermark: bigint | null = largest === null ? null : largest - spec.lag;
    const ahead =
      time !== null && largest !== null && spec.maxAhead !== undefined && time > largest + spec.maxAhead;
    yield { row, time, watermark, ahead };
    if (time !== null && !ahead && (largest === null || time > largest)) largest = time;
  }
}

function isLate(watermark: bigint | null, closing: bigint): boolean {
  return watermark !== null && watermark >= closing;
}

function paneOf<Row>(panes: Map<string, Pane<Row>>, key: readonly unknown[], start: bigint): Pane<Row> {
  const name = `${keyText(key)} ${start}`;
  let pane = panes.get(name);
  if (pane === undefined) {
    pane = { key, start, onTime: [], held: [] };
    panes.set(name, pane);
  }
  return pane;
}

function emit<Row, Result>(panes: readonly Pane<Row>[], spec: WindowSpec<Row, Result>) {
  const firstResults: WindowResult<Result>[] = [];
  const changelog: Change<Result>[] = [];
  const finalResults: WindowResult<Result>[] = [];
  for (const { key, start, onTime, held } of panes) {
    const window = { key, start, end: start + spec.size };
    let current: WindowResult<Result> | undefined;
    if (onTime.length > 0) {
      current = { ...window, result: spec.aggregate(onTime) };
      firstResults.push(current);
      changelog.push({ op: '+I', ...current });
    }
    // A window without a row on time has fired nothing, so there is nothing to take back: its first held row inserts.
    held.forEach((_, index) => {
      const updated = { ...window, result: spec.aggregate([...onTime, ...held.slice(0, index + 1)]) };
      if (current !== undefined) changelog.push({ op: '-U', ...current });
      changelog.push({ op: current === undefined ? '+I' : '+U', ...updated });
      current = updated;
    });
    if (current !== undefined) finalResults.push(current);
  }
  return { firstResults, changelog, finalResults };
}

function floorModulo(value: bigint, modulus: bigint): bigint {
  return ((value % modulus) + modulus) % modulus;
}
