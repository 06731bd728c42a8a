import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { tinyFile, tinyModel } from '../../../test/llm/tiny-model.ts';
import { draw, reporter } from '../../../test/seeds.ts';
import { type HeadraceError, isHeadraceError } from '../../errors.ts';
import { FileSource, memorySource } from './byte-source.ts';
import { HEADER_BYTES_MAX } from './cursor.ts';
import { readGguf, readTensor } from './gguf.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'headrace-gguf-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A source that fails the test when more is asked for than it has. */
function watched(name: string, bytes: Uint8Array) {
  const source = memorySource(name, bytes);
  return {
    ...source,
    read(into: Uint8Array, offset: number) {
      expect(offset + into.length).toBeLessThanOrEqual(bytes.length);
      source.read(into, offset);
    },
  };
}

function refusal(read: () => unknown): HeadraceError {
  try {
    read();
  } catch (error) {
    if (isHeadraceError(error)) return error;
    throw error;
  }
  throw new Error('It was accepted.');
}

describe('a sound file', () => {
  const model = tinyModel({ type: 'Q4_1', embedding: 'Q8_0' });
  const gguf = readGguf(watched('tiny.gguf', tinyFile({ type: 'Q4_1', embedding: 'Q8_0' })));

  test('has its keys with their values', () => {
    expect(gguf.metadata.keys()).toEqual(model.keys.map(([key]) => key));
    for (const [key, , value] of model.keys) {
      expect(gguf.metadata.value(key), key).toEqual(
        key === 'llama.attention.layer_norm_rms_epsilon' ? Math.fround(1e-5) : value,
      );
    }
  });

  test('has its tensors with their bytes', () => {
    expect([...gguf.tensors.keys()]).toEqual(model.tensors.map(({ name }) => name));
    for (const { name, type, dimensions, bytes } of model.tensors) {
      const tensor = gguf.tensors.get(name);
      if (tensor === undefined) throw new Error(name);
      expect(tensor.type.name).toBe(type);
      expect(tensor.dimensions).toEqual(dimensions);
      expect(Buffer.compare(readTensor(gguf, tensor), bytes), name).toBe(0);
    }
  });

  test('is read from disk as from memory, also through a link', () => {
    const file = path.join(folder, 'tiny.gguf');
    writeFileSync(file, tinyFile());
    execFileSync('ln', ['-s', file, path.join(folder, 'link.gguf')]);
    for (const name of ['tiny.gguf', 'link.gguf']) {
      using source = new FileSource(path.join(folder, name));
      expect(readGguf(source).tensors.size).toBe(20);
    }
  });

  test('says which key is missing or of another type', () => {
    expect(refusal(() => gguf.metadata.whole('llama.none')).summary).toContain('it has no llama.none');
    expect(refusal(() => gguf.metadata.whole('general.name')).summary).toContain(
      'general.name is not a whole number',
    );
    expect(refusal(() => gguf.metadata.numbers('tokenizer.ggml.tokens')).summary).toContain(
      'a list of numbers',
    );
    expect(gguf.metadata.whole('llama.none', 7)).toBe(7);
  });
});

describe('what is no regular file', () => {
  test('is refused without being waited for', () => {
    const pipe = path.join(folder, 'pipe.gguf');
    execFileSync('mkfifo', [pipe]);
    expect(refusal(() => new FileSource(pipe))).toMatchObject({ code: 'HR_OPTION_INVALID' });
    expect(refusal(() => new FileSource(folder))).toMatchObject({ code: 'HR_OPTION_INVALID' });
    expect(refusal(() => new FileSource('/dev/zero'))).toMatchObject({ code: 'HR_OPTION_INVALID' });
    expect(refusal(() => new FileSource(path.join(folder, 'none')))).toMatchObject({ code: 'HR_NOT_FOUND' });
  });
});

/** The corpus: what each file is refused for. */
const corpus: Readonly<Record<string, RegExp>> = {
  'alignment-0': /general.alignment is 0/,
  'alignment-48': /general.alignment is 48/,
  'alignment-text': /general.alignment is not a whole number/,
  'array-length-2-to-60': /the length of tokenizer.ggml.tokens is 1152921504606846976/,
  'array-length-one-more': /the length of a key/,
  'array-of-arrays': /tokenizer.ggml.tokens has the type 9/,
  'big-endian': /GGUF version 50331648/,
  'data-truncated': /b.weight ends at byte/,
  'dimension-zero': /dimension 0 of a.weight is 0/,
  'dimensions-0': /a.weight has 0 dimensions/,
  'dimensions-4-billion': /a.weight has 4294967295 dimensions/,
  'dimensions-overflow': /dimension 0 of a.weight is 4611686018427387904/,
  empty: /ends within the magic number/,
  'flag-2': /x.flag is 2/,
  'header-truncated': /the file ends within/,
  'key-count-max': /the number of keys is 18446744073709551615/,
  'key-count-one-more': /the length of the name of a tensor/,
  'key-length-2-to-40': /the length of a key is 1099511627776/,
  'key-twice': /the key general.architecture is there twice/,
  'offset-2-to-63': /the offset of b.weight is 9223372036854775808/,
  'offset-not-aligned': /the offset 33 of b.weight is no multiple of the alignment 32/,
  'only-magic': /ends within the version/,
  'row-not-whole-blocks': /rows of b.weight have 33 elements, not whole blocks of 32/,
  'tensor-count-2-to-63': /the number of tensors is 9223372036854775808/,
  'tensor-count-65536': /has 0 dimensions/,
  'tensor-twice': /the tensor a.weight is there twice/,
  'tensor-type-4': /a.weight has the type 4/,
  'tensors-overlap': /overlap/,
  'text-not-utf8': /general.architecture is not UTF-8/,
  'value-type-99': /general.architecture has the type 99/,
  'version-1': /GGUF version 1/,
  'wrong-magic': /does not begin with GGUF/,
};
const corpusFolder = path.join(import.meta.dirname, 'corpus');
const corpusFile = (name: string) => new Uint8Array(readFileSync(path.join(corpusFolder, `${name}.gguf`)));

describe('a hostile file', () => {
  test('is in the corpus with what is wrong with it', () => {
    const files = readdirSync(corpusFolder).map((name) => path.basename(name, '.gguf'));
    expect(files.sort()).toEqual([...Object.keys(corpus), 'sound'].sort());
    expect(readGguf(watched('sound.gguf', corpusFile('sound'))).tensors.size).toBe(2);
  });

  test.each(Object.entries(corpus))('%s is refused by name', (name, why) => {
    const error = refusal(() => readGguf(watched(`${name}.gguf`, corpusFile(name))));
    expect(['HR_DATA_CORRUPT', 'HR_MODEL_UNSUPPORTED']).toContain(error.code);
    expect(error.summary).toMatch(why);
    expect(error.summary).toContain(`${name}.gguf`);
  });

  test('with a header longer than the limit is refused after that limit', () => {
    // A sparse file: one string of 65 MiB, which the file really has.
    const bytes = new Uint8Array(HEADER_BYTES_MAX + 2 ** 20);
    bytes.set(corpusFile('sound').subarray(0, 24));
    new DataView(bytes.buffer).setBigUint64(24, BigInt(HEADER_BYTES_MAX), true);
    expect(refusal(() => readGguf(memorySource('long.gguf', bytes))).summary).toContain(
      'the length of a key',
    );
  });

  test('gives a typed error or a checked header, whatever is cut off or overwritten', () => {
    const files = [tinyFile({ type: 'Q8_0' }), corpusFile('sound')];
    const { seed, runs } = draw(3_000);
    const damage = fc.record({
      file: fc.constantFrom(...files),
      keep: fc.double({ min: 0, max: 1, noNaN: true }),
      // Places near the front more often: that is where counts and types are.
      flips: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), { maxLength: 4 }),
      word: fc.option(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.bigInt(0n, 2n ** 64n - 1n))),
      cut: fc.boolean(),
    });
    const check = fc.property(damage, ({ file, keep, flips, word, cut }) => {
      const bytes = file.slice(0, cut ? Math.floor(keep * file.length) : file.length);
      const place = (at: number) => Math.floor(at ** 3 * bytes.length);
      for (const [at, value] of flips) bytes[place(at)] = value;
      if (word !== null && place(word[0]) + 8 <= bytes.length) {
        new DataView(bytes.buffer).setBigUint64(place(word[0]), word[1], true);
      }
      try {
        for (const { offset, bytes: length } of readGguf(watched('damaged.gguf', bytes)).tensors.values()) {
          expect(offset + length).toBeLessThanOrEqual(bytes.length);
        }
      } catch (error) {
        if (!isHeadraceError(error)) throw error;
        expect(['HR_DATA_CORRUPT', 'HR_MODEL_UNSUPPORTED']).toContain(error.code);
        expect(error.summary).toContain('damaged.gguf');
      }
    });
    fc.assert(check, { seed, numRuns: runs, reporter: reporter() });
  });
});
