/** A reserved run in the form in which the model takes it. */
import type { Reservation } from '../block-manager.ts';
import { BLOCK_TOKENS, leastWidth, type ModelShape } from '../import/shape.ts';
import type { Step } from '../runner/runner.ts';
import type { Answer } from './answer.ts';

/**
 * The step for these answers, one row each. The last new token of every row is scored, also in the middle of a prompt: what is
 * not finite there is found before it gets into the cache. O(rows × (width + blocks)).
 */
export function runInput(
  answers: readonly Answer[],
  { starts, counts, tables, width: tableWidth }: Reservation,
  shape: ModelShape,
  logits: boolean,
): Step {
  const rows = answers.length;
  const width = Math.max(...counts, leastWidth(shape));
  // Padding reaches behind a row's own blocks; it reads the null block there.
  const blocksPerRow = Math.max(
    ...starts.map((start) => Math.ceil((start + width) / BLOCK_TOKENS)),
    tableWidth,
  );
  const tokens = new BigInt64Array(rows * width);
  const blocks = new BigInt64Array(rows * blocksPerRow);
  const score = new BigInt64Array(rows * 2);
  for (const [row, answer] of answers.entries()) {
    const [start = 0, count = 0] = [starts[row], counts[row]];
    for (let at = 0; at < count; at++) tokens[row * width + at] = BigInt(answer.token(start + at));
    for (let at = 0; at < tableWidth; at++)
      blocks[row * blocksPerRow + at] = BigInt(tables[row * tableWidth + at] as number);
    score[2 * row] = BigInt(row);
    score[2 * row + 1] = BigInt(count - 1);
  }
  return { rows, width, tokens, start: BigInt64Array.from(starts, BigInt), blocks, score, logits };
}

/** Whether a row computes the last known token of its answer, so that the next can be chosen. */
export function atEnd(answer: Answer, { starts, counts }: Reservation, row: number): boolean {
  return (starts[row] as number) + (counts[row] as number) === answer.known;
}
