import { readFileSync } from 'node:fs';

/** For the state and the records on disk, streams, the operations listener and what Node opens. */
const ownMax = 1_024;

/**
 * How many connections of clients there are file descriptors for, of what the kernel says of a
 * process (proc(5), `limits`): half of what we do not need ourselves. The other half is for as many to
 * upstreams, which a tunnel needs one of. Infinity where it does not say.
 */
export function connectionsByDescriptors(limits: string): number {
  const soft = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  if (soft === Number.POSITIVE_INFINITY) return soft;
  const own = Math.min(ownMax, Math.floor(soft / 3));
  return Math.floor((soft - own) / 2);
}

/** The same of this process. Node has raised its soft limit to the hard one by now. */
export function ownConnectionsByDescriptors(): number {
  try {
    return connectionsByDescriptors(readFileSync('/proc/self/limits', 'utf8'));
  } catch {
    // Another system than Linux.
    return Number.POSITIVE_INFINITY;
  }
}
