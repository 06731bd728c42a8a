/** Asks a server over HTTP, streaming, as the engine is asked in process. */
import { type Question, type Timed, timed } from './question.ts';

/** What the server calls the model. */
export const SERVED_NAME = 'bench';

/** Sends all prompts to the server on this port of loopback at once. */
export async function askOverHttp(port: number, { prompts, tokens }: Question): Promise<Timed> {
  const began = performance.now();
  return timed(
    prompts.map((prompt) => tokensOf(port, prompt, tokens)),
    began,
  );
}

/** Yields the length of each piece of text; a token that completes no letter has none. */
async function* tokensOf(port: number, prompt: readonly number[], maxTokens: number): AsyncGenerator<number> {
  const body = {
    ...{ model: SERVED_NAME, prompt, max_tokens: maxTokens, temperature: 0, ignore_eos: true },
    ...{ stream: true, stream_options: { include_usage: true } },
  };
  const response = await fetch(`http://127.0.0.1:${port}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok || response.body === null) throw new Error(`${response.status}: ${await response.text()}`);
  let rest = '';
  let completed = 0;
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    const events = (rest + part).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events) {
      if (event === 'data: [DONE]') continue;
      const { error, usage, choices = [] } = JSON.parse(event.slice('data: '.length));
      if (error !== undefined) throw new Error(JSON.stringify(error));
      for (const { text } of choices) yield text.length;
      completed = usage?.completion_tokens ?? completed;
    }
  }
  if (completed !== maxTokens) throw new Error(`${completed} tokens came, not ${maxTokens}.`);
}
