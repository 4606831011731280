/** Makes what is made from other files: protobuf code, then SQL migrations from the schema. */
import { dirname } from 'node:path';
import { run } from './run.ts';

const root = dirname(import.meta.dirname);
for (const [program, args, folder] of [
  ['buf', ['generate'], root],
  ['drizzle-kit', ['generate'], `${root}/packages/control-plane`],
] as const) {
  const { code, output } = await run(program, args, folder);
  process.stdout.write(output);
  if (code !== 0) {
    console.error(`${program} ended with ${code}`);
    process.exitCode = 1;
    break;
  }
}
