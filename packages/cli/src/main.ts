#!/usr/bin/env node
import type { Terminal } from './call.ts';
import { runCommandLine } from './program.ts';

/** The process's own streams. A reader that goes away (`| head`) ends the command quietly. */
function processTerminal(): Terminal {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      process.exit(error.code === 'EPIPE' ? 0 : 1);
    });
  }
  return {
    env: process.env,
    stdin: process.stdin,
    stdinIsTerminal: process.stdin.isTTY,
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    interrupt: () => {
      const controller = new AbortController();
      for (const name of ['SIGINT', 'SIGTERM'] as const) {
        process.once(name, () => controller.abort());
      }
      return controller.signal;
    },
  };
}

process.exitCode = await runCommandLine(process.argv.slice(2), processTerminal());
