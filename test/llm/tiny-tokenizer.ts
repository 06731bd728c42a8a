/** A small byte-level BPE vocabulary for tests, learnt from a few sentences: control tokens, all bytes, merges. */

/** What a GGUF file says about such a tokenizer. */
export interface TinyVocabulary {
  readonly tokens: readonly string[];
  readonly types: readonly number[];
  readonly merges: readonly string[];
}

export const CONTROL_TOKENS = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'];

export const CHAT_TEMPLATE =
  "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nBe brief.<|im_end|>\\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

const SENTENCES = `The river mill stood where the water ran fast, and the miller's daughter knew every stone of the race.
A stream of rows is read in the order in which it came; a window is closed when the watermark has passed its end.
She wrote down what the water did: how high it stood in the morning, how it fell, and when they'd open the gate.
Il y avait un moulin près de la rivière. Die Mühle am Bach klappert, und das Wasser läuft über das Rad.
The system takes what it is given and answers the user; the assistant is asked, and it says what it knows of the stream.
Between the hills and the harbour lay forty fields, each with a ditch of its own, and every ditch led to the same old wheel.
Nobody remembered who had built it, though some believed that travelling carpenters came one winter and never asked for money.`;

/** A vocabulary of `size` tokens. */
export function tinyVocabulary(size: number): TinyVocabulary {
  const letters = byteLetters();
  const words = [...SENTENCES.matchAll(/ ?\p{L}+| ?[^\s\p{L}]+|\s+/gu)].map(([word]) =>
    [...Buffer.from(word)].map((byte) => letters[byte] as string),
  );
  const tokens = [...CONTROL_TOKENS, ...letters];
  const merges: string[] = [];
  while (tokens.length < size) {
    const [left, right] = commonest(words);
    // Two merges may make the same token.
    if (!tokens.includes(left + right)) tokens.push(left + right);
    merges.push(`${left} ${right}`);
    for (const word of words) merge(word, left, right);
  }
  const types = tokens.map((_, id) => (id < CONTROL_TOKENS.length ? 3 : 1));
  return { tokens, types, merges };
}

/** The letter that stands for each byte in a byte-level vocabulary: itself if it can be seen, else one from U+0100 on. */
function byteLetters(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const seen = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCharCode(seen ? byte : next++);
  });
}

function commonest(words: readonly string[][]): [string, string] {
  const counts = new Map<string, number>();
  for (const word of words) {
    for (let at = 1; at < word.length; at++) {
      const pair = `${word[at - 1]} ${word[at]}`;
      counts.set(pair, (counts.get(pair) ?? 0) + 1);
    }
  }
  const [best = ''] = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))[0] ?? [];
  if (best === '') throw new Error('The sentences are too few for a vocabulary of this size.');
  return best.split(' ') as [string, string];
}

function merge(word: string[], left: string, right: string): void {
  for (let at = 1; at < word.length; at++) {
    if (word[at - 1] === left && word[at] === right) word.splice(at - 1, 2, left + right);
  }
}
