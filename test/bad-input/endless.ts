/** A job whose function never returns, nor lets anything else happen in its thread; which one, the argument says. */
import { run, sink, source, t } from '../../ts/index.ts';

function endless(): never {
  for (;;);
}

/** Gives some rows first, so that what never returns is the continuation of an earlier call. */
function* rows() {
  yield { id: 1n };
  yield { id: 2n };
  yield endless();
}

const schema = { id: t.i64() };
const few = source.rows([{ id: 1n }], { schema });
const outputs = {
  map: () => few.map(endless, { schema, timeout: '200ms' }).to(sink.blackhole()),
  callback: () => few.to(sink.callback(endless)),
  iterable: () => source.iterable(rows(), { schema }).to(sink.blackhole()),
};
const job = await run(outputs[process.argv[2] as keyof typeof outputs]());
await job.done;
