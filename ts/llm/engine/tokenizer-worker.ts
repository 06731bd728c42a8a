/** The thread that turns chats and texts into tokens and back, so that long ones hold up neither the caller nor the engine. */
import { HeadraceError } from '../../errors.ts';
import { FileSource } from '../gguf/byte-source.ts';
import { readGguf } from '../gguf/gguf.ts';
import { type ChatMessage, ChatTemplate } from '../tokenizer/chat-template.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { serveCalls } from './worker-port.ts';

async function start({ file }: { readonly file: string }) {
  using source = new FileSource(file);
  const gguf = readGguf(source);
  const tokenizer = new Tokenizer(gguf);
  const template = ChatTemplate.of(gguf, tokenizer);
  const { addBos, bos } = tokenizer.vocabulary;
  const methods = {
    encodeChat(messages: readonly ChatMessage[]): Uint32Array {
      if (template === undefined) {
        throw new HeadraceError('HR_CHAT_TEMPLATE', 'The file of the model has no chat template.', {
          hint: 'Complete texts with it, or take a model that was tuned for chats.',
        });
      }
      return Uint32Array.from(template.encode(messages));
    },
    encode: (text: string): Uint32Array =>
      Uint32Array.from([...(addBos && bos !== undefined ? [bos] : []), ...tokenizer.encode(text)]),
    decode: (tokens: readonly number[]): string => tokenizer.decode(tokens),
  };
  return { ready: undefined, methods };
}

/** What the thread can be asked. */
export type TokenizerMethods = Awaited<ReturnType<typeof start>>['methods'];

await serveCalls(start);
