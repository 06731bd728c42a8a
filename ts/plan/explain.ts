/** What will run: the plan, how it is chained, where rows are exchanged, and what each way delivers. */
import type { CompiledPlan, Exchange } from './compiled.ts';
import { type DeliveryPath, deliveryPaths } from './delivery.ts';
import type { DataType, Field, Node, Plan } from './generated.ts';

/** An operator of an explained plan. */
export interface ExplainedOperator {
  readonly number: number;
  readonly uid: string;
  readonly name: string;
  /** The user's file and line. */
  readonly at: string | null;
  /** Operators that it reads, with `late` for a window's late rows. */
  readonly inputs: readonly { readonly operator: number; readonly late: boolean }[];
  /** Its columns, such as `delay i64?`; the question mark says that nulls may occur. */
  readonly columns: readonly string[];
  readonly eventTime: boolean;
  readonly updates: boolean;
}

/** Operators in one thread. */
export interface ExplainedChain {
  readonly name: string;
  readonly parallelism: number;
  readonly operators: readonly number[];
  /** Operators that only feed the sort at the chain's head, and run within it. */
  readonly sorted: readonly number[];
}

/** A plan, explained; plain data for `--json`. */
export interface Explanation {
  readonly operators: readonly ExplainedOperator[];
  readonly chains: readonly ExplainedChain[];
  readonly exchanges: readonly Exchange[];
  readonly paths: readonly DeliveryPath[];
  /** Windows whose late rows no output takes: they are counted and dropped. */
  readonly droppedLate: readonly number[];
  readonly checkpoints: boolean;
}

/** Explains a compiled plan, as a job with or without checkpoints. */
export function explainPlan(plan: Plan, compiled: CompiledPlan, checkpoints: boolean): Explanation {
  const bound = new Set(
    plan.nodes.flatMap((node) => node.inputs.filter(({ port }) => port === 1)).map(({ node }) => node),
  );
  return {
    operators: plan.nodes.map((node, number) => explainOperator(node, number, compiled)),
    chains: compiled.subtasks.map(({ name, parallelism, nodes }) => {
      return { name, parallelism, operators: nodes, sorted: sortedWithin(nodes[0], plan, compiled) };
    }),
    exchanges: compiled.exchanges,
    paths: deliveryPaths(plan, checkpoints),
    droppedLate: plan.nodes.flatMap(({ op }, number) =>
      op.op === 'window' && !bound.has(number) ? [number] : [],
    ),
    checkpoints,
  };
}

function explainOperator(node: Node, number: number, compiled: CompiledPlan): ExplainedOperator {
  const { schema = [], eventTime = false, updates = false } = compiled.nodes[number] ?? {};
  const inputs = node.inputs.map((input) => ({ operator: input.node, late: input.port === 1 }));
  const { uid, name, at } = node;
  return { number, uid, name, at, inputs, columns: schema.map(columnText), eventTime, updates };
}

// What stands before a chain's head and is in no chain itself.
function sortedWithin(head: number | undefined, plan: Plan, compiled: CompiledPlan): number[] {
  const chained = new Set(compiled.subtasks.flatMap((chain) => chain.nodes));
  const sorted: number[] = [];
  for (let at = head; at !== undefined; ) {
    const before: number | undefined = plan.nodes[at]?.inputs[0]?.node;
    at = before === undefined || chained.has(before) ? undefined : before;
    if (at !== undefined) sorted.unshift(at);
  }
  return sorted;
}

function columnText({ name, data, nullable }: Field): string {
  return `${name} ${typeText(data)}${nullable ? '?' : ''}`;
}

function typeText(data: DataType): string {
  if (data.type === 'list') return `list<${typeText(data.item)}>`;
  if (data.type === 'struct') return `struct<${data.fields.map(columnText).join(', ')}>`;
  return data.type;
}

const EXCHANGES: Readonly<Record<Exchange['kind'], string>> = {
  forward: 'each subtask to its neighbour',
  hash: 'by key group',
  gather: 'all subtasks into one',
};

/** The explanation as text for people. */
export function renderExplanation(explanation: Explanation): string {
  const { operators, chains, exchanges, paths, droppedLate, checkpoints } = explanation;
  const nameOf = (number: number): string => operators[number]?.name ?? String(number);
  const chainOf = (number: number): string => `${number} ${chains[number]?.name ?? ''}`.trimEnd();
  const sections: [string, string[]][] = [
    ['Plan', operators.flatMap(operatorLines)],
    [
      'Chains',
      chains.map(({ parallelism, operators: members, sorted }, number) => {
        const within = sorted.length === 0 ? '' : `(${sorted.map(nameOf).join(' → ')}) `;
        return `${number}  ${within}${members.map(nameOf).join(' → ')}  × ${parallelism}`;
      }),
    ],
    [
      'Exchanges',
      exchanges.map(({ from, to, kind }) => `${chainOf(from)} → ${chainOf(to)}: ${EXCHANGES[kind]}`),
    ],
    [
      checkpoints ? 'Delivery, with checkpoints' : 'Delivery, without checkpoints',
      paths.flatMap(({ source, sink, guarantee, reasons, raise }) => [
        `${nameOf(source)} → ${nameOf(sink)}: ${guarantee}`,
        ...reasons.map((reason) => `    ${reason}`),
        ...(raise === null ? [] : [`    To raise it: ${raise}`]),
      ]),
    ],
    [
      'Late rows',
      droppedLate.map(
        (number) => `${nameOf(number)}: counted and dropped; name and bind them with .sideOutput(name)`,
      ),
    ],
  ];
  return sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${title}\n${lines.map((line) => `  ${line}\n`).join('')}`)
    .join('\n');
}

function operatorLines(operator: ExplainedOperator): string[] {
  const { number, uid, name, at, inputs, columns, eventTime, updates } = operator;
  const from = inputs
    .map((input) => (input.late ? `late rows of ${input.operator}` : input.operator))
    .join(', ');
  const marks = [eventTime ? 'event time' : '', updates ? 'updates' : ''].filter((mark) => mark !== '');
  return [
    `${number}  ${name}${from === '' ? '' : `  ← ${from}`}${at === null ? '' : `  (${at})`}`,
    `     uid ${uid}${marks.map((mark) => `, ${mark}`).join('')}`,
    ...(columns.length === 0 ? [] : [`     ${columns.join(', ')}`]),
  ];
}
