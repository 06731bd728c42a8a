/** The options of a run, checked before anything starts. */
import path from 'node:path';
import { type DurationInput, toMicros } from '../api/duration.ts';
import { HeadraceError } from '../errors.ts';
import type { JobOptions } from '../plan/generated.ts';
import type { Restored } from './recovery.ts';

/** Where and how often a job saves its state. */
export interface CheckpointOptions {
  /** The time between two checkpoints: `'1s'`, `seconds(1)`, or milliseconds. At least 1 ms. */
  readonly every: DurationInput | number;
  /** The folder: a path or a `file://` URL, which may be relative (`file://./state`). One job has it at a time. */
  readonly to: string;
  /** How long the operators may take to answer a checkpoint before it counts as failed. Default 10 minutes. */
  readonly timeout?: DurationInput | number;
  /** Discards an earlier checkpoint and starts over. Default false. */
  readonly fresh?: boolean;
  /**
   * How many checkpoints in a row may time out, or fail to write their manifest, before the job fails. An operator
   * that cannot write its part (a full disk) always fails it. Default 0.
   */
  readonly tolerableFailures?: number;
  /** How many completed checkpoints stay in the folder. Default 2. */
  readonly keep?: number;
}

/** How a pipeline is run; none of it changes its results. */
export interface RunOptions {
  /** For messages and metrics. */
  readonly name?: string;
  /** Subtasks of each keyed operator, 1 to 128. Default 1. */
  readonly parallelism?: number;
  /** Rows of a source batch, 1 to 1,048,576. Default 8192. */
  readonly batchRows?: number;
  /** Rows a channel holds before it stops its sender, 1 to 2^31 − 1. Default 65,536. */
  readonly channelRows?: number;
  /** Bytes a channel holds before it stops its sender, 1 to 2^31 − 1. Default 16 MiB. */
  readonly channelBytes?: number;
  /** Without it a job that dies starts from the beginning. */
  readonly checkpoint?: CheckpointOptions;
  /** Cancels the job when it aborts. */
  readonly signal?: AbortSignal;
  /** Told what happens to the job; must not throw. */
  readonly onEvent?: (event: RunEvent) => void;
}

/** What happens to a job, for progress lines and logs. */
export type RunEvent =
  | { readonly event: 'started'; readonly restored: Restored }
  | {
      readonly event: 'checkpoint';
      readonly checkpoint: number;
      readonly durationMs: number;
      readonly bytes: number;
    }
  | { readonly event: 'checkpointFailed'; readonly checkpoint: number; readonly failures: number };

/** Options with everything filled in. */
export interface CheckedOptions {
  readonly job: JobOptions;
  readonly checkpoint: {
    readonly folder: string;
    readonly everyMs: number;
    readonly timeoutMs: number;
    readonly fresh: boolean;
    readonly failuresMax: number;
    readonly kept: number;
  } | null;
}

const INT32_MAX = 2 ** 31 - 1;
const TIMEOUT_MS = 10 * 60 * 1000;

/** Fills in defaults; `HR_OPTION_INVALID` names the option that is out of range. */
export function checkOptions(options: RunOptions): CheckedOptions {
  const known = [
    'name',
    'parallelism',
    'batchRows',
    'channelRows',
    'channelBytes',
    'checkpoint',
    'signal',
    'onEvent',
  ];
  refuseUnknown('option', options, known);
  const { checkpoint } = options;
  return {
    job: {
      parallelism: integer('parallelism', options.parallelism, 1, 1, 128),
      batchRows: integer('batchRows', options.batchRows, 8192, 1, 1 << 20),
      channelRows: integer('channelRows', options.channelRows, 65_536, 1, INT32_MAX),
      channelBytes: integer('channelBytes', options.channelBytes, 16 << 20, 1, INT32_MAX),
    },
    checkpoint: checkpoint === undefined ? null : checkCheckpoint(checkpoint),
  };
}

function checkCheckpoint(options: CheckpointOptions): NonNullable<CheckedOptions['checkpoint']> {
  refuseUnknown('option checkpoint', options, [
    'every',
    'to',
    'timeout',
    'fresh',
    'tolerableFailures',
    'keep',
  ]);
  const { fresh = false } = options;
  if (typeof fresh !== 'boolean') throw invalid('checkpoint.fresh', fresh, 'true or false');
  return {
    folder: folderOf(options.to),
    everyMs: span('checkpoint.every', options.every),
    timeoutMs: span('checkpoint.timeout', options.timeout ?? TIMEOUT_MS),
    fresh,
    failuresMax: integer('checkpoint.tolerableFailures', options.tolerableFailures, 0, 0, INT32_MAX),
    kept: integer('checkpoint.keep', options.keep, 2, 1, 1000),
  };
}

function refuseUnknown(what: string, options: object, known: readonly string[]): void {
  const stranger = Object.keys(options).find((key) => !known.includes(key));
  if (stranger === undefined) return;
  throw new HeadraceError('HR_OPTION_INVALID', `There is no ${what} '${stranger}'.`, {
    hint: `Options here are ${known.join(', ')}.`,
  });
}

function invalid(name: string, value: unknown, expected: string): HeadraceError {
  const text = typeof value === 'string' ? `'${value}'` : String(value);
  return new HeadraceError('HR_OPTION_INVALID', `The option ${name} is ${text}.`, {
    hint: `It must be ${expected}.`,
  });
}

function integer(
  name: string,
  value: number | undefined,
  fallback: number,
  min: number,
  max: number,
): number {
  if (value === undefined) return fallback;
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalid(name, value, `a whole number from ${min} to ${max}`);
}

/** A span in whole milliseconds, at least one. */
function span(name: string, value: DurationInput | number): number {
  const ms = typeof value === 'number' ? value : toMicros(value) / 1000;
  if (Number.isFinite(ms) && ms >= 1) return Math.round(ms);
  throw invalid(name, typeof value === 'number' ? value : `${ms}ms`, 'at least 1 ms');
}

function folderOf(to: string): string {
  if (typeof to !== 'string' || to === '') throw invalid('checkpoint.to', to, 'a folder or a file:// URL');
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(to) ?? [];
  if (scheme === undefined) return path.resolve(to);
  // Not `URL`: it would take the first segment of a relative path for a host.
  if (scheme.toLowerCase() === 'file' && rest) return path.resolve(decodeURIComponent(rest));
  throw invalid('checkpoint.to', to, 'a folder or a file:// URL; other stores are not supported yet');
}
