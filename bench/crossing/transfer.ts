/** A batch across the border both ways, beside memcpy and Arrow IPC of the same batch. One process, one core. */
import { tableFromIPC, tableToIPC } from 'apache-arrow';
import { Bench } from 'tinybench';
import { pack, unpack } from '../../ts/arrow/array-data.ts';
import { Batch } from '../../ts/arrow/batch.ts';
import { type BindingCall, type Layout, native } from '../../ts/binding.ts';
import { checkOptions } from '../../ts/control/run-options.ts';
import { sink, source } from '../../ts/index.ts';
import type { CompiledPlan } from '../../ts/plan/compiled.ts';
import { lower } from '../../ts/plan/lower.ts';
import { serve } from '../lib/peer.ts';
import { columns, makeColumns, makeTable, ROWS } from './batch.ts';

/** What is timed apart. */
export type Part =
  | 'memcpy'
  | 'pack'
  | 'push'
  | 'readCall'
  | 'view'
  | 'tableToIPC'
  | 'encodeIpc'
  | 'tableFromIPC';

/** Microseconds of one batch. */
export interface Latency {
  readonly median: number;
  readonly min: number;
  readonly p75: number;
}

export interface Transfers {
  readonly bytes: number;
  readonly ipcBytes: number;
  readonly micros: Readonly<Record<Part, Latency>>;
}

// A pipeline that hands over to JavaScript what it is given by JavaScript, and does nothing else.
const lowered = lower(source.rows([], { schema: columns }).to(sink.callback(() => {})));
const plan = JSON.stringify(lowered.plan);
const options = JSON.stringify(checkOptions({}).job);
const compiled = JSON.parse(native.compile(plan, options)) as CompiledPlan;
const fields = compiled.nodes[0]?.schema ?? [];
const schema = JSON.stringify(fields);
const driver = new native.BindingDriver(plan, options);

const data = makeColumns(fields);
const table = makeTable(fields, data);
const { layout, buffers } = pack(data);
const bytes = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
const ipc = native.encodeIpc(schema, layout, buffers);
const whole = new Uint8Array(bytes);
const copy = new Uint8Array(bytes);
// Between buffers lies padding.
const returned = new Uint8Array(bytes + 4096);

let call: BindingCall;

/** Takes the batch that was pushed as far as JavaScript's door. */
function offer(): void {
  driver.run();
  const offered = driver.takeCall();
  if (offered === null) throw new Error('The engine did not hand the batch over.');
  call = offered;
}

function pushAndOffer(): void {
  driver.push(0, layout, buffers);
  offer();
}

function accept(): void {
  driver.completeCall(call.id, null, null, null);
  driver.run();
}

function offerAndAccept(): void {
  offer();
  accept();
}

/** The layout of the batch in `returned`, once it is known to be the batch that was sent. */
function roundTrip(): Layout {
  pushAndOffer();
  const back = driver.readCall(call.id, returned);
  unpack(fields, back, returned).forEach((column, index) => {
    column.buffers.forEach((bytes, number) => {
      const expected = data[index]?.buffers[number];
      if (expected === undefined || !Buffer.from(bytes).equals(expected)) {
        throw new Error(`Column ${fields[index]?.name} of ${ROWS} rows came back changed.`);
      }
    });
  });
  accept();
  return back;
}

function measure(iterations: number): Transfers {
  const back = roundTrip();
  const bench = new Bench({
    iterations,
    time: 0,
    warmupIterations: Math.ceil(iterations / 4),
    warmupTime: 0,
    throws: true,
  });
  const parts: Readonly<Record<Part, () => void>> = {
    memcpy: () => copy.set(whole),
    pack: () => void pack(data),
    push: () => driver.push(0, layout, buffers),
    readCall: () => void driver.readCall(call.id, returned),
    view: () => void Batch.view(fields, ROWS, back, returned),
    tableToIPC: () => void tableToIPC(table, 'stream'),
    encodeIpc: () => void native.encodeIpc(schema, layout, buffers),
    tableFromIPC: () => void tableFromIPC(ipc),
  };
  const hooks: Partial<Record<Part, object>> = {
    push: { afterEach: offerAndAccept },
    readCall: { beforeEach: pushAndOffer, afterEach: accept },
  };
  for (const name of Object.keys(parts) as Part[]) bench.add(name, parts[name], hooks[name]);
  bench.runSync();
  const micros = bench.tasks.map(({ name, result }): [string, Latency] => {
    if (!('latency' in result)) throw new Error(`${name} was not measured.`);
    const { p50, p75, min } = result.latency;
    return [name, { median: p50 * 1000, min: min * 1000, p75: p75 * 1000 }];
  });
  return {
    bytes,
    ipcBytes: ipc.length,
    micros: Object.fromEntries(micros) as Record<Part, Latency>,
  };
}

serve({ measure: ({ iterations }: { iterations: number }): Transfers => measure(iterations) });
