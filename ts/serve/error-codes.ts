/** What errors are called: the codes that are not those of the engine, with the status that each has. */

export interface ErrorMeaning {
  readonly status: number;
  readonly when: string;
}

const known = (status: number, when: string): ErrorMeaning => ({ status, when });

export const API_ERRORS = {
  missing_required_parameter: known(400, 'A parameter is missing, or null.'),
  unknown_parameter: known(400, 'There is no such parameter at this endpoint.'),
  unsupported_parameter: known(400, 'The parameter, part or role is not served.'),
  invalid_unicode: known(400, 'A text has half a surrogate pair.'),
  context_length_exceeded: known(400, 'The prompt and the tokens asked for are more than the context holds.'),
  kv_capacity_exceeded: known(400, 'They are more than the KV cache holds.'),
  chat_template_failed: known(
    400,
    'The chat template of the model does not take these messages, or there is none.',
  ),
  invalid_json: known(400, 'The body is no JSON object.'),
  invalid_utf8: known(400, 'The body is not UTF-8.'),
  incomplete_body: known(400, 'The body broke off.'),
  invalid_api_key: known(401, 'The API key is missing or wrong.'),
  model_not_found: known(404, 'Another model is served.'),
  unknown_endpoint: known(404, 'There is no such endpoint.'),
  method_not_allowed: known(405, 'The endpoint takes the methods that the header `allow` names.'),
  request_too_large: known(413, 'The body is longer than `--max-body-bytes`.'),
  unsupported_media_type: known(415, 'The header `content-type` is not `application/json`.'),
  misdirected_request: known(
    421,
    'The server has no API key, and the header `host` names another machine than this one.',
  ),
  rate_limit_exceeded: known(
    429,
    'The API key has `--max-requests-per-key` open requests. `retry-after` says when to try again.',
  ),
  client_closed_request: known(499, 'The client has gone; nobody reads this.'),
  model_is_loading: known(503, 'The model is not loaded yet.'),
  model_not_loaded: known(503, 'The model could not be loaded.'),
  server_is_overloaded: known(
    503,
    'As many requests or tokens wait as the queue takes. `retry-after` says when to try again.',
  ),
  server_is_shutting_down: known(
    503,
    'The server was told to stop; in a stream: the time to drain was over.',
  ),
  engine_has_ended: known(503, 'The threads of the engine have ended.'),
} as const satisfies Readonly<Record<string, ErrorMeaning>>;

export type ApiErrorCode = keyof typeof API_ERRORS;
