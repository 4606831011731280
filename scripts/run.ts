import { spawn } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);

/** Runs a program of node_modules/.bin to its end; both streams come back as one text. */
export async function run(
  program: string,
  args: readonly string[],
  folder: string = root,
): Promise<{ readonly code: number; readonly output: string }> {
  const folders = [join(folder, 'node_modules', '.bin'), join(root, 'node_modules', '.bin')];
  const child = spawn(program, args, {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PATH: [...folders, process.env['PATH']].join(delimiter) },
  });
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
  const code = await new Promise<number>((done, failed) => {
    child.on('error', failed);
    child.on('close', (status) => done(status ?? 1));
  });
  return { code, output: Buffer.concat(output).toString() };
}
