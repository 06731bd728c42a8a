/** How deep an operator of the plan nests: chains of `and` and `or` are made shallow, what is still too deep is refused. */
import { HeadraceError } from '../errors.ts';
import type { BinaryOp, Expr, Node, Op } from './generated.ts';

/**
 * An operator nests at most this many levels of objects and lists. The plan travels as JSON, also in every checkpoint,
 * and the reader in Rust goes 127 levels deep, of which the rest of a checkpoint takes some.
 */
export const NESTING_MAX = 100;

type Chain = Extract<Expr, { kind: 'binary' }>;

/**
 * The operator with every chain of one and the same `and` or `or` as a balanced tree, which means the same: both are
 * associative, and their order stays. Throws `HR_PLAN_INVALID`, at the operator, for what nests too deep all the same.
 */
export function shallow({ op, ...node }: Node): Node {
  return { ...node, op: rebuilt(op, 1, node) as Op };
}

type Site = Pick<Node, 'uid' | 'name' | 'at'>;

function rebuilt(value: unknown, level: number, site: Site): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (level > NESTING_MAX) throw tooDeep(site);
  if (Array.isArray(value)) return value.map((item) => rebuilt(item, level + 1, site));
  if (isChain(value)) return balanced(value.op, linksOf(value), level, site);
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, rebuilt(member, level + 1, site)]),
  );
}

function isChain(value: object): value is Chain {
  const { kind, op } = value as Partial<Chain>;
  return kind === 'binary' && (op === 'and' || op === 'or');
}

/** What a chain joins, from left to right; without recursion, because chains may be long. */
function linksOf(chain: Chain): Expr[] {
  const links: Expr[] = [];
  const stack: Expr[] = [chain];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (isChain(next) && next.op === chain.op) stack.push(next.right, next.left);
    else links.push(next);
  }
  return links;
}

function balanced(op: BinaryOp, links: readonly Expr[], level: number, site: Site): unknown {
  const [only] = links;
  if (links.length === 1) return rebuilt(only, level, site);
  const half = Math.ceil(links.length / 2);
  const side = (part: readonly Expr[]) => balanced(op, part, level + 1, site);
  return { kind: 'binary', op, left: side(links.slice(0, half)), right: side(links.slice(half)) };
}

function tooDeep({ uid, name, at }: Site): HeadraceError {
  return new HeadraceError(
    'HR_PLAN_INVALID',
    `An expression or type nests deeper than ${NESTING_MAX} levels.`,
    {
      hint: 'Compute parts of it with withColumns() first, and go on with those columns.',
      place: { uid, operator: name, ...(at === null ? {} : { at }) },
    },
  );
}
