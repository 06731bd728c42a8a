// The steps of `test`, `lint`, `build`, `pack` and `bench`: name, arguments, what runs it (cargo or
// Node), and for one that not every machine can do, a function that says how or why not, or what
// becomes of the rest if it fails.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './places.mjs';
import { SetupError } from './report.mjs';
import { wasmCheck } from './wasm.mjs';

/** The command line of a package's program, as a script for Node. Does not rely on PATH. */
export function packageProgram(name, program = name) {
  const folder = path.join(root, 'node_modules', name);
  const { bin } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  return path.join(folder, typeof bin === 'string' ? bin : bin[program]);
}

const node = (name, script, ...args) => ({ name, script, args });
const cargo = (name, ...args) => ({ name, cargo: true, args });

const biome = (...args) => node('biome', packageProgram('@biomejs/biome', 'biome'), 'check', ...args);
const rustfmt = (...args) => cargo('rustfmt', 'fmt', '--all', ...args);
// The binding has no tests of its own in Rust: an executable cannot link the functions that only Node
// provides. It is tested from TypeScript.
const everyCrate = ['--workspace', '--exclude', 'headrace-node'];
const choosesCrates = (args) => {
  const own = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
  return own.some((arg) => /^(-p|--package\b)/.test(arg));
};
const clippyArgs = ['clippy', '--release', '--workspace', '--all-targets', '--quiet'];

/** One lint and format command for each language; `--fix` writes what can be written. */
export function lintSteps(args) {
  if (args.includes('--fix')) return [biome('--write'), rustfmt()];
  return [biome(), rustfmt('--check'), cargo('clippy', ...clippyArgs, '--', '-D', 'warnings')];
}

/** The weights of the small model with which serving is tested; 93 MB, once. */
const weights = {
  ...node('weights', path.join(root, 'ts', 'cli', 'main.ts'), 'model', 'pull', 'smollm2'),
  otherwise: 'The weights could not be fetched: what needs them is NOT tested.',
};

/** Everything `npm test` runs, the quick first; `npm test -- STEP ARGUMENTS` runs one of them. */
export function testSteps([only, ...args]) {
  const steps = [
    ...lintSteps([]),
    { ...cargo('wasm32'), prepare: wasmCheck },
    node('tsc', packageProgram('typescript', 'tsc')),
    cargo('cargo', 'test', '--release', '--no-fail-fast', ...(choosesCrates(args) ? [] : everyCrate)),
    weights,
    node('vitest', packageProgram('vitest'), 'run'),
  ];
  if (only === undefined) return steps;
  const one = steps.find((step) => step.name === only);
  if (one === undefined) {
    throw new SetupError(
      `No test step is called ${only}. There are: ${steps.map((step) => step.name).join(', ')}.`,
    );
  }
  return [{ ...one, args: [...one.args, ...args] }];
}

/** What `npm run build` does after the native build: dist/ from ts/. */
export function buildSteps() {
  return [node('tsc', packageProgram('typescript', 'tsc'), '-p', 'tsconfig.build.json')];
}

/** `npm run pack`: the packages for npm. */
export function packSteps(args) {
  return [node('pack', path.join(root, 'scripts', 'pack.mjs'), ...args)];
}

/** `npm run bench -- NAME ARGUMENTS`: bench/NAME.ts, or `kernels` for the criterion benches in Rust. */
export function benchSteps([name, ...args]) {
  if (name === 'kernels')
    return [cargo('kernels', 'bench', ...(choosesCrates(args) ? [] : everyCrate), ...args)];
  const file = path.join(root, 'bench', `${name}.ts`);
  if (name === undefined || !existsSync(file)) {
    const names = readdirSync(path.join(root, 'bench'))
      .filter((entry) => entry.endsWith('.ts'))
      .map((entry) => entry.slice(0, -3));
    throw new SetupError(`npm run bench -- NAME, where NAME is one of: ${['kernels', ...names].join(', ')}.`);
  }
  return [node(name, file, ...args)];
}
