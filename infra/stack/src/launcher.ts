import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

const pollMs = 500;
const generationsMax = 32;
const launcher = /^(npm|npx|pnpm) |\/(npm|npx|pnpm|npm-cli|npx-cli)(\.c?js)?( |$)/;

/**
 * Calls back when npm, npx or pnpm, by which we were started, is gone. A signal to `npx` ends the
 * shell that it runs things in, and what runs in there never hears of it. Started by anything else
 * this does nothing: a shell may well end before a stack that it left in the background.
 * Returns how to stop watching.
 */
export function watchLauncher(gone: () => void): () => void {
  const chain = launcherChain(process.pid, { parentOf, isLauncher });
  if (chain.length < 2) return () => {};
  const timer = setInterval(() => {
    const whole = chain.every((pid, index) => {
      const above = chain[index + 1];
      return above === undefined || parentOf(pid) === above;
    });
    if (!whole) gone();
  }, pollMs);
  return () => clearInterval(timer);
}

/** What can be asked about a pid. */
export interface ProcessTable {
  /** 0: there is no such process. */
  readonly parentOf: (pid: number) => number;
  readonly isLauncher: (pid: number) => boolean;
}

/** Pids from ours up to the topmost launcher; none where there is no launcher above us. */
export function launcherChain(own: number, { parentOf, isLauncher }: ProcessTable): number[] {
  const chain = [own];
  let topmost = 0;
  for (let pid = parentOf(own); pid > 1 && chain.length < generationsMax; pid = parentOf(pid)) {
    chain.push(pid);
    if (isLauncher(pid)) topmost = chain.length;
  }
  return chain.slice(0, topmost);
}

function isLauncher(pid: number): boolean {
  try {
    // A shell whose command line only speaks of npm is none.
    if (!basename(readlinkSync(`/proc/${pid}/exe`)).startsWith('node')) return false;
    return launcher.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '));
  } catch {
    return false;
  }
}

/** Only Linux tells. The name in the second field may hold anything. */
function parentOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}
