// `npm run pack [-- --out FOLDER]`: the two packages as they go to npm.
//
// The root package is ts/, compiled anew so that nothing old is in it, with a manifest cut down to what its users need, plus the platform
// packages as optional dependencies: npm installs the one whose os, cpu and libc fit. The platform
// package holds the native library and nothing else. Prints the tarballs as JSON.

import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { packageProgram } from './setup/checks.mjs';
import { addonOf } from './setup/native.mjs';
import { npmCommand } from './setup/packages.mjs';
import { findProgram, libc, platformName, root } from './setup/places.mjs';
import { SetupError, say } from './setup/report.mjs';

/** The platforms for which a library has been built and run; others build it in a checkout. */
const released = ['linux-x64-gnu'];

/** What users of the package need from the manifest of the checkout, in this order. */
const kept = [
  'name version description keywords license author repository',
  'type sideEffects engines exports bin files dependencies peerDependencies peerDependenciesMeta',
].flatMap((line) => line.split(' '));

function rootManifest(manifest) {
  const platforms = new Set([...released, platformName()]);
  return {
    ...Object.fromEntries(kept.map((field) => [field, manifest[field]])),
    optionalDependencies: Object.fromEntries(
      [...platforms].map((name) => [`headrace-${name}`, manifest.version]),
    ),
  };
}

function platformManifest(manifest) {
  const { version, license, author, repository, engines } = manifest;
  return {
    name: `headrace-${platformName()}`,
    version,
    description: `The native library of headrace for ${platformName()}.`,
    license,
    author,
    repository,
    engines,
    os: [process.platform],
    cpu: [process.arch],
    ...(libc() && { libc: [libc() === 'gnu' ? 'glibc' : 'musl'] }),
    main: 'headrace.node',
    files: ['headrace.node'],
  };
}

/** Fills `folder` with a package and packs it into `out`; returns the path of the tarball. */
function pack(folder, out, manifest, fill) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  copyFileSync(path.join(root, 'LICENSE'), path.join(folder, 'LICENSE'));
  fill();
  const [npm, ...first] = npmCommand();
  const args = [...first, 'pack', '--json', '--ignore-scripts', '--pack-destination', out];
  const answer = JSON.parse(execFileSync(npm, args, { cwd: folder, encoding: 'utf8' }));
  // npm 12 answers with an object by package name, older ones with a list.
  const [{ filename, size, files }] = Object.values(answer);
  say(`${filename}: ${files.length} files, ${(size / 1e6).toFixed(1)} MB packed`);
  return path.join(out, filename);
}

function compile(dist) {
  const args = [packageProgram('typescript', 'tsc'), '-p', 'tsconfig.build.json', '--outDir', dist];
  execFileSync(process.execPath, args, { cwd: root, stdio: ['ignore', 2, 2] });
}

/** Debug information is for those who have the sources; without it the library is several times smaller. */
function copyStripped(from, to) {
  copyFileSync(from, to);
  const strip = process.platform === 'linux' ? findProgram('strip') : undefined;
  if (strip !== undefined) execFileSync(strip, ['--strip-debug', to]);
}

function main() {
  const { values } = parseArgs({ options: { out: { type: 'string' } } });
  const out = path.resolve(values.out ?? path.join(root, 'out', 'packages'));
  if (!existsSync(addonOf(root))) throw new SetupError(`${addonOf(root)} is missing. Run: npm run build`);
  mkdirSync(out, { recursive: true });
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

  const library = path.join(out, 'library');
  const rootTarball = pack(library, out, rootManifest(manifest), () => {
    compile(path.join(library, 'dist'));
    for (const name of ['README.md', 'CHANGELOG.md'])
      copyFileSync(path.join(root, name), path.join(library, name));
  });
  const platform = path.join(out, 'platform');
  const platformTarball = pack(platform, out, platformManifest(manifest), () =>
    copyStripped(addonOf(root), path.join(platform, 'headrace.node')),
  );
  console.log(JSON.stringify({ root: rootTarball, platform: platformTarball }));
}

try {
  main();
} catch (error) {
  say(error instanceof SetupError ? error.message : error.stack);
  process.exitCode = 1;
}
