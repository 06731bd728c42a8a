import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { minutes } from '../api/duration.ts';
import { checkOptions, type RunOptions } from './run-options.ts';

describe('run options', () => {
  it('have defaults', () => {
    expect(checkOptions({})).toEqual({
      job: { parallelism: 1, batchRows: 8192, channelRows: 65_536, channelBytes: 16 << 20 },
      checkpoint: null,
    });
    expect(checkOptions({ checkpoint: { every: '1s', to: 'state' } }).checkpoint).toEqual({
      folder: path.resolve('state'),
      everyMs: 1000,
      timeoutMs: 600_000,
      fresh: false,
      failuresMax: 0,
      kept: 2,
    });
  });

  it('take spans as text, as spans and as milliseconds', () => {
    const every = (value: NonNullable<RunOptions['checkpoint']>['every']) => {
      return checkOptions({ checkpoint: { every: value, to: 'x' } }).checkpoint?.everyMs;
    };
    expect([every('250ms'), every(minutes(1)), every(40)]).toEqual([250, 60_000, 40]);
  });

  it('take a folder as a path or as a file URL, relative ones too', () => {
    const folder = (to: string) => checkOptions({ checkpoint: { every: 1, to } }).checkpoint?.folder;
    expect(folder('file:///a/b%20c')).toBe('/a/b c');
    expect(folder('file://./state')).toBe(path.resolve('state'));
    expect(folder('/a/b')).toBe('/a/b');
  });

  const to = 'x';
  it.each<[object, RegExp]>([
    [{ parallelism: 0 }, /parallelism is 0.*1 to 128/],
    [{ parallelism: 129 }, /parallelism is 129/],
    [{ parallelism: 1.5 }, /parallelism is 1.5/],
    [{ batchRows: 0 }, /batchRows is 0/],
    [{ batchRows: Number.NaN }, /batchRows is NaN/],
    [{ paralelism: 2 }, /no option 'paralelism'.*parallelism/],
    [{ checkpoint: { every: 0, to } }, /checkpoint.every is 0/],
    [{ checkpoint: { every: '1', to } }, /'1' is not a span/],
    [{ checkpoint: { every: 1, to: 's3://bucket/prefix' } }, /checkpoint.to is 's3:.*not supported yet/],
    [{ checkpoint: { every: 1, to: '' } }, /checkpoint.to is ''/],
    [{ checkpoint: { every: 1, to, fresh: 'yes' } }, /checkpoint.fresh is 'yes'/],
    [{ checkpoint: { every: 1, to, keep: 0 } }, /checkpoint.keep is 0/],
    [{ checkpoint: { every: 1, to, interval: 1 } }, /no option checkpoint 'interval'/],
  ])('out of range are refused: %o', (options, message) => {
    expect(() => checkOptions(options as RunOptions)).toThrow(message);
    expect(() => checkOptions(options as RunOptions)).toThrow('HR_OPTION_INVALID');
  });
});
