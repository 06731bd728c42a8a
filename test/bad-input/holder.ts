/** A process that holds a checkpoint folder: says so on its standard output and runs until it is killed. */
import { generate, run, sink, source } from '../../ts/index.ts';

const [, , state = '', out = ''] = process.argv;
const rows = source.generator({ columns: { id: generate.sequence() }, rows: 1_000_000, rate: 1000 });
const job = await run(rows.to(sink.parquet(out)), { checkpoint: { every: '50ms', to: state } });
process.stdout.write('holding\n');
await job.done;
