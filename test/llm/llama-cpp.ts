/** llama.cpp over the same file, as something to compare with: its prebuilt library, on the CPU. */
import {
  type ControlledEvaluateInputItem,
  getLlama,
  LlamaLogLevel,
  type LlamaModel,
  type Token,
} from 'node-llama-cpp';

export class LlamaCpp implements AsyncDisposable {
  readonly #model: LlamaModel;

  static async load(file: string): Promise<LlamaCpp> {
    const llama = await getLlama({
      build: 'never',
      gpu: false,
      logLevel: LlamaLogLevel.error,
      skipDownload: true,
    });
    return new LlamaCpp(await llama.loadModel({ modelPath: file }));
  }

  private constructor(model: LlamaModel) {
    this.#model = model;
  }

  encode(text: string): number[] {
    return this.#model.tokenize(text);
  }

  /** The logits behind each token. It takes about 50 ms for each, most of it for their way to here. */
  async logits(tokens: readonly number[]): Promise<Float32Array[]> {
    const context = await this.#model.createContext({
      contextSize: tokens.length + 8,
      batchSize: tokens.length,
    });
    try {
      const scored = tokens.map(
        (token): ControlledEvaluateInputItem => [token as Token, { generateNext: { logits: true } }],
      );
      const found = await context.getSequence().controlledEvaluate(scored);
      return found.map((output) => {
        const logits = new Float32Array(output?.next.logits?.size ?? 0);
        for (const [token, logit] of output?.next.logits ?? []) logits[token] = logit;
        return logits;
      });
    } finally {
      await context.dispose();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#model.dispose();
  }
}
