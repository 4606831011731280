import { describe, expect, it } from 'vitest';
import { longestWaitMs, Oracle } from '../support/oracle.ts';
import { recovered } from '../support/recoveries.ts';
import {
  revokeAndCheck,
  servedSession,
  untilEnforced,
  untilNormal,
  type World,
} from '../support/world.ts';

/** New versions come one replica after the other, and nobody notices. */
export function deployFaults(world: () => World): void {
  describe('a replica of the control plane', () => {
    it('F41 that is deployed anew hands its edges over: every session is served and revocable throughout', async () => {
      const { stack, asker } = world();
      const session = await servedSession(world());
      const oracle = new Oracle(asker);
      for (const edge of stack.description.edges.keys()) oracle.follow(edge, () => session, 50);
      for (const [index, { name }] of stack.description.controlPlanes.entries()) {
        const other = (index + 1) % stack.description.controlPlanes.length;
        const startedAt = performance.now();
        const draining = stack.end(name);
        const revoked = await revokeAndCheck(world(), await servedSession(world()), {
          first: other,
        });
        await draining;
        recovered('F41', `${name} drained after`, performance.now() - startedAt);
        recovered(
          'F41',
          'a revocation meanwhile is enforced after',
          await untilEnforced(world(), revoked),
        );
        await stack.restart(name);
        recovered('F41', 'all as it was after its start', await untilNormal(world()));
      }
      await oracle.stop();
      expect(oracle.answers.filter(({ status }) => status !== 200)).toEqual([]);
      const waits = stack.description.edges.map((_, edge) =>
        longestWaitMs(oracle.answers.filter((answer) => answer.edge === edge)),
      );
      recovered('F41', 'longest time between two permits of an edge', Math.max(...waits));
      await revokeAndCheck(world(), session);
    });
  });
}
