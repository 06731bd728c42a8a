/** Whether what was read as a manifest has the members of one: its checksum says only that nobody damaged it since. */

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isFlag: Check = (value) => typeof value === 'boolean';
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isAnything: Check = (value) => value !== undefined;

/** An object with at least these members. */
function record(members: Readonly<Record<string, Check>>): Check {
  return (value) => {
    if (typeof value !== 'object' || value === null) return false;
    return Object.entries(members).every(([name, check]) => check((value as Record<string, unknown>)[name]));
  };
}

/** An object all of whose members are of one kind. */
function valuesOf(check: Check): Check {
  return (value) => typeof value === 'object' && value !== null && Object.values(value).every(check);
}

function list(item: Check): Check {
  return (value) => Array.isArray(value) && value.every(item);
}

const stored = { uid: isText, subtask: isCount, bytes: isCount, checksum: isText };

const members: Readonly<Record<string, Check>> = {
  checkpoint: isCount,
  final: isFlag,
  fingerprint: isText,
  run: isText,
  parallelism: isCount,
  files: list(record({ ...stored, part: isText, file: isText })),
  committables: list(record({ ...stored, folder: isText, pending: isText, final: isText, rows: isCount })),
  positions: list(record({ uid: isText, subtask: isCount, position: isAnything })),
  counts: list(record({ uid: isText, counters: valuesOf(isCount) })),
  lineage: list(record({ run: isText, through: isCount })),
  plan: record({
    nodes: list(record({ uid: isText, name: isText, op: record({}), inputs: list(record({})) })),
  }),
};

/** The first member of a checkpoint's manifest that is missing or of another type; undefined when all are there. */
export function brokenMember(manifest: object): string | undefined {
  return Object.keys(members).find((name) => !members[name]?.((manifest as Record<string, unknown>)[name]));
}
