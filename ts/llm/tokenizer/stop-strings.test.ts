import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StopStrings } from './stop-strings.ts';

/** What comes out when a text is given in these pieces. */
function through(stops: readonly string[], pieces: readonly string[]) {
  const matcher = new StopStrings(stops);
  let text = '';
  for (const piece of pieces) {
    const step = matcher.push(piece);
    text += step.text;
    if (step.stop !== undefined) return { text, stop: step.stop };
  }
  return { text: text + matcher.end(), stop: undefined };
}

/** The same by definition: letter by letter, the longest stop string that the text so far ends with. */
function naive(stops: readonly string[], text: string) {
  for (let end = 1; end <= text.length; end++) {
    const ended = stops
      .filter((stop) => text.slice(0, end).endsWith(stop))
      .sort((a, b) => b.length - a.length);
    const [stop] = ended;
    if (stop !== undefined) return { text: text.slice(0, end - stop.length), stop };
  }
  return { text, stop: undefined };
}

describe('stop strings', () => {
  test('are found across pieces, and nothing of them is given out', () => {
    const matcher = new StopStrings(['\n\nUser:']);
    expect(['Yes.\n', '\nUs', 'e'].map((piece) => matcher.push(piece).text)).toEqual(['Yes.', '', '']);
    expect(matcher.push('r: no')).toEqual({ text: '', stop: '\n\nUser:' });
    expect(matcher.push('more')).toEqual({ text: '', stop: '\n\nUser:' });
  });

  test('that do not come in the end are given out', () => {
    const matcher = new StopStrings(['abc']);
    expect(matcher.push('xab').text).toBe('x');
    expect(matcher.push('abd').text).toBe('ababd');
    expect(matcher.push('a').text).toBe('');
    expect(matcher.end()).toBe('a');
  });

  test('end the text where the naive search does, however it is cut', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 4 });
    const stops = fc.array(
      letters.filter((stop) => stop !== ''),
      { maxLength: 3 },
    );
    const check = fc.property(stops, fc.array(letters, { maxLength: 12 }), (strings, pieces) => {
      expect(through(strings, pieces)).toEqual(naive(strings, pieces.join('')));
    });
    fc.assert(check, { numRuns: 2_000 });
  });
});
