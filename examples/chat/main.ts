/**
 * A chat on the terminal with a model that runs in this process: `npm run chat`, or `npm run chat -- "What is a weir?"` for
 * a single question. The first time it fetches the model (93 MB).
 */
import { createInterface } from 'node:readline/promises';
import { pullCommand } from '../../ts/cli/model-command.ts';
import { describeError } from '../../ts/cli/report-error.ts';
import { LlmEngine } from '../../ts/llm/engine/llm-engine.ts';
import type { ChatMessage } from '../../ts/llm/tokenizer/chat-template.ts';

const OPTIONS = { maxTokens: 256, temperature: 0.2, topP: 0.9 };

async function main(question: string): Promise<void> {
  await using engine = await LlmEngine.load(await pullCommand('smollm2'));
  if (question !== '') await say(engine, [{ role: 'user', content: question }]);
  else await converse(engine);
}

/**
 * Asks and answers until the terminal is closed. The whole chat is sent each time; what was computed is still in the cache.
 * Ctrl-C ends an answer, and between answers the chat.
 */
async function converse(engine: LlmEngine): Promise<void> {
  using lines = createInterface({
    input: process.stdin,
    output: process.stderr,
    terminal: process.stdin.isTTY,
  });
  const messages: ChatMessage[] = [];
  let answering: AbortController | undefined;
  lines.on('SIGINT', () => (answering === undefined ? lines.close() : answering.abort()));
  const prompt = () => process.stderr.write('> ');
  prompt();
  for await (const line of lines) {
    if (line.trim() !== '') {
      messages.push({ role: 'user', content: line });
      answering = new AbortController();
      messages.push({ role: 'assistant', content: await say(engine, messages, answering.signal) });
      answering = undefined;
    }
    prompt();
  }
}

/** Prints the answer as it comes; what there was of it, if it was given up. */
async function say(
  engine: LlmEngine,
  messages: readonly ChatMessage[],
  signal?: AbortSignal,
): Promise<string> {
  const answer = engine.chat(messages, { ...OPTIONS, ...(signal && { signal }) });
  let text = '';
  const began = performance.now();
  try {
    for await (const token of answer) {
      process.stdout.write(token.text);
      text += token.text;
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
  const { promptTokens, cachedTokens, completionTokens } = answer.usage();
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  process.stdout.write('\n');
  process.stderr.write(
    `${completionTokens} tokens in ${seconds} s; ${cachedTokens} of ${promptTokens} tokens of the chat were in the cache.\n`,
  );
  return text;
}

try {
  await main(process.argv.slice(2).join(' '));
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 1;
}
