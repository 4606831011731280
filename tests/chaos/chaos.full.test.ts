import { afterAll, beforeAll, expect, it } from 'vitest';
import { Links } from '../support/links.ts';
import { printRecoveries, recovered } from '../support/recoveries.ts';
import { startWorld, type World } from '../support/world.ts';
import { Chaos } from './chaos.ts';

/** SALLYPORT_CHAOS_SEED=n runs the order of n again. */
const given = process.env['SALLYPORT_CHAOS_SEED'];
const seed = given === undefined ? Date.now() % 2 ** 31 : Number(given);
const runMsMax = 420_000;

let world: World;

beforeAll(async () => {
  const direct = new Links(() => false);
  world = await startWorld({ controlPlanes: 3, edges: 6, nats: true }, direct);
});
afterAll(() => world.close());
printRecoveries(`Chaos with seed ${seed}: what was measured`);

it(
  'each process fails in turn during a storm of revocations, and nothing that was revoked is permitted',
  async () => {
    const died = world.stack.failed.catch((error: unknown) => {
      throw new Error('a process ended that nobody had ended', { cause: error });
    });
    const reckoning = await Promise.race([new Chaos(world, seed).run(), died]);
    const { violations, revocations, answers, enforced } = reckoning;
    recovered('chaos', 'revocations confirmed', String(revocations));
    recovered('chaos', 'answers that the oracle looked at', String(answers));
    recovered('chaos', 'ends of sessions confirmed by an edge', String(enforced));
    recovered('chaos', 'violations', String(violations.length));
    expect(violations, `SALLYPORT_CHAOS_SEED=${seed}`).toEqual([]);
  },
  runMsMax,
);
