/** From the operators that a user chained to the plan: numbered, with uids, each shared operator once. */

import { resolve } from 'node:path';
import type { Draft, Edge } from '../api/draft.ts';
import type { Output } from '../api/output.ts';
import type { Host, HostTable } from '../control/hosts.ts';
import { HeadraceError } from '../errors.ts';
import type { CompiledPlan } from './compiled.ts';
import { type Field, type Input, type Node, type Op, PLAN_VERSION, type Plan } from './generated.ts';
import type { Lowered } from './lowered.ts';
import { shallow } from './nesting.ts';
import { assignUids } from './uid.ts';

/**
 * Lowers the outputs of a job. Numbers follow from the order of the outputs and of each operator's inputs alone, so the
 * same pipeline always becomes the same plan.
 *
 * Throws `HR_PLAN_INVALID` without outputs, for a uid or an output that stands twice, and for an expression that nests
 * too deep.
 */
export function lower(outputs: Output | readonly Output[]): Lowered {
  const list = Array.isArray(outputs) ? (outputs as readonly Output[]) : [outputs as Output];
  checkOutputs(list);
  const drafts = inOrder(list.map((output) => output.draft));
  const numbers = new Map(drafts.map((draft, index) => [draft, index]));
  const inputOf = ({ draft, port }: Edge): Input => ({ node: numbers.get(draft) ?? -1, port });
  const uids = assignUids(drafts);
  const hosts: { draft: Draft; make: NonNullable<Draft['host']> }[] = [];
  const tables: HostTable[] = [];
  const nodes = drafts.map((draft, index): Node => {
    let op: Op = draft.op;
    if (draft.host !== undefined && 'host' in op) {
      op = { ...op, host: hosts.push({ draft, make: draft.host }) - 1 };
    } else if (draft.rows !== undefined && op.op === 'tableSource') {
      op = { ...op, table: tables.push(draft.rows) - 1 };
    }
    const inputs = draft.inputs.map(inputOf);
    return shallow({ uid: uids[index] ?? '', name: draft.name, at: draft.at, inputs, op });
  });
  checkFolders(nodes);
  const plan: Plan = { version: PLAN_VERSION, nodes };
  const bind = (compiled: CompiledPlan): Host[] =>
    hosts.map(({ draft, make }) => {
      const [input] = draft.inputs;
      return make(input === undefined ? [] : fieldsOf(inputOf(input), compiled));
    });
  return { plan, tables, bind };
}

/** The columns that travel along an edge of a compiled plan. */
export function fieldsOf({ node, port }: Input, compiled: CompiledPlan): readonly Field[] {
  const fields = compiled.nodes[node];
  return (port === 0 ? fields?.schema : fields?.lateSchema) ?? [];
}

function checkOutputs(outputs: readonly Output[]): void {
  if (outputs.length === 0) {
    throw new HeadraceError('HR_PLAN_INVALID', 'The job has no outputs.', {
      hint: 'End a stream in a sink: run([stream.to(sink.parquet(folder))]).',
    });
  }
  for (const output of outputs) {
    if (output?.draft !== undefined) continue;
    throw new HeadraceError('HR_PLAN_INVALID', 'A job is made of outputs.', {
      hint: 'A stream becomes one with .to(sink): run([stream.to(sink.parquet(folder))]).',
    });
  }
}

// Files of two sinks in one folder could not be told apart when one of them is recovered.
function checkFolders(nodes: readonly Node[]): void {
  const folders = new Map<string, Node>();
  for (const node of nodes) {
    if (node.op.op !== 'parquetSink') continue;
    const folder = resolve(node.op.path);
    const other = folders.get(folder);
    if (other !== undefined) {
      throw new HeadraceError('HR_PLAN_INVALID', `Two sinks write to the folder '${node.op.path}'.`, {
        hint: `The other one is ${other.at ?? other.uid}. Give each its own folder.`,
        place: { uid: node.uid, operator: node.name, ...(node.at === null ? {} : { at: node.at }) },
      });
    }
    folders.set(folder, node);
  }
}

/** All operators, each behind its inputs; without recursion, because pipelines may be long. */
function inOrder(ends: readonly Draft[]): Draft[] {
  const done = new Set<Draft>();
  const stack = [...ends].reverse();
  while (stack.length > 0) {
    const draft = stack[stack.length - 1] as Draft;
    const missing = draft.inputs.map((input) => input.draft).filter((input) => !done.has(input));
    if (missing.length > 0) stack.push(...missing.reverse());
    else done.add(stack.pop() as Draft);
  }
  return [...done];
}
