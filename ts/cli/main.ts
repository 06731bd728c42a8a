#!/usr/bin/env node
/** The command line: `headrace run FILE`, `headrace explain FILE`, `headrace model pull NAME`, `headrace serve MODEL`. */
import { createRequire } from 'node:module';
import { Command, InvalidArgumentError } from 'commander';
import { reportError } from './report-error.ts';
import { optionOf, SERVE_FLAGS, type ServeFlags } from './serve-flags.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

const program = new Command('headrace')
  .description('A stream processor for Node: TypeScript decides, Rust executes.')
  .version(version)
  .showHelpAfterError('Add --help to see what there is.');

program
  .command('run')
  .description(
    'Run the pipeline that FILE exports. Ctrl-C stops it with a checkpoint, a second one cancels it.',
  )
  .argument('<file>', 'a module whose default export is a list of sinks, or { sinks, options }')
  .option('--json', 'print the result, or the error, as one line of JSON')
  .option('--fresh', 'discard an earlier checkpoint and start over')
  .option('--parallelism <n>', 'subtasks of each keyed operator', wholeNumber)
  .action(async (file: string, flags: { json?: boolean; fresh?: boolean; parallelism?: number }) => {
    const { runCommand } = await import('./run-command.ts');
    await guarded(flags.json ?? false, () => runCommand(file, flags));
  });

program
  .command('explain')
  .description('Print how the pipeline that FILE exports would run, and the delivery guarantee of each path.')
  .argument('<file>', 'a module whose default export is a list of sinks, or { sinks, options }')
  .option('--json', 'print the compiled plan, or the error, as JSON')
  .action(async (file: string, flags: { json?: boolean }) => {
    const { explainCommand } = await import('./explain-command.ts');
    await guarded(flags.json ?? false, () => explainCommand(file, flags));
  });

program
  .command('model')
  .description('Language models.')
  .command('pull')
  .description('Fetch a model, check it, and print where it is. A download that was cut off goes on.')
  .argument('<name>', 'smollm2: SmolLM2-135M-Instruct, 93 MB, Apache-2.0')
  .action(async (name: string) => {
    const { pullCommand } = await import('./model-command.ts');
    await guarded(false, async () => void process.stdout.write(`${await pullCommand(name)}\n`));
  });

const serve = program
  .command('serve')
  .description(
    'Serve a language model through the OpenAI API. SIGTERM or Ctrl-C ends it when open requests are answered.',
  )
  .argument('<model>', 'a GGUF file, or the name of a model that was pulled, such as smollm2')
  .action(async (model: string, flags: ServeFlags) => {
    const { serveCommand } = await import('./serve-command.ts');
    await guarded(false, () => serveCommand(model, flags));
  });
for (const flag of SERVE_FLAGS) serve.addOption(optionOf(flag));

await program.parseAsync();

async function guarded(json: boolean, command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    reportError(error, json);
    process.exitCode = 1;
  }
}

function wholeNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}
