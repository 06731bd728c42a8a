/** A process that runs the job, says on its standard output what happens to it, and is killed. */
import { type RunEvent, run } from '../../ts/index.ts';
import { checkpointed, job } from './job.ts';

const [, , folder = '', rate, parallelism] = process.argv;
const onEvent = ({ event }: RunEvent) => process.stdout.write(`${event}\n`);
const options = checkpointed(folder, { parallelism: Number(parallelism), onEvent });
await (await run(job(folder, Number(rate)), options)).done;
process.stdout.write('done\n');
