/** Before each file of tests: properties take the seed that is asked for, and say how a failure is replayed. */
import fc from 'fast-check';
import { reporter, wantedSeed } from './seeds.ts';

const seed = wantedSeed();
fc.configureGlobal({ reporter: reporter(), ...(seed === undefined ? {} : { seed }) });
