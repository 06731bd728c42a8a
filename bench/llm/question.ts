/** What is asked of both sides of the LLM benchmark. */

/** Prompts that come at the same moment, and how many tokens each is answered with, whatever they are. */
export interface Question {
  readonly prompts: readonly (readonly number[])[];
  readonly tokens: number;
  /** Whether what was computed for earlier questions may be used. */
  readonly warm?: boolean;
}

/** How it went; milliseconds since the prompts came. */
export interface Timed {
  /** When each prompt had the first token of its answer. */
  readonly first: readonly number[];
  /** When the last token of all was there. */
  readonly ms: number;
  readonly answers: readonly (readonly number[])[];
}

/** How a side is set up. */
export interface Setup {
  readonly file: string;
  readonly threads: number;
}

/** Reads answers side by side as they come, each to its end. */
export async function timed(answers: readonly AsyncIterable<number>[], began: number): Promise<Timed> {
  const first: number[] = [];
  const read = async (answer: AsyncIterable<number>, at: number) => {
    const tokens: number[] = [];
    for await (const token of answer) {
      first[at] ??= performance.now() - began;
      tokens.push(token);
    }
    return tokens;
  };
  const all = await Promise.all(answers.map(read));
  return { first, ms: performance.now() - began, answers: all };
}
