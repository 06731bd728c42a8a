/** Server-sent events of an answer, made when they are read. */
import type { GeneratedToken, Usage } from '../llm/engine/token.ts';
import type { AnswerShape } from './answer-shape.ts';
import type { ApiError } from './api-error.ts';

export interface EventSource {
  readonly shape: AnswerShape;
  readonly tokens: AsyncIterator<GeneratedToken>;
  /** What `tokens` gave first: it is known before the response begins. */
  readonly first: IteratorResult<GeneratedToken>;
  /** The usage, if a chunk of it is wanted; called behind the last token. */
  readonly usage: (() => Usage) | undefined;
  /** What is sent when `tokens` throws. */
  readonly errorOf: (error: unknown) => ApiError;
  /** Called once, when all is sent, has failed, or nobody reads any more; it also ends `tokens`. */
  readonly ended: () => void;
}

/** A stream of bytes that takes the next token only when it is read: a slow reader holds up nobody but itself. */
export function eventStream(source: EventSource): ReadableStream<Uint8Array> {
  const { shape, tokens, usage, errorOf, ended } = source;
  const utf8 = new TextEncoder();
  let next: Promise<IteratorResult<GeneratedToken>> | undefined = Promise.resolve(source.first);
  const pull = async (): Promise<{ events: object[]; done: boolean }> => {
    try {
      for (;;) {
        const { done, value } = await (next ?? tokens.next());
        next = undefined;
        if (done) return { events: usage === undefined ? [] : [shape.usageChunk(usage())], done: true };
        const events = shape.chunks(value);
        if (events.length > 0) return { events, done: false };
      }
    } catch (error) {
      return { events: [errorOf(error).toJSON()], done: true };
    }
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { events, done } = await pull();
        const data = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
        controller.enqueue(utf8.encode(done ? `${data}data: [DONE]\n\n` : data));
        if (!done) return;
        controller.close();
        ended();
      },
      cancel: ended,
    },
    { highWaterMark: 1 },
  );
}
