/**
 * llama.cpp as a side of the LLM benchmark: node-llama-cpp's prebuilt library, one context with as many sequences as prompts
 * come at a time, which it evaluates in common batches.
 */
import { getLlama, type LlamaContext, LlamaLogLevel, type LlamaModel, type Token } from 'node-llama-cpp';
import { collectGarbage, serve } from '../lib/peer.ts';
import { type Question, type Setup, type Timed, timed } from './question.ts';

/** Tokens of a sequence, and of a batch: see `bench/README.md` for how they were chosen. */
const CONTEXT_TOKENS = 768;
const BATCH_TOKENS = 512;

let model: LlamaModel;
let threads = 0;
/** Its sequences stay the same; a context of another number of them is made anew. */
let context: LlamaContext | undefined;
let sequences: ReturnType<LlamaContext['getSequence']>[] = [];

async function prepare(count: number): Promise<void> {
  if (sequences.length !== count) {
    await context?.dispose();
    context = await model.createContext({
      ...{ sequences: count, contextSize: CONTEXT_TOKENS, batchSize: BATCH_TOKENS },
      ...{ threads: { ideal: threads, min: threads }, flashAttention: true },
    });
    const made = context;
    sequences = Array.from({ length: count }, () => made.getSequence());
  }
  for (const sequence of sequences) await sequence.clearHistory();
}

async function* tokensOf(at: number, prompt: readonly number[], tokens: number): AsyncGenerator<number> {
  const sequence = sequences[at] as (typeof sequences)[number];
  let left = tokens;
  const options = { temperature: 0, yieldEogToken: true };
  for await (const token of sequence.evaluate([...prompt] as Token[], options)) {
    yield token;
    if (--left === 0) return;
  }
}

serve({
  load: async (setup: Setup): Promise<void> => {
    ({ threads } = setup);
    const llama = await getLlama({
      ...{ build: 'never', gpu: false, skipDownload: true, maxThreads: threads },
      logLevel: LlamaLogLevel.error,
    });
    model = await llama.loadModel({ modelPath: setup.file });
  },
  answer: async ({ prompts, tokens, warm }: Question): Promise<Timed> => {
    if (warm) throw new Error('Sequences do not share what was computed.');
    await prepare(prompts.length);
    collectGarbage();
    const began = performance.now();
    return timed(
      prompts.map((prompt, at) => tokensOf(at, prompt, tokens)),
      began,
    );
  },
});
