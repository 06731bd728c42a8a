/** The tables of docs/serving.md, made of what the code says. */
import { SERVE_FLAGS } from '../../ts/cli/serve-flags.ts';
import {
  BIAS_RANGE,
  BIASES_MAX,
  SALT_LENGTH_MAX,
  STOP_LENGTH_MAX,
  STOPS_MAX,
} from '../../ts/llm/engine/options.ts';
import { CONTEXT_MAX } from '../../ts/llm/import/shape.ts';
import { RENDER_MS_MAX, RENDERED_LENGTH_MAX } from '../../ts/llm/tokenizer/chat-template.ts';
import { API_ERRORS } from '../../ts/serve/error-codes.ts';
import { FRONT_LIMITS } from '../../ts/serve/http-front.ts';
import { NAME_LENGTH_MAX, parameterTable } from '../../ts/serve/parameters.ts';
import { limitsOf } from '../../ts/serve/serve-options.ts';
import type { MetricsPage } from '../serve/metrics-page.ts';

/** Each table by its name; `page` is what `/metrics` has. */
export function servingTables(page: MetricsPage): Readonly<Record<string, string>> {
  return {
    options: options(),
    parameters: parameterTable(),
    errors: table(
      ['status', 'code', 'when'],
      Object.entries(API_ERRORS).map(([code, { status, when }]) => [status, `\`${code}\``, when]),
    ),
    limits: limits(),
    metrics: table(
      ['metric', 'type', ''],
      [...page.families.values()].map(({ name, type, help }) => [`\`${name}\``, type, help]),
    ),
  };
}

function options(): string {
  const rows = SERVE_FLAGS.map(({ flags, says, value, otherwise, choices }) => {
    const fallback = value === undefined ? (otherwise ?? '') : `\`${value}\``;
    const among =
      choices === undefined ? '' : ` One of ${choices.map((choice) => `\`${choice}\``).join(', ')}.`;
    return [`\`${flags}\``, fallback, says + among];
  });
  return table(['option', 'unless given', ''], rows);
}

function limits(): string {
  const { maxQueueRequests, maxQueueTokens, maxBodyBytes } = limitsOf({});
  const { headersTimeout, requestTimeout, keepAliveTimeout, sendTimeout } = FRONT_LIMITS;
  const { maxConnections, maxRequestsPerConnection, maxHeaderBytes } = FRONT_LIMITS;
  const seconds = (ms: number) => `${ms / 1000} s`;
  const number = (value: number) => value.toLocaleString('en');
  return table(
    ['what', 'limit', 'beyond it'],
    [
      [
        'requests that wait for their first token',
        `${number(maxQueueRequests)} (\`--max-queue-requests\`)`,
        '503',
      ],
      [
        'tokens of their prompts',
        `${number(maxQueueTokens)} (\`--max-queue-tokens\`); one alone may have more`,
        '503',
      ],
      ['open requests of one API key', 'none (`--max-requests-per-key`)', '429'],
      ['prompt and answer', 'the context (`--max-model-len`)', '400'],
      ['context of a model', `${number(CONTEXT_MAX)} tokens`, 'longer ones are served up to there'],
      ['body', `${number(maxBodyBytes)} bytes (\`--max-body-bytes\`)`, '413'],
      ['head of a request', `${number(maxHeaderBytes)} bytes; ${seconds(headersTimeout)}`, '431; 408'],
      ['all of a request', seconds(requestTimeout), '408'],
      [
        'a client that takes nothing of its answer',
        seconds(sendTimeout),
        'the connection is ended, and the request cancelled',
      ],
      ['a connection between two requests', seconds(keepAliveTimeout), 'it is ended'],
      [
        'connections; requests of one',
        `${number(maxConnections)}; ${number(maxRequestsPerConnection)}`,
        'it is not accepted; it is ended',
      ],
      ['stop strings; letters of one', `${STOPS_MAX}; ${number(STOP_LENGTH_MAX)}`, '400'],
      ['biases; of', `${number(BIASES_MAX)}; ${BIAS_RANGE.from} to ${BIAS_RANGE.to}`, '400'],
      ['letters of a name; of `cache_salt`', `${NAME_LENGTH_MAX}; ${number(SALT_LENGTH_MAX)}`, '400'],
      ['a chat by its template', `${number(RENDERED_LENGTH_MAX)} letters; ${seconds(RENDER_MS_MAX)}`, '400'],
    ],
  );
}

function table(head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const line = (cells: readonly unknown[]) => `| ${cells.join(' | ')} |`.replaceAll('|  |', '| |');
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}
