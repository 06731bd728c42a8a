#!/usr/bin/env node
// The one entry to the checkout: `node scripts/dev.mjs VERB`. It sets up what is missing (npm
// packages, the native engine), picks a Node that runs TypeScript, and starts the verb with it.
// Plain JavaScript without dependencies, for Node 18 and newer. See CONTRIBUTING.md.

import path from 'node:path';
import { benchSteps, buildSteps, lintSteps, packSteps, testSteps } from './setup/checks.mjs';
import { endLike, runProgram, runScript } from './setup/child.mjs';
import { buildNative, nativeIsCurrent } from './setup/native.mjs';
import { chooseNode, installNode, noNode } from './setup/node.mjs';
import { installPackages, packagesAreCurrent } from './setup/packages.mjs';
import { root } from './setup/places.mjs';
import { SetupError, say, step, warn } from './setup/report.mjs';
import { cargoEnvironment, requireToolchain } from './setup/rust.mjs';

const always = () => true;
const never = () => false;

/** A verb either starts one program or runs steps; `native` says whether it needs the engine. */
const verbs = {
  start: { native: always, program: 'examples/flights/main.ts', says: 'run the flights example' },
  chat: { native: always, program: 'examples/chat/main.ts', says: 'a chat with a small model' },
  headrace: { native: always, program: 'ts/cli/main.ts', says: 'the command line, from its sources' },
  test: {
    native: ([only]) => [undefined, 'vitest'].includes(only),
    steps: testSteps,
    rust: ['fmt', 'clippy'],
    says: 'check and test everything',
  },
  build: { native: always, steps: buildSteps, says: 'build the engine and dist/' },
  lint: {
    native: never,
    steps: lintSteps,
    rust: ['fmt', 'clippy'],
    says: 'lint and format checks; --fix writes',
  },
  pack: { native: always, steps: packSteps, says: 'build the packages for npm' },
  bench: { native: always, steps: benchSteps, rust: [], says: 'run one benchmark by name' },
};

const env = { ...process.env };
const [verbName, ...args] = process.argv.slice(2);

async function main() {
  const verb = Object.hasOwn(verbs, verbName ?? '') ? verbs[verbName] : undefined;
  if (verb === undefined) throw new SetupError(usage());

  const stale = verb.native(args) && !nativeIsCurrent(root, env);
  const cargo = stale || verb.rust ? requireToolchain(root, env, verb.rust) : undefined;
  if (!packagesAreCurrent(root)) await must('npm packages', () => installPackages(root, env));
  const node = await someNode();
  if (stale) await must('native engine', () => buildNative(root, cargo, env));

  env.PATH = [path.dirname(node), env.PATH].filter(Boolean).join(path.delimiter);
  if (verb.program) endLike(await runScript(node, [path.join(root, verb.program), ...args], { env }));
  else await runSteps(verb.steps(args), node, cargo);
}

async function someNode() {
  const present = chooseNode(root, env);
  if (present !== undefined) return present.path;
  const ended = await step(`Node 24 (this is ${process.version})`, () => installNode('24', env));
  // Asked again rather than trusted: what npm has may not start here (another libc, say).
  const installed = ended.code === 0 ? chooseNode(root, env) : undefined;
  if (installed === undefined) throw noNode();
  return installed.path;
}

async function runSteps(steps, node, cargo) {
  for (const one of steps) {
    const how = one.prepare?.(cargo, env) ?? { args: [], env: {} };
    if (how.skip !== undefined) {
      warn(`${one.name} SKIPPED: ${how.skip}`);
      continue;
    }
    const args = [...how.args, ...one.args];
    const work = () =>
      one.cargo
        ? runProgram(cargo, args, { cwd: root, env: { ...cargoEnvironment(cargo, env), ...how.env } })
        : runScript(node, [one.script, ...args], { cwd: root, env });
    await must(one.name, work, one.otherwise);
  }
}

/**
 * Does a step; if it fails, nothing after it runs and the launcher ends the way the step did. Where it can be done without,
 * `otherwise` says how.
 */
async function must(name, work, otherwise) {
  const ended = await step(name, work);
  if (ended.code === 0) return;
  if (otherwise !== undefined && ended.signal === null) return warn(otherwise);
  endLike(ended);
  await new Promise(() => {});
}

function usage() {
  const lines = Object.entries(verbs).map(([name, { says }]) => `  ${name.padEnd(10)}${says}`);
  return ['node scripts/dev.mjs VERB [ARGUMENT…]', '', ...lines].join('\n');
}

main().catch((error) => {
  say(error instanceof SetupError ? error.message : error.stack);
  process.exit(1);
});
