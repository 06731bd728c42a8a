/** Opening a checkpoint folder: what the last run left is put in order before any source opens. */
import type { BindingStore, Native } from '../binding.ts';
import type { Plan } from '../plan/generated.ts';
import { totalOf } from './counts.ts';
import { filesOf, type Lineage } from './lineage.ts';
import {
  type CheckpointManifest,
  type ClaimManifest,
  type Latest,
  MANIFEST_VERSION,
  parseLatest,
  requireSamePipeline,
} from './manifest.ts';

/** What a run goes on from. */
export interface Restored {
  /** `finished`: the last run had read all its input, so this one starts over. */
  readonly from: 'nothing' | 'checkpoint' | 'finished';
  /** The number of the checkpoint gone on from, or of the finished run's last one. */
  readonly checkpoint: number | null;
  /** The parallelism of the run that took it. */
  readonly parallelism: number | null;
  /** Rows that the sources had read up to the checkpoint gone on from; 0 without one. */
  readonly rowsIn: number;
}

/** A run that begins at the beginning. */
export const NOTHING_RESTORED: Restored = { from: 'nothing', checkpoint: null, parallelism: null, rowsIn: 0 };

/** A checkpoint folder that this run holds. */
export interface OpenCheckpoints {
  readonly store: BindingStore;
  readonly restored: Restored;
  /** What to hand to the engine, or null to start from the beginning. */
  readonly manifest: CheckpointManifest | null;
}

/** The parts of the native library that recovery needs. */
export type RecoveryNative = Pick<Native, 'openStore' | 'commit' | 'withdraw'>;

/**
 * Takes the folder over and finishes or undoes what the last run left: claims the sequence, commits the newest
 * checkpoint's files again, removes newer ones. Every step may be repeated, so dying in here loses nothing.
 *
 * Throws `HR_LOCKED` when another process holds the folder, `HR_CHECKPOINT_MISMATCH`, `HR_CHECKPOINT_VERSION` or
 * `HR_CHECKPOINT_DAMAGED` when its newest checkpoint cannot be gone on from.
 */
export async function openCheckpoints(
  native: RecoveryNative,
  folder: string,
  fresh: boolean,
  plan: Plan,
  run: string,
): Promise<OpenCheckpoints> {
  const store = await native.openStore(folder);
  try {
    const latest = fresh ? null : await readLatest(store);
    const goesOn = latest !== null && !latest.manifest.final;
    if (goesOn) requireSamePipeline(latest.manifest, plan);
    else await store.clear();
    const claim: ClaimManifest = { kind: 'claim', version: MANIFEST_VERSION, run };
    await store.put(JSON.stringify(claim));
    if (goesOn) await native.commit(JSON.stringify(latest.manifest.committables));
    await withdrawNewer(native, plan, goesOn ? latest.manifest.lineage : []);
    if (goesOn && !latest.committed) await store.mark(latest.sequence);
    return { store, restored: restoredFrom(latest), manifest: goesOn ? latest.manifest : null };
  } catch (error) {
    store.close();
    throw error;
  }
}

async function readLatest(store: BindingStore): Promise<Latest | null> {
  const json = await store.latest();
  return json === null ? null : parseLatest(json);
}

function restoredFrom(latest: Latest | null): Restored {
  if (latest === null) return NOTHING_RESTORED;
  const { final, checkpoint, parallelism, counts } = latest.manifest;
  const rowsIn = final ? 0 : totalOf(counts, 'sourceRows');
  return { from: final ? 'finished' : 'checkpoint', checkpoint, parallelism, rowsIn };
}

/**
 * Removes what a sink of ours left in its folder beyond the lineage: pending files, and files of checkpoints that are
 * not gone on from. A folder of a Parquet sink thus holds the result of one job; foreign files in it stay.
 */
export async function withdrawNewer(
  native: Pick<Native, 'withdraw'>,
  plan: Plan,
  lineage: Lineage,
): Promise<void> {
  const folders = new Set(plan.nodes.flatMap(({ op }) => (op.op === 'parquetSink' ? [op.path] : [])));
  for (const folder of folders) {
    const keep = await filesOf(folder, lineage);
    await native.withdraw(folder, JSON.stringify({ keep }));
  }
}
