import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { at, fromDate, toDate } from './time.ts';

describe('at', () => {
  test.each([
    ['1970-01-01', 0n],
    ['2001-01-01T08:00', 978_336_000_000_000n],
    ['2001-01-01 08:00:00', 978_336_000_000_000n],
    ['2001-01-01T08:00:00Z', 978_336_000_000_000n],
    ['2001-01-01T10:00:00+02:00', 978_336_000_000_000n],
    ['2001-01-01T04:30-0330', 978_336_000_000_000n],
    ['1969-12-31T23:59:59.999999', -1n],
    ['2000-02-29T00:00:00.5', 951_782_400_500_000n],
    ['08:10', 29_400_000_000n],
    ['0001-01-01', -62_135_596_800_000_000n],
  ])('reads %s', (text, micros) => {
    expect(at(text)).toBe(micros);
  });

  test.each([
    '',
    'noon',
    '2001-13-01',
    '2001-02-29',
    '2001-01-01T24:00',
    '2001-01-01T08:60',
    '2001-01-01T',
    'T08:00',
    '2001-1-1',
  ])('refuses %j', (text) => {
    expect(() => at(text)).toThrow(expect.objectContaining({ code: 'HR_OPTION_INVALID' }));
  });

  test('agrees with Date on every millisecond', () => {
    const date = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true });
    fc.assert(fc.property(date, (value) => at(value.toISOString()) === BigInt(value.getTime()) * 1000n));
  });
});

describe('dates', () => {
  test('go there and back', () => {
    fc.assert(
      fc.property(fc.date({ noInvalidDate: true }), (date) => {
        expect(toDate(fromDate(date))).toEqual(date);
      }),
    );
  });

  test('lose only what lies below a millisecond, towards the past', () => {
    expect(toDate(1999n).getTime()).toBe(1);
    expect(toDate(-1n).getTime()).toBe(-1);
    expect(toDate(-1000n).getTime()).toBe(-1);
    expect(() => fromDate(new Date(Number.NaN))).toThrow(
      expect.objectContaining({ code: 'HR_OPTION_INVALID' }),
    );
  });
});
