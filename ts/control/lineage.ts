/**
 * Which committed files belong to a result.
 *
 * A sink's files carry run and checkpoint in their names. A run commits its checkpoints in order, so the files of a
 * result are told by one pair per run: all its files up to the checkpoint that the next run went on from. That keeps
 * a manifest small however long a job runs: one entry per restart.
 */
import { readdir } from 'node:fs/promises';

/** Files of `run` up to and including checkpoint `through`. */
export interface LineageEntry {
  readonly run: string;
  readonly through: number;
}

/** The runs that led to a result, oldest first. */
export type Lineage = readonly LineageEntry[];

/** The lineage as `run` extends it with checkpoint `through`. */
export function extend(lineage: Lineage, run: string, through: number): Lineage {
  return [...lineage.filter((entry) => entry.run !== run), { run, through }];
}

// `part-<run>-<checkpoint>-<subtask>.parquet`; a run's id holds no dash.
const PART = /^part-([^-]+)-(\d+)-\d+\.parquet$/;

/** Whether a final file belongs to the lineage. */
export function belongs(name: string, lineage: Lineage): boolean {
  const [, run, checkpoint] = PART.exec(name) ?? [];
  return lineage.some((entry) => entry.run === run && Number(checkpoint) <= entry.through);
}

/** The final files in `folder` that belong to the lineage; none when the folder is missing. */
export async function filesOf(folder: string, lineage: Lineage): Promise<string[]> {
  if (lineage.length === 0) return [];
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names.filter((name) => belongs(name, lineage)).sort();
}
