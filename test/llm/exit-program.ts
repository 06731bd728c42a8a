/** Ends in the middle of a run of the model, in one of several ways: `exit-program.ts FILE HOW`. */
import { LlmEngine } from '../../ts/llm/engine/llm-engine.ts';

const [file = '', how = ''] = process.argv.slice(2);
// Long prompts in one run: most of the time is spent in native code.
const engine = await LlmEngine.load(file, {
  ...{ cache: `${file}-cache`, threads: 1, prefixCache: false, maxNumBatchedTokens: 4_096 },
});
const prompt = Array.from({ length: 900 }, (_, at) => 3 + (at % 500));
const ask = () =>
  engine
    .complete(prompt, { maxTokens: 1 })
    .text()
    .catch(() => {});
await ask();
for (let request = 0; request < 20; request++) void ask();
await new Promise((resolve) => setTimeout(resolve, 60));

for (let request = 0; request < 20; request++) void ask();
await new Promise((resolve) => setTimeout(resolve, 30));
if (how === 'exit') process.exit(7);
if (how === 'throw') throw new Error('no luck');
if (how === 'close') {
  await engine.close();
  process.exitCode = 7;
}
