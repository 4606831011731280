import { describe, expect, it } from 'vitest';
import type { Revoked } from '../support/admin.ts';
import { sum } from '../support/metrics.ts';
import { recovered } from '../support/recoveries.ts';
import { until } from '../support/until.ts';
import {
  edgeStreams,
  pathsOf,
  revokeAndCheck,
  servedSession,
  untilNormal,
  type World,
} from '../support/world.ts';

/** NATS is the second path: whatever it does, every edge enforces a revocation. */
export function busFaults(world: () => World): void {
  describe('with the bus', () => {
    it('present, every edge enforces a revocation by whichever path comes first', async () => {
      await untilBusConnected(world(), true);
      const revoked = await revokeAndCheck(world(), await servedSession(world()));
      note('F9', world(), revoked, 'NATS present');
    });

    it('F9 killed, every edge enforces a revocation over gRPC, and finds NATS again', async () => {
      const { stack } = world();
      const session = await servedSession(world());
      await stack.kill('nats');
      const revoked = await revokeAndCheck(world(), session);
      note('F9', world(), revoked, 'NATS killed');
      expect(revoked.receipts.every(({ path }) => path !== 'nats')).toBe(true);
      await untilBusConnected(world(), false);
      const again = await revokeAndCheck(world(), await servedSession(world()));
      note('F9', world(), again, 'NATS killed and noticed');
      await stack.restart('nats');
      recovered(
        'F9',
        'every edge has NATS again after its start',
        await untilBusConnected(world(), true),
      );
      const after = await revokeAndCheck(world(), await servedSession(world()));
      note('F9', world(), after, 'NATS back');
    });

    it('F10 half-open (SIGSTOP), every edge enforces a revocation over gRPC', async () => {
      const { stack } = world();
      const session = await servedSession(world());
      stack.pause('nats');
      try {
        const revoked = await revokeAndCheck(world(), session);
        note('F10', world(), revoked, 'NATS half-open');
        expect(revoked.receipts.every(({ path }) => path !== 'nats')).toBe(true);
      } finally {
        stack.resume('nats');
      }
      recovered('F10', 'all as it was after SIGCONT', await untilNormal(world()));
    });
  });
}

/** Every edge has confirmed it; the time of the last one and the paths go to the report. */
function note(fault: string, world: World, revoked: Revoked, what: string): void {
  expect(revoked.enforced, pathsOf(world, revoked)).toBe(true);
  const last = Math.max(...revoked.receipts.map(({ tookMs }) => tookMs ?? 0));
  recovered(fault, `${what}: last of ${revoked.receipts.length} edges enforces`, last);
  recovered(fault, `${what}: paths`, pathsOf(world, revoked));
}

/** Waits until every edge says that it has the bus, or has not; gives the time in milliseconds. */
export async function untilBusConnected(world: World, wanted: boolean): Promise<number> {
  const { edges } = world.stack.description;
  const { tookMs } = await until(`the bus is ${wanted ? '' : 'not '}there`, async () => {
    const seen = await Promise.all(edges.map((_, edge) => edgeStreams(world, edge)));
    return seen.every(
      ({ figures }) => (sum(figures, 'sallyport_edge_bus_connected') === 1) === wanted,
    );
  });
  return tookMs;
}
