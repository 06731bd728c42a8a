/** The delivery guarantee of each way through a plan: the least of its source, the engine and its sink. */
import { HeadraceError } from '../errors.ts';
import type { Node, Plan } from './generated.ts';

/**
 * What a crash does to the rows that a sink was given. `exactly-once`: nothing. `at-least-once`: some may be given
 * again. `starts-over`: the job begins anew. `none`: rows may be lost.
 */
export type Guarantee = 'exactly-once' | 'at-least-once' | 'starts-over' | 'none';

/** One way from a source to a sink. */
export interface DeliveryPath {
  /** The source's number in the plan. */
  readonly source: number;
  /** The sink's number in the plan. */
  readonly sink: number;
  readonly guarantee: Guarantee;
  /** Why it is so, in sentences. */
  readonly reasons: readonly string[];
  /** What would raise it; null where nothing would. */
  readonly raise: string | null;
}

/** Throws `HR_NOT_REPLAYABLE` if the plan reads a source that cannot be replayed. To be called for jobs with checkpoints. */
export function checkReplayable(plan: Plan): void {
  const node = plan.nodes.find(({ op }) => op.op === 'hostSource');
  if (node === undefined) return;
  throw new HeadraceError('HR_NOT_REPLAYABLE', 'An iterable is read once; after a crash its rows are gone.', {
    hint: 'Run without `checkpoint`, or read from files, from rows in memory or from a generator.',
    place: { uid: node.uid, operator: node.name, ...(node.at === null ? {} : { at: node.at }) },
  });
}

/** All ways from sources to sinks, in the order of the sinks, then of the sources. */
export function deliveryPaths(plan: Plan, checkpoints: boolean): DeliveryPath[] {
  const upstream: Set<number>[] = [];
  const paths: DeliveryPath[] = [];
  for (const [number, node] of plan.nodes.entries()) {
    // A node's inputs stand before it, so their sets are known.
    const nodes = new Set([number, ...node.inputs.flatMap((input) => [...(upstream[input.node] ?? [])])]);
    upstream.push(nodes);
    if (!isSink(node)) continue;
    const sources = [...nodes]
      .filter((other) => plan.nodes[other]?.inputs.length === 0)
      .sort((a, b) => a - b);
    const calls = [...nodes].some((other) => plan.nodes[other]?.op.op === 'hostMap');
    for (const source of sources) {
      const from = plan.nodes[source];
      if (from !== undefined) paths.push({ source, sink: number, ...judge(from, node, checkpoints, calls) });
    }
  }
  return paths;
}

function isSink({ op }: Node): boolean {
  return op.op === 'parquetSink' || op.op === 'hostSink' || op.op === 'blackholeSink';
}

type Judgement = Pick<DeliveryPath, 'guarantee' | 'reasons' | 'raise'>;

function judge(source: Node, sink: Node, checkpoints: boolean, calls: boolean): Judgement {
  const replayable = source.op.op !== 'hostSource';
  const ofSource = replayable
    ? 'The source can be replayed.'
    : 'The source is an iterable, which is read once.';
  if (!replayable) {
    const reason = 'After a crash, rows that were read and not yet delivered are gone.';
    const raise = 'Read from files, from rows in memory or from a generator, and set `checkpoint`.';
    return { guarantee: 'none', reasons: [ofSource, reason], raise };
  }
  if (!checkpoints) {
    const reason = 'Without checkpoints, a job that dies starts over from the beginning.';
    return {
      guarantee: 'starts-over',
      reasons: [ofSource, reason],
      raise: 'Set `checkpoint: { every, to }`.',
    };
  }
  const reasons = [ofSource, 'State and positions are restored from one checkpoint.'];
  if (calls)
    reasons.push('JavaScript functions are called again for rows since the checkpoint: they should be pure.');
  switch (sink.op.op) {
    case 'parquetSink':
      reasons.push('Files are committed with the checkpoint that contains them.');
      return { guarantee: 'exactly-once', reasons, raise: null };
    case 'blackholeSink':
      reasons.push('Nothing leaves the job.');
      return { guarantee: 'exactly-once', reasons, raise: null };
    default:
      reasons.push('JavaScript is given the rows since the checkpoint again.');
      return {
        guarantee: 'at-least-once',
        reasons,
        raise: 'Write to sink.parquet(), which commits with checkpoints.',
      };
  }
}
