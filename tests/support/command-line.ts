import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { StackDescription } from '@sallyport/stack';

const main = join(import.meta.dirname, '..', '..', 'packages', 'cli', 'src', 'main.ts');

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** From the start of the process to its end. */
  readonly tookMs: number;
}

/** Runs the command `sallyport` as a process of its own, as the owner of the stack. */
export function sallyport(
  { controlPlanes, ca, tokens }: StackDescription,
  ...argv: readonly string[]
): Promise<Ran> {
  const startedAt = performance.now();
  const env = {
    SALLYPORT_URL: controlPlanes[0]?.url,
    SALLYPORT_CA: ca,
    SALLYPORT_TOKEN: tokens.owner,
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...argv], { env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code ?? 1);
      resolve({ code, stdout, stderr, tookMs: performance.now() - startedAt });
    });
  });
}
