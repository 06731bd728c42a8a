/** What works where the native library is not installed, and what the rest says. */
import { expect, test, vi } from 'vitest';

const required = vi.hoisted((): string[] => []);
vi.mock('node:module', async (original) => ({
  ...(await original<typeof import('node:module')>()),
  createRequire: () => (name: string) => {
    required.push(name);
    throw new Error(`Cannot find module '${name}'`);
  },
}));

const { count, explain, HeadraceError, run, sink, source, t, tumbling } = await import('./index.ts');
const { platformPackage } = await import('./binding.ts');

test('headrace is imported and a pipeline built without the library; running it says what to install', async () => {
  const output = source
    .rows([{ time: 0n }], { schema: { time: t.timestamp() } })
    .watermark('time', { lag: '1m' })
    .keyBy('time')
    .window(tumbling('1h'))
    .aggregate(() => ({ n: count() }))
    .to(sink.collect());
  expect(required).toEqual([]);

  const error = await run(output).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(HeadraceError);
  expect(error).toMatchObject({
    code: 'HR_NATIVE_MISSING',
    hint: expect.stringContaining(platformPackage()),
  });
  expect(String((error as Error).cause)).toContain(`Cannot find module '${platformPackage()}'`);
  expect(required.at(-1)).toBe(platformPackage());
  expect(() => explain(output)).toThrow('HR_NATIVE_MISSING');
});
