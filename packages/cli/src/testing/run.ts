import type { Terminal } from '../call.ts';
import { runCommandLine } from '../program.ts';

/** How one command line ended, and what it wrote. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** What stands on standard input; absent: a person's terminal. */
  readonly stdin?: string | Uint8Array;
  /** What a person types; standard input is a terminal then. */
  readonly typed?: string;
  readonly interrupt?: AbortSignal;
  /** Hears of each piece of standard output at once. */
  readonly onStdout?: (text: string) => void;
}

/** Runs the program in this process, with streams of its own. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  let stdout = '';
  let stderr = '';
  const terminal: Terminal = {
    env: options.env ?? {},
    stdin: input(options.stdin ?? options.typed ?? ''),
    stdinIsTerminal: options.stdin === undefined,
    stdout: (text) => {
      stdout += text;
      options.onStdout?.(text);
    },
    stderr: (text) => {
      stderr += text;
    },
    interrupt: () => options.interrupt ?? new AbortController().signal,
  };
  const code = await runCommandLine(argv, terminal);
  return { code, stdout, stderr };
}

async function* input(text: string | Uint8Array): AsyncIterable<Uint8Array> {
  yield typeof text === 'string' ? new TextEncoder().encode(text) : text;
}
