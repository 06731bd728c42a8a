import { describe, expect, test } from 'vitest';
import { fromNative, HeadraceError, isHeadraceError } from './errors.ts';

const place = { uid: 'window-1', operator: 'window(1h)', at: 'job.ts:3', row: '0:17' };

describe('HeadraceError', () => {
  test('says what happened, where, and what to do', () => {
    const error = new HeadraceError('HR_OVERFLOW', 'The sum left its range.', { hint: 'Use f64.', place });
    expect(error.message).toBe(
      'HR_OVERFLOW: The sum left its range. (in window(1h) at job.ts:3) (row 0:17) Use f64.',
    );
    expect(error).toMatchObject({ name: 'HeadraceError', code: 'HR_OVERFLOW', hint: 'Use f64.', place });
  });

  test('keeps its cause', () => {
    const cause = new Error('disk');
    expect(new HeadraceError('HR_IO', 'Cannot write.', { cause }).cause).toBe(cause);
    expect('cause' in new HeadraceError('HR_IO', 'Cannot write.')).toBe(false);
  });

  test('is recognised across copies of the package', () => {
    const foreign = Object.assign(new Error('x'), { [Symbol.for('headrace.error')]: true });
    expect(isHeadraceError(foreign)).toBe(true);
    expect(isHeadraceError(new HeadraceError('HR_IO', 'x'))).toBe(true);
    for (const other of [new Error('x'), null, undefined, 'HR_IO', { code: 'HR_IO' }]) {
      expect(isHeadraceError(other)).toBe(false);
    }
  });
});

describe('fromNative', () => {
  const report = { code: 'HR_NOT_FOUND', message: 'No such file.', hint: 'Check the path.', place };

  test('reads the JSON of a native error', () => {
    const native = new Error(JSON.stringify(report));
    const error = fromNative(native);
    expect(error).toMatchObject({
      code: 'HR_NOT_FOUND',
      summary: 'No such file.',
      hint: 'Check the path.',
      place,
    });
    expect(error.cause).toBe(native);
    expect(error.toJSON()).toEqual(report);
  });

  test('reads the object of a job event, with nulls where nothing is known', () => {
    const error = fromNative({ code: 'HR_IO', message: 'Disk full.', hint: null, place: null });
    expect(error).toMatchObject({ code: 'HR_IO', summary: 'Disk full.', hint: undefined, place: undefined });
    expect(error.toJSON()).toEqual({ code: 'HR_IO', message: 'Disk full.' });
  });

  test('leaves errors of ours alone', () => {
    const error = new HeadraceError('HR_LOCKED', 'x');
    expect(fromNative(error)).toBe(error);
  });

  test.each([
    new Error('segmentation fault'),
    new Error('{"code":"HR_NO_SUCH_CODE","message":"x"}'),
    new Error('{"code":"toString","message":"x"}'),
    'text',
    null,
  ])('makes anything else HR_INTERNAL: %s', (value) => {
    expect(fromNative(value)).toMatchObject({ code: 'HR_INTERNAL', cause: value });
  });
});
