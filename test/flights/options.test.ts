import { describe, expect, test } from 'vitest';
import { DAY, HOUR, MINUTE, SECOND } from '../../examples/flights/dataset.ts';
import { formatSpan, parseSpan } from '../../examples/flights/durations.ts';
import { type FlightsOptions, helpText, parseOptions } from '../../examples/flights/options.ts';

function parse(...args: string[]): FlightsOptions {
  const command = parseOptions(args);
  if (command.help) throw new Error('asked for help');
  return command.options;
}

test('the defaults are those of the help text', () => {
  const { seed, ...options } = parse();
  expect(options).toEqual({
    windowing: { size: HOUR, slide: 10n * MINUTE, lag: 3n * HOUR, lateness: 0n, key: 'origin' },
    parallelism: 2,
    batchRows: 8192,
    rate: null,
    checkpointMs: 1000,
    out: 'out/flights',
    fresh: false,
    verify: false,
    chaos: 0,
  });
  expect(seed).toBeGreaterThanOrEqual(0);
  const help = helpText();
  for (const shown of [
    '--size SPAN',
    '(1h)',
    '(10m)',
    '(3h)',
    'origin|destination|route|none',
    '(out/flights)',
  ]) {
    expect(help).toContain(shown);
  }
});

test('everything can be said', () => {
  const text =
    '--size 1d --slide 90s --lag 1h30m --lateness 500ms --key route --parallelism 4 --batch-rows 7 --rate 2.5k --checkpoint 200ms --out /tmp/x --fresh --verify --chaos 5 --seed 42';
  expect(parse(...text.split(' '))).toEqual({
    windowing: { size: DAY, slide: 90n * SECOND, lag: 90n * MINUTE, lateness: 500_000n, key: 'route' },
    parallelism: 4,
    batchRows: 7,
    rate: 2500,
    checkpointMs: 200,
    out: '/tmp/x',
    fresh: true,
    verify: true,
    chaos: 5,
    seed: 42,
  });
  expect(parseOptions(['--help']).help).toBe(true);
});

describe('what makes no sense is refused with the option and what it should be', () => {
  test.each([
    [['--size', '0'], '--size 0: must be above 0'],
    [['--slide', '-1h'], '--slide'],
    [['--size', '10'], '--size 10: not a span of time'],
    [['--size', '1h 30m'], 'not a span of time'],
    [['--size', '99999d'], 'at most ten years'],
    [['--lag', 'soon'], '--lag soon'],
    [['--key', 'airline'], 'one of origin, destination, route, none'],
    [['--key', 'toString'], '--key toString'],
    [['--parallelism', '0'], 'from 1 to 128'],
    [['--parallelism', '1.5'], 'from 1 to 128'],
    [['--rate', '0'], '--rate 0'],
    [['--rate', 'fast'], '--rate fast'],
    [['--out', ''], '--out takes a folder'],
    [['--chaos', 'x'], '--chaos x'],
    [['--sise', '1h'], '--sise'],
    [['extra'], 'extra'],
    [['--checkpoint', '0'], '--checkpoint 0'],
  ])('%j', (args, message) => {
    expect(() => parse(...args)).toThrow(message);
  });
});

test('spans survive being written and read', () => {
  for (const span of [0n, 1000n, SECOND, 90n * SECOND, 25n * HOUR + MINUTE, 3n * DAY + 5_000n]) {
    expect(parseSpan(formatSpan(span))).toBe(span);
  }
  expect(formatSpan(90n * MINUTE)).toBe('1h30m');
  expect(parseSpan('1h30')).toBeUndefined();
  expect(parseSpan('')).toBeUndefined();
});
