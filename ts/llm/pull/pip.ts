/** Asks pip where a wheel lies, so that whoever has pip need not say which package index to use. Pip installs nothing. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { HeadraceError } from '../../errors.ts';
import type { CatalogueEntry } from './catalogue.ts';

/** How long pip may take. */
const TIMEOUT_MS = 120_000;
const REPORT_BYTES_MAX = 16 * 1024 * 1024;

const run = promisify(execFile);

/**
 * The address of the entry's wheel by pip's report of what it would install. `program` is Python's. `HR_OPTION_INVALID`
 * where there is no pip, or it knows no such wheel.
 */
export async function askPip(entry: CatalogueEntry, program = 'python3'): Promise<string> {
  const [, version] = entry.wheel.split('-');
  const how = [
    '--dry-run',
    '--no-deps',
    '--ignore-installed',
    '--break-system-packages',
    '--only-binary',
    ':all:',
  ];
  const args = ['-m', 'pip', 'install', ...how, '--quiet', '--report', '-', `${entry.project}==${version}`];
  try {
    const { stdout } = await run(program, args, { timeout: TIMEOUT_MS, maxBuffer: REPORT_BYTES_MAX });
    const report = JSON.parse(stdout) as { install?: { download_info?: { url?: string } }[] };
    const url = report.install?.[0]?.download_info?.url;
    if (url?.endsWith(`/${entry.wheel}`)) return url;
    throw new Error(`pip offers ${url?.split('/').at(-1) ?? 'nothing'}, and not ${entry.wheel}`);
  } catch (cause) {
    const { stderr, message } = cause as Error & { stderr?: string };
    const why = (stderr?.trim().split('\n').at(-1) || message).replace(/\.$/, '');
    throw new HeadraceError(
      'HR_OPTION_INVALID',
      `It is not known where Python packages are to be had: ${why}.`,
      {
        hint: 'Set PIP_INDEX_URL to the address of a Python package index, as for pip, or install pip (23 or newer).',
        cause,
      },
    );
  }
}
