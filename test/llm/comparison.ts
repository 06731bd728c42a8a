/** How far the predictions of one model are from those of another. */

/** The logarithms of the probabilities that logits stand for, in nats; O(their number). */
export function logProbabilities(logits: Float32Array): Float64Array {
  let largest = Number.NEGATIVE_INFINITY;
  for (const logit of logits) largest = Math.max(largest, logit);
  let total = 0;
  for (const logit of logits) total += Math.exp(logit - largest);
  const offset = largest + Math.log(total);
  const logs = new Float64Array(logits.length);
  for (let id = 0; id < logs.length; id++) logs[id] = (logits[id] as number) - offset;
  return logs;
}

/** What is known after some positions of a text. */
export interface Difference {
  readonly positions: number;
  /** The mean Kullback–Leibler divergence of the model from the reference, in nats. */
  readonly divergence: number;
  /** The model's perplexity in relation to the reference's, and by how much chance moves it (one standard error). */
  readonly perplexityRatio: number;
  readonly ratioError: number;
  readonly referencePerplexity: number;
  /** The share of positions where both have the same likeliest token. */
  readonly agreement: number;
}

/** Adds up what two models predict at the same positions. */
export class Comparison {
  #positions = 0;
  #divergence = 0;
  #agreements = 0;
  #predictions = 0;
  #referenceLoss = 0;
  #gap = 0;
  #squaredGap = 0;

  /** Adds a position: logarithms of probabilities, and the token that the text has there, if it goes on. */
  add(reference: Float64Array, model: Float64Array, next: number | undefined): void {
    let divergence = 0;
    for (let id = 0; id < reference.length; id++) {
      const log = reference[id] as number;
      divergence += Math.exp(log) * (log - (model[id] as number));
    }
    this.#divergence += divergence;
    this.#positions++;
    if (likeliest(reference) === likeliest(model)) this.#agreements++;
    if (next === undefined) return;
    const gap = (reference[next] as number) - (model[next] as number);
    this.#referenceLoss -= reference[next] as number;
    this.#gap += gap;
    this.#squaredGap += gap * gap;
    this.#predictions++;
  }

  result(): Difference {
    const gap = this.#gap / this.#predictions;
    const variance = this.#squaredGap / this.#predictions - gap * gap;
    return {
      positions: this.#positions,
      divergence: this.#divergence / this.#positions,
      perplexityRatio: Math.exp(gap),
      ratioError: Math.sqrt(variance / this.#predictions),
      referencePerplexity: Math.exp(this.#referenceLoss / this.#predictions),
      agreement: this.#agreements / this.#positions,
    };
  }
}

function likeliest(logs: Float64Array): number {
  let best = 0;
  for (let id = 1; id < logs.length; id++) if ((logs[id] as number) > (logs[best] as number)) best = id;
  return best;
}
