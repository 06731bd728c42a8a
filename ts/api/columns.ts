/** The columns of a stream while a pipeline is built: their names, and the object `f` that callbacks receive. */
import { HeadraceError } from '../errors.ts';
import type { DataType, Expr } from '../plan/generated.ts';
import { columnNamed, Expression } from './expression.ts';
import { describe } from './literal.ts';

/** A column: its name, and its type as far as it is known before the plan is compiled. */
export interface ColumnInfo {
  readonly name: string;
  readonly data: DataType | undefined;
}

/** The object `f`: a property for each column; any other name is an error that suggests the nearest one. */
export function columnsObject<S>(columns: readonly ColumnInfo[]): S {
  const target: Record<string, Expression> = Object.create(null);
  for (const { name, data } of columns) {
    // Defined, not assigned: a column may be called __proto__.
    Object.defineProperty(target, name, { value: columnNamed(name, data), enumerable: true });
  }
  return new Proxy(target, {
    get(object, name) {
      if (typeof name === 'symbol') return undefined;
      if (!Object.hasOwn(object, name)) throw unknownColumn(name, columns);
      return object[name];
    },
  }) as S;
}

/** The error for a column that is not there. */
export function unknownColumn(name: string, columns: readonly ColumnInfo[]): HeadraceError {
  const names = columns.map((column) => column.name);
  const nearest = suggestion(name, names);
  const hint = nearest === undefined ? `Its columns are ${names.join(', ')}.` : `Did you mean '${nearest}'?`;
  return new HeadraceError('HR_UNKNOWN_COLUMN', `The stream has no column '${name}'.`, { hint });
}

/** Throws `HR_UNKNOWN_COLUMN` unless all names are columns. */
export function checkNames(names: readonly string[], columns: readonly ColumnInfo[]): void {
  for (const name of names) {
    if (!columns.some((column) => column.name === name)) throw unknownColumn(name, columns);
  }
}

/** Throws `HR_PLAN_INVALID` if a name stands twice. */
export function checkDistinct(names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) {
      throw new HeadraceError('HR_PLAN_INVALID', `The result would have two columns '${name}'.`, {
        hint: 'Give one of them another name, with rename() or in select().',
      });
    }
    seen.add(name);
  }
}

/** The expression a callback returned, whose columns exist. Throws `HR_TYPE_MISMATCH` for anything else. */
export function checkedExpression(value: unknown, columns: readonly ColumnInfo[], what: string): Expression {
  if (!(value instanceof Expression)) {
    throw new HeadraceError('HR_TYPE_MISMATCH', `${what} is not an expression: ${describe(value)}.`, {
      hint: 'Use a column such as f.delay, an expression over columns, or lit(…) for a constant.',
    });
  }
  checkColumnsOf(value.node, columns);
  return value;
}

/** The object that a callback returned. Throws `HR_TYPE_MISMATCH` for anything else. */
export function checkedObject(result: unknown): Record<string, unknown> {
  if (
    typeof result === 'object' &&
    result !== null &&
    !Array.isArray(result) &&
    !(result instanceof Expression)
  ) {
    return result as Record<string, unknown>;
  }
  throw new HeadraceError('HR_TYPE_MISMATCH', `The callback returned no columns: ${describe(result)}.`, {
    hint: 'Return an object: f => ({ ...f, late: f.delay.gt(15) }).',
  });
}

/** Throws `HR_UNKNOWN_COLUMN` for a column of another stream. Without recursion, because chains may be long. */
export function checkColumnsOf(expr: Expr, columns: readonly ColumnInfo[]): void {
  const stack: Expr[] = [expr];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (next.kind === 'column') checkNames([next.name], columns);
    else stack.push(...partsOf(next));
  }
}

/** What an expression is made of. */
function partsOf(expr: Expr): Expr[] {
  switch (expr.kind) {
    case 'unary':
    case 'cast':
      return [expr.arg];
    case 'binary':
      return [expr.right, expr.left];
    case 'case': {
      const branches = expr.branches.flatMap(({ when, then }) => [when, then]);
      return expr.otherwise === null ? branches : [...branches, expr.otherwise];
    }
    case 'call':
      return expr.args;
    default:
      return [];
  }
}

/** The name nearest to `name`, if it is near: within a third of its length in edits. */
export function suggestion(name: string, names: readonly string[]): string | undefined {
  const limit = Math.ceil(name.length / 3);
  const ranked = names
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((left, right) => left.distance - right.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= limit ? best.candidate : undefined;
}

// Levenshtein's distance by Wagner and Fischer's table, of which one row is kept. O(a × b).
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
