/** `headrace explain FILE`: how a pipeline would run, without running it. */
import { explain } from '../api/explain.ts';
import { loadPipeline } from './pipeline-file.ts';

export interface ExplainFlags {
  readonly json?: boolean;
}

/** Prints the explanation of the pipeline in `file` under the options that it exports. */
export async function explainCommand(file: string, flags: ExplainFlags): Promise<void> {
  const { outputs, options } = await loadPipeline(file);
  const { parallelism, checkpoint } = options;
  const explanation = explain(outputs, {
    ...(parallelism === undefined ? {} : { parallelism }),
    checkpoint: checkpoint ?? false,
  });
  process.stdout.write(`${flags.json ? JSON.stringify(explanation) : String(explanation)}\n`);
}
