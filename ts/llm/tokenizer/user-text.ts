/**
 * Keeps control tokens out of what users write. A chat template is text with control tokens in it, and users' words are put
 * between them; before that, the first letter of everything in those words that could be read as a control token is
 * replaced by a noncharacter of Unicode, and put back after the template's own control tokens have been found.
 */
import { HeadraceError } from '../../errors.ts';

/** Letters that Unicode leaves to programs for such use. */
const NONCHARACTERS = Array.from({ length: 32 }, (_, index) => String.fromCharCode(0xfdd0 + index));

/** A piece of a rendered template: a control token by its id, or text. */
export type Piece = number | string;

export class UserText {
  readonly #controls: ReadonlyMap<string, number>;
  readonly #beginnings: RegExp | undefined;
  readonly #anyControl: RegExp | undefined;
  readonly #standIns: ReadonlyMap<string, string>;

  /** `words` are all texts of users that a template is given. */
  constructor(controls: ReadonlyMap<string, number>, words: readonly string[]) {
    this.#controls = controls;
    const names = [...controls.keys()].sort((a, b) => b.length - a.length);
    this.#beginnings = anyOf(names.map((name) => name.slice(0, 2)));
    this.#anyControl = anyOf(names);
    const free = NONCHARACTERS.filter((letter) => words.every((word) => !word.includes(letter)));
    const firsts = [...new Set(names.map((name) => name.charAt(0)))];
    if (firsts.length > free.length) {
      throw new HeadraceError(
        'HR_OPTION_INVALID',
        'The messages hold too many different noncharacters (U+FDD0 to U+FDEF).',
      );
    }
    this.#standIns = new Map(firsts.map((first, index) => [first, free[index] as string]));
  }

  /** A user's words in the form in which a template may have them. */
  guard(text: string): string {
    if (this.#beginnings === undefined) return text;
    const guarded = text.replace(
      this.#beginnings,
      (found) => this.#standIn(found.charAt(0)) + found.slice(1),
    );
    // A last letter could be continued by the template.
    return guarded.replace(/\S(?=\s*$)/u, (last) => this.#standIn(last));
  }

  /** The pieces of a rendered template, with the users' words as they were. */
  pieces(rendered: string): Piece[] {
    if (this.#anyControl === undefined) return [rendered];
    const pieces: Piece[] = [];
    let from = 0;
    for (const { 0: name, index } of rendered.matchAll(this.#anyControl)) {
      if (index > from) pieces.push(this.#restore(rendered.slice(from, index)));
      pieces.push(this.#controls.get(name) as number);
      from = index + name.length;
    }
    if (from < rendered.length) pieces.push(this.#restore(rendered.slice(from)));
    return pieces;
  }

  #standIn(letter: string): string {
    return this.#standIns.get(letter) ?? letter;
  }

  #restore(text: string): string {
    let restored = text;
    for (const [letter, standIn] of this.#standIns) restored = restored.replaceAll(standIn, letter);
    return restored;
  }
}

/** An expression that finds any of these strings, those further front first. */
function anyOf(strings: readonly string[]): RegExp | undefined {
  if (strings.length === 0) return undefined;
  const escaped = [...new Set(strings)].map((string) => string.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(escaped.join('|'), 'g');
}
