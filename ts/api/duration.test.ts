import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type DurationInput,
  days,
  formatMicros,
  hours,
  micros,
  millis,
  minutes,
  seconds,
  toMicros,
} from './duration.ts';
import type { I64 } from './expr-types.ts';
import { columnNamed, type Expression, typed } from './expression.ts';

const invalid = expect.objectContaining({ code: 'HR_OPTION_INVALID' });

describe('spans of time', () => {
  test('have units', () => {
    expect([micros(1), millis(1), seconds(1), minutes(1), hours(1), days(1)].map(toMicros)).toEqual([
      1, 1e3, 1e6, 6e7, 3.6e9, 8.64e10,
    ]);
    expect(hours(0.1).inMicros).toBe(360_000_000n);
    expect(minutes(-5n).inMicros).toBe(-300_000_000n);
  });

  test.each([
    ['10m', 6e8],
    ['1h30m', 5.4e9],
    ['1h 30m', 5.4e9],
    ['250ms', 250_000],
    ['1.5s', 1_500_000],
    ['3us', 3],
    ['3µs', 3],
    ['2d', 1.728e11],
    ['-10m', -6e8],
    ['0s', 0],
  ])('are read from %s', (text, length) => {
    expect(toMicros(text)).toBe(length);
  });

  test.each(['', '10', 'm', '10 minutes', '1h-30m', '1h30', 'P1D', ' 10m', '1e3s'])(
    'are not read from %j',
    (text) => {
      expect(() => toMicros(text)).toThrow(invalid);
    },
  );

  test('need a unit and a safe size', () => {
    expect(() => toMicros(10 as unknown as DurationInput)).toThrow(invalid);
    expect(() => days(1e9)).toThrow(invalid);
    expect(() => hours(Number.NaN)).toThrow(invalid);
    expect(() => toMicros('999999999d')).toThrow(invalid);
  });

  test('print as text that reads as the same span', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (length) => {
        expect(toMicros(formatMicros(length))).toBe(length === 0 ? 0 : length);
      }),
    );
    expect(formatMicros(5.4e9)).toBe('1h30m');
  });
});

describe('as expressions', () => {
  test('a constant is a literal', () => {
    expect((minutes(5) as unknown as Expression).node).toEqual({
      kind: 'literal',
      literal: { type: 'duration', value: '300000000' },
    });
  });

  test('a column is multiplied by its unit', () => {
    const delay = typed<I64>(columnNamed('delay', { type: 'i64' }));
    const column = { kind: 'column', name: 'delay' };
    expect((minutes(delay) as unknown as Expression).node).toEqual({
      kind: 'call',
      function: 'durationMicros',
      args: [
        {
          kind: 'binary',
          op: 'times',
          left: column,
          right: { kind: 'literal', literal: { type: 'i64', value: '60000000' } },
        },
      ],
    });
    expect((micros(delay) as unknown as Expression).node).toMatchObject({ args: [column] });
  });
});
