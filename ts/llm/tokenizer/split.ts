/**
 * The pre-tokenizer `smollm`: every digit is a word of its own; the text between digits is split as by GPT-2, into
 * English contractions, letters and other signs with one space before them, and white space.
 */

// GPT-2's expression without numbers, which are gone by then. \s of JavaScript is not quite Unicode's white space.
const WORD =
  /'(?:[sdmt]|re|ve|ll)| ?\p{L}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;
const DIGIT = /\p{N}/gu;

/** The words of a text, in order; together they are the text. O(length). */
export function* splitSmollm(text: string): Generator<string> {
  let from = 0;
  for (const { 0: digit, index } of text.matchAll(DIGIT)) {
    // Cut off first, because the expression looks ahead, and must not see the digit.
    yield* words(text.slice(from, index));
    yield digit;
    from = index + digit.length;
  }
  yield* words(text.slice(from));
}

function* words(text: string): Generator<string> {
  if (text === '') return;
  for (const [word] of text.matchAll(WORD)) yield word;
}
