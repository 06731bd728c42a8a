// A folder outside the checkout in which the packed packages are installed without a network, and the Nodes to run them.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chooseNode, installNode } from '../../scripts/setup/node.mjs';
import { npmCommand } from '../../scripts/setup/packages.mjs';
import { root } from '../../scripts/setup/places.mjs';

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The tarballs that `npm run pack` makes. */
export interface Tarballs {
  readonly root: string;
  readonly platform: string;
}

/** The Nodes a release must run on: the oldest that is allowed, and 24. */
export async function installNodes(): Promise<readonly [version: string, path: string][]> {
  const nodes: [string, string][] = [];
  for (const range of ['22.18', '24']) {
    const { path: file, code } = await installNode(range);
    if (code !== 0) throw new Error(`Node ${range} is neither in the cache nor to be had from npm`);
    nodes.push([range, file]);
  }
  return nodes;
}

/** A scratch folder, and packing and installing in it. */
export class Sandbox {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'headrace-packaging-'));

  /** Packs the checkout. */
  pack(): Tarballs {
    const args = [path.join(root, 'scripts', 'pack.mjs'), '--out', path.join(this.folder, 'packed')];
    return JSON.parse(
      execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }),
    );
  }

  /** Packs what the root package depends on, from node_modules: all packages of the lockfile that are not for development. */
  packDependencies(): string[] {
    const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { dev?: boolean; devOptional?: boolean; optional?: boolean }>;
    };
    const folders = Object.entries(lock.packages)
      .filter(([name, { dev, devOptional, optional }]) => name !== '' && !dev && !devOptional && !optional)
      .map(([name]) => path.join(root, name));
    const out = path.join(this.folder, 'dependencies');
    mkdirSync(out, { recursive: true });
    const names = this.npm(out, 'pack', '--silent', ...folders)
      .trim()
      .split('\n');
    return names.map((name) => path.join(out, name));
  }

  /** Installs tarballs into a new, empty folder, with an empty npm cache and no network; returns the folder. */
  install(name: string, tarballs: readonly string[]): string {
    const folder = path.join(this.folder, name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
    this.npm(folder, 'install', '--offline', '--cache', path.join(this.folder, 'cache'), ...tarballs);
    return folder;
  }

  /** Runs a Node script with nothing on PATH but that Node: no cargo, no compiler. */
  run(node: string, cwd: string, ...args: string[]): Ended {
    const env = { PATH: path.dirname(node), HOME: this.folder };
    const { status, stdout, stderr } = spawnSync(node, args, { cwd, env, encoding: 'utf8', timeout: 60_000 });
    return { code: status, stdout, stderr };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private npm(cwd: string, ...args: string[]): string {
    const [program, ...first] = npmCommand() as [string, ...string[]];
    const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    // npm is itself a Node program, and a recent one needs more than the Node that may be first on PATH.
    const node = chooseNode(root)?.path ?? process.execPath;
    const env = { ...process.env, PATH: `${path.dirname(node)}${path.delimiter}${process.env.PATH}` };
    return execFileSync(program, [...first, ...args, ...options], { cwd, env, encoding: 'utf8' });
  }
}
