/** What a checkpoint's manifest says, and whether it belongs to the pipeline that is about to run. */
import { createHash } from 'node:crypto';
import { formatMicros } from '../api/duration.ts';
import type { Committable, SourcePosition, StateFile } from '../binding.ts';
import { HeadraceError } from '../errors.ts';
import type { JobOptions, Node, Plan } from '../plan/generated.ts';
import type { OperatorCounts } from './counts.ts';
import type { Lineage } from './lineage.ts';
import { brokenMember } from './manifest-shape.ts';

/** The version of the manifest format. */
export const MANIFEST_VERSION = 2;

/** A completed checkpoint. Its size grows with subtasks and restarts, not with the number of checkpoints. */
export interface CheckpointManifest {
  readonly kind: 'checkpoint';
  readonly version: typeof MANIFEST_VERSION;
  /** Counts checkpoints over all runs of the job. */
  readonly checkpoint: number;
  /** All input was read (or drained): there is nothing to go on with. */
  readonly final: boolean;
  /** Taken to stop the job. */
  readonly stop: boolean;
  /** Of the pipeline, see {@link fingerprint}. */
  readonly fingerprint: string;
  /** The run that took it. */
  readonly run: string;
  readonly parallelism: number;
  readonly files: readonly StateFile[];
  /** To be committed again by whoever restores it, in case the run died before it had. */
  readonly committables: readonly Committable[];
  readonly positions: readonly SourcePosition[];
  /** What all runs up to this checkpoint have counted. */
  readonly counts: readonly OperatorCounts[];
  /** Which committed files belong to the result as of this checkpoint. */
  readonly lineage: Lineage;
  /** The pipeline, to name a difference. */
  readonly plan: Plan;
  readonly options: JobOptions;
}

/** Written at the start of a run: takes the next number of the sequence, so that an older run can write no more. */
export interface ClaimManifest {
  readonly kind: 'claim';
  readonly version: typeof MANIFEST_VERSION;
  readonly run: string;
}

/** The newest checkpoint of a store. */
export interface Latest {
  /** Its number in the store's sequence. */
  readonly sequence: number;
  /** Whether all its committables are known to be committed. */
  readonly committed: boolean;
  readonly manifest: CheckpointManifest;
}

/**
 * Reads what `BindingStore.latest` returned; `HR_CHECKPOINT_VERSION` for another version of the format,
 * `HR_CHECKPOINT_DAMAGED` for what is no manifest.
 */
export function parseLatest(json: string): Latest {
  const latest = JSON.parse(json) as Latest;
  const manifest: unknown = latest.manifest;
  if (typeof manifest !== 'object' || manifest === null) throw noManifest(latest.sequence, 'it is no object');
  const { version } = manifest as { version?: unknown };
  if (version === undefined) throw noManifest(latest.sequence, 'it has no version');
  if (version !== MANIFEST_VERSION) {
    throw new HeadraceError(
      'HR_CHECKPOINT_VERSION',
      `The checkpoint has format version ${version}; this headrace reads version ${MANIFEST_VERSION}.`,
      { hint: 'Resume it with the headrace that wrote it, or start over with checkpoint.fresh.' },
    );
  }
  const broken = brokenMember(manifest);
  if (broken !== undefined)
    throw noManifest(latest.sequence, `its '${broken}' is missing or of another type`);
  return latest;
}

function noManifest(sequence: number, reason: string): HeadraceError {
  return new HeadraceError(
    'HR_CHECKPOINT_DAMAGED',
    `Manifest ${sequence} is none of headrace's: ${reason}.`,
    {
      hint: 'Restore the folder from a backup, or start over with checkpoint.fresh.',
    },
  );
}

/**
 * The SHA-256 of what a pipeline computes: operators, their inputs and uids. What may differ between a run and its
 * resumption does not count: names, source lines, rates, and the limits of JavaScript functions.
 */
export function fingerprint(plan: Plan): string {
  return createHash('sha256')
    .update(canonical(essence(plan)))
    .digest('hex');
}

/** Throws `HR_CHECKPOINT_MISMATCH`, naming the difference, when the checkpoint was taken by another pipeline. */
export function requireSamePipeline(manifest: CheckpointManifest, plan: Plan): void {
  if (manifest.fingerprint === fingerprint(plan)) return;
  const found = differences(manifest.plan, plan);
  const summary = `Checkpoint ${manifest.checkpoint} was taken by another pipeline: ${found.join('; ')}.`;
  throw new HeadraceError('HR_CHECKPOINT_MISMATCH', summary, {
    hint: 'Run the pipeline as it was, or start over with checkpoint.fresh (--fresh), which discards the checkpoint.',
  });
}

const DIFFERENCES_MAX = 5;

/** What differs between two pipelines, operator by operator; at most {@link DIFFERENCES_MAX} sentences. */
function differences(before: Plan, now: Plan): string[] {
  const [old, fresh] = [essence(before), essence(now)];
  const nameOf = (plan: Plan, uid: string) => plan.nodes.find((node) => node.uid === uid)?.name ?? uid;
  const found: string[] = [];
  for (const uid of Object.keys(fresh)) if (!(uid in old)) found.push(`${nameOf(now, uid)} (${uid}) is new`);
  for (const uid of Object.keys(old))
    if (!(uid in fresh)) found.push(`${nameOf(before, uid)} (${uid}) is gone`);
  for (const [uid, entry] of Object.entries(fresh)) {
    const other = old[uid];
    if (other === undefined) continue;
    for (const key of new Set([...Object.keys(other), ...Object.keys(entry)])) {
      const [was, is] = [other[key], entry[key]];
      if (canonical(was) === canonical(is)) continue;
      found.push(`${nameOf(now, uid)}: ${key} was ${asWritten(key, was)}, is now ${asWritten(key, is)}`);
    }
  }
  const more = found.length - DIFFERENCES_MAX;
  if (found.length === 0) return ['its order of operators differs'];
  return more > 0 ? [...found.slice(0, DIFFERENCES_MAX), `and ${more} more`] : found;
}

// Run options that live in the plan, and numbers that only say where JavaScript keeps something.
const NOT_ESSENTIAL = new Set(['rate', 'timeoutMs', 'inFlight', 'host', 'table']);

/** The pipeline by uid, without what does not change its results. */
function essence(plan: Plan): Record<string, Record<string, unknown>> {
  return Object.fromEntries(plan.nodes.map((node) => [node.uid, essenceOf(node, plan)]));
}

function essenceOf(node: Node, plan: Plan): Record<string, unknown> {
  const op = Object.entries(node.op).filter(([key]) => !NOT_ESSENTIAL.has(key));
  const inputs = node.inputs.map((input) => `${plan.nodes[input.node]?.uid}:${input.port}`);
  return { ...Object.fromEntries(op), inputs };
}

/** JSON with sorted keys, so that equal values give equal text. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    const isPlain = typeof inner === 'object' && inner !== null && !Array.isArray(inner);
    if (!isPlain) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  }) as string;
}

const VALUE_MAX = 120;

/** Options of operators that the user writes as spans of time, and the plan holds in µs. */
const SPANS: ReadonlySet<string> = new Set([
  'lag',
  'idle',
  'maxAhead',
  'size',
  'slide',
  'offset',
  'lateness',
]);

/** The value of an operator's option as the user wrote it. */
function asWritten(key: string, value: unknown): string {
  if (value === undefined || value === null) return 'not set';
  if (SPANS.has(key) && typeof value === 'number') return formatMicros(value);
  const text = canonical(value);
  return text.length > VALUE_MAX ? `${text.slice(0, VALUE_MAX)}…` : text;
}
