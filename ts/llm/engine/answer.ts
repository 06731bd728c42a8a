/** One answer to a request as it grows: its tokens, its text, and its sequence in the KV cache. */
import type { Detokenizer } from '../tokenizer/detokenizer.ts';
import { StopStrings } from '../tokenizer/stop-strings.ts';
import type { EngineRequest } from './request.ts';
import type { FinishReason } from './token.ts';

/** What a token adds to an answer. */
export interface Piece {
  readonly text: string;
  readonly finish?: FinishReason;
  readonly stopped?: string;
}

export class Answer {
  readonly request: EngineRequest;
  /** Which of the request's n answers it is. */
  readonly choice: number;
  /** Its number in the block manager. */
  readonly sequence: number;
  readonly output: number[] = [];
  /** Tokens whose keys and values are in blocks that it holds. */
  computed = 0;
  /** When it was admitted, as a count of admissions; a sequence that was preempted gets a new one. */
  admission = 0;
  readonly #detokenizer: Detokenizer;
  readonly #stops: StopStrings;

  constructor(request: EngineRequest, choice: number, sequence: number, detokenizer: Detokenizer) {
    this.request = request;
    this.choice = choice;
    this.sequence = sequence;
    this.#detokenizer = detokenizer;
    this.#stops = new StopStrings(request.options.stop);
  }

  get known(): number {
    return this.request.prompt.length + this.output.length;
  }

  /** Whether end-of-text tokens must not be drawn next. */
  get tooShort(): boolean {
    return this.output.length < this.request.options.minTokens;
  }

  /** The token at a position below `known`. */
  token(position: number): number {
    const { prompt } = this.request;
    return (position < prompt.length ? prompt[position] : this.output[position - prompt.length]) as number;
  }

  /** Appends a token; `ends` says that it is one of the end-of-text tokens. */
  push(token: number, ends: boolean): Piece {
    const { ignoreEos, minTokens, maxTokens } = this.request.options;
    this.output.push(token);
    if (ends && !ignoreEos && this.output.length > minTokens) return { text: this.#rest(), finish: 'stop' };
    const piece = this.#detokenizer.push(token);
    // What comes before the least length is no part of a stop string.
    const { text, stop } =
      this.output.length > minTokens ? this.#stops.push(piece) : { text: piece, stop: undefined };
    if (stop !== undefined) return { text, finish: 'stop', stopped: stop };
    if (this.output.length < maxTokens) return { text };
    const rest = this.#stops.push(this.#detokenizer.end());
    if (rest.stop !== undefined) return { text: text + rest.text, finish: 'stop', stopped: rest.stop };
    return { text: text + rest.text + this.#stops.end(), finish: 'length' };
  }

  /** What was held back. */
  #rest(): string {
    const { text } = this.#stops.push(this.#detokenizer.end());
    return text + this.#stops.end();
  }
}
