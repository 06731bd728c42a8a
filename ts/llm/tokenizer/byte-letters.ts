/**
 * The alphabet of byte-level vocabularies (GPT-2): each byte is written as one letter, itself where it is printable in
 * Latin-1, and else the next unused letter from U+0100 on.
 */

/** The letter of each byte. */
export const LETTERS: readonly string[] = makeLetters();

/** The byte of each letter. */
export const BYTES: ReadonlyMap<string, number> = new Map(LETTERS.map((letter, byte) => [letter, byte]));

function makeLetters(): string[] {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let unused = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : unused++));
}
