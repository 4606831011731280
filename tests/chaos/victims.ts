import type { Seeded } from '../support/seeded.ts';

/** One thing that goes wrong. */
export interface Misfortune {
  /** Name of a process. */
  readonly victim: string;
  /** SIGKILL and a supervisor's start, or SIGSTOP and SIGCONT. */
  readonly how: 'killed' | 'stopped';
  /** How long it stays so, milliseconds. */
  readonly forMs: number;
}

/** Each process is killed once, and one of each kind is stopped once, in the order of the seed. */
export function misfortunes(
  seeded: Seeded,
  planes: readonly string[],
  edges: readonly string[],
): Misfortune[] {
  const killed = [...planes, ...edges, 'postgres', 'nats'];
  const stopped = [seeded.one(planes), seeded.one(edges), 'nats', 'postgres'];
  return seeded.shuffled([
    ...killed.map((victim) => ({
      victim,
      how: 'killed' as const,
      forMs: seeded.between(200, 2_500),
    })),
    ...stopped.map((victim) => ({
      victim,
      how: 'stopped' as const,
      forMs: seeded.between(3_000, 6_000),
    })),
  ]);
}
