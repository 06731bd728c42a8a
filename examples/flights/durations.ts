/** Spans of time as the command line writes them: `10m`, `1h30m`, `250ms`. In µs. */
import { DAY, HOUR, MINUTE, SECOND } from './dataset.ts';

const UNITS: readonly (readonly [string, bigint])[] = [
  ['d', DAY],
  ['h', HOUR],
  ['m', MINUTE],
  ['s', SECOND],
  ['ms', SECOND / 1000n],
];

/** The length of a span, or undefined if the text is none; `0` needs no unit. */
export function parseSpan(text: string): bigint | undefined {
  if (text === '0') return 0n;
  if (!/^(?:\d+(?:ms|[dhms]))+$/.test(text)) return undefined;
  const sizes = new Map(UNITS);
  const parts = [...text.matchAll(/(\d+)(ms|[dhms])/g)];
  return parts.reduce((sum, [, count = '0', unit = '']) => sum + BigInt(count) * (sizes.get(unit) ?? 0n), 0n);
}

/** A span as short text, the inverse of {@link parseSpan}. */
export function formatSpan(span: bigint): string {
  let rest = span;
  let text = '';
  for (const [unit, size] of UNITS) {
    if (rest >= size) text += `${rest / size}${unit}`;
    rest %= size;
  }
  return text || '0';
}
