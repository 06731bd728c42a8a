import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { type RowShape, rowShape } from './row-shape.ts';

const NAMES = ['plain', 'two words', '__proto__', 'constructor', '"; throw 1; //', '\u2028', '`', '0', ''];

/** Rows there and back. What it needs comes as arguments, because another process runs its text too. */
function roundTrip(shape: RowShape, names: readonly string[]): void {
  const columns = names.map((_, column) => [column, null, `text ${column}`]);
  const rows = shape.make(3, columns);
  const refuse = (row: unknown): never => {
    throw new Error(`refused ${String(row)}`);
  };
  const own = rows.map((row) => names.map((name) => Object.getOwnPropertyDescriptor(row, name)?.value));
  const expected = [0, 1, 2].map((row) => columns.map((column) => column[row]));
  if (JSON.stringify(own) !== JSON.stringify(expected)) throw new Error(JSON.stringify(own));
  const back = shape.split(rows, refuse);
  if (JSON.stringify(back) !== JSON.stringify(columns)) throw new Error(JSON.stringify(back));
  if (Object.getPrototypeOf(rows[0]) !== Object.prototype) throw new Error('the prototype has changed');
  if (shape.make(0, columns).length !== 0) throw new Error('rows out of nothing');
  for (const odd of [null, 1, undefined]) {
    let refused = '';
    try {
      shape.split([{}, odd], refuse);
    } catch (error) {
      refused = (error as Error).message;
    }
    if (refused !== `refused ${String(odd)}`) throw new Error(`${String(odd)} was taken for a row`);
  }
}

describe('row shapes', () => {
  it('keep every value under its name, whatever the name', () => {
    expect(() => roundTrip(rowShape(NAMES), NAMES)).not.toThrow();
  });

  it('do the same where code must not be made from strings', () => {
    const script = `
      import { rowShape } from ${JSON.stringify(new URL('./row-shape.ts', import.meta.url).href)};
      let forbidden = false;
      try { new Function(''); } catch { forbidden = true; }
      if (!forbidden) throw new Error('code may still be made from strings');
      const names = ${JSON.stringify(NAMES)};
      (${roundTrip.toString()})(rowShape(names), names);`;
    const args = ['--disallow-code-generation-from-strings', '--input-type=module', '--eval', script];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });

  it('miss what a row does not have', () => {
    const rows = [{ a: 1 }, { b: 2 }];
    const never = (): never => expect.unreachable();
    expect(rowShape(['a', 'b']).split(rows, never)).toEqual([
      [1, undefined],
      [undefined, 2],
    ]);
  });
});
