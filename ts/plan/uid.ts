/** The ids that state is kept under. */
import { createHash } from 'node:crypto';
import type { Draft, Edge } from '../api/draft.ts';
import { HeadraceError } from '../errors.ts';

// Operators that keep nothing between rows: adding or removing one leaves the ids of the others alone.
const STATELESS: ReadonlySet<string> = new Set(['filter', 'select']);
const HASH_DIGITS = 8;

/**
 * A uid for each operator, in the given order, in which every operator stands behind its inputs: the user's, or the
 * operator's kind and a hash of the kinds before it, numbered where that is not unique. Options do not count, so that a
 * changed option is reported as one instead of as a lost operator.
 *
 * Throws `HR_PLAN_INVALID` if the user gave an id twice.
 */
export function assignUids(drafts: readonly Draft[]): string[] {
  const shapes = new Map<Draft, string>();
  const taken = chosen(drafts);
  const numbers = new Map<string, number>();
  return drafts.map((draft) => {
    const before = draft.inputs.map((input) => edgeShape(input, shapes)).join();
    // Hashed at each step, or the text would double with every union of a stream with itself.
    const shape = isTransparent(draft) ? before : digest(`${draft.uid ?? draft.op.op}(${before})`);
    shapes.set(draft, shape);
    return draft.uid ?? unused(`${draft.op.op}-${digest(before)}`, taken, numbers);
  });
}

function isTransparent({ op, uid }: Draft): boolean {
  return STATELESS.has(op.op) && uid === undefined;
}

function edgeShape({ draft, port }: Edge, shapes: ReadonlyMap<Draft, string>): string {
  const shape = shapes.get(draft) ?? '';
  return isTransparent(draft) ? shape : `${shape}:${port}`;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, HASH_DIGITS);
}

function chosen(drafts: readonly Draft[]): Set<string> {
  const taken = new Map<string, Draft>();
  for (const draft of drafts) {
    if (draft.uid === undefined) continue;
    const other = taken.get(draft.uid);
    if (other !== undefined) {
      throw new HeadraceError('HR_PLAN_INVALID', `The uid '${draft.uid}' stands for two operators.`, {
        hint: `The other one is ${other.name}${other.at === null ? '' : ` at ${other.at}`}.`,
        place: { uid: draft.uid, operator: draft.name, ...(draft.at === null ? {} : { at: draft.at }) },
      });
    }
    taken.set(draft.uid, draft);
  }
  return new Set(taken.keys());
}

function unused(uid: string, taken: Set<string>, numbers: Map<string, number>): string {
  let number = numbers.get(uid) ?? 1;
  let candidate = number === 1 ? uid : `${uid}-${number}`;
  while (taken.has(candidate)) candidate = `${uid}-${++number}`;
  numbers.set(uid, number);
  taken.add(candidate);
  return candidate;
}
