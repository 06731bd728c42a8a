/**
 * Imports a model and says so; a program of its own, to be killed or to run beside others: `import-program.ts FILE CACHE
 * [stay]`. With `stay` it uses the model until it is ended.
 */
import { importModel } from '../../ts/llm/import/import-model.ts';

const [file = '', cache = '', stay] = process.argv.slice(2);
process.stdout.write('began\n');
const { graph, use } = importModel(file, { cache });
process.stdout.write(`${JSON.stringify({ graph, use })}\n`);
if (stay !== undefined) setInterval(() => {}, 1_000);
