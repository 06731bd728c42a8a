/** A job whose function never returns, nor lets anything else happen in its thread. */
import { run, sink, source, t } from '../../ts/index.ts';

function endless(): never {
  for (;;);
}

const schema = { id: t.i64() };
const stream = source.rows([{ id: 1n }], { schema }).map(endless, { schema, timeout: '200ms' });
const job = await run(stream.to(sink.blackhole()));
await job.done;
