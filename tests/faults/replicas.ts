import { describe, expect, it } from 'vitest';
import { readMetrics, sum } from '../support/metrics.ts';
import { recovered } from '../support/recoveries.ts';
import { until } from '../support/until.ts';
import {
  edgeStreams,
  revokeAndCheck,
  servedSession,
  untilEnforced,
  untilNormal,
  type World,
} from '../support/world.ts';

/** One replica of the control plane fails; the edges go to another. */
export function replicaFaults(world: () => World): void {
  describe('a replica of the control plane', () => {
    it('F13 that is killed amid a revocation: it holds, once, and edges move on', async () => {
      const { stack, admin } = world();
      const session = await servedSession(world());
      const killedAt = performance.now();
      const [revoked] = await Promise.all([
        admin.revoke({ kind: 'session', id: session.sid }, { first: 0 }),
        stack.kill('control-plane-1'),
      ]);
      recovered(
        'F13',
        'the revocation, sent again with its key, is answered after',
        revoked.answeredAtMs - killedAt,
      );
      recovered('F13', 'and enforced by every edge after', await untilEnforced(world(), revoked));
      const moved = await untilStreams(world());
      recovered(
        'F13',
        'every edge has its streams elsewhere after',
        moved + revoked.answeredAtMs - killedAt,
      );
      const list = `/v1/revocations?kind=session&id=${session.sid}`;
      const { items } = await admin.at(1).get<{ readonly items: readonly unknown[] }>(list);
      expect(items).toHaveLength(1);
      await revokeAndCheck(world(), await servedSession(world()), { first: 1 });
      await stack.restart('control-plane-1');
      recovered('F13', 'all as it was after it is started again', await untilNormal(world()));
    });

    it('F15 that is stopped with its connections open is noticed by its edges, who go on elsewhere', async () => {
      const { stack } = world();
      const session = await servedSession(world());
      const [victim, other] = await busiest(world());
      const before = await streams(world());
      const pausedAt = performance.now();
      stack.pause(victim.name);
      try {
        const noticed = await until('an edge has noticed', async () => {
          const now = await streams(world());
          return now.some(({ ends }, edge) => ends > (before[edge]?.ends ?? 0));
        });
        recovered('F15', 'the first edge notices the silence after', noticed.tookMs);
        await untilStreams(world());
        recovered(
          'F15',
          'every edge has its streams elsewhere after',
          performance.now() - pausedAt,
        );
        const revoked = await revokeAndCheck(world(), session, { first: other.index });
        recovered(
          'F15',
          'a revocation by the other replica is enforced after',
          await untilEnforced(world(), revoked),
        );
      } finally {
        stack.resume(victim.name);
      }
      recovered('F15', 'all as it was after SIGCONT', await untilNormal(world()));
    });
  });
}

async function streams(world: World) {
  const { edges } = world.stack.description;
  return Promise.all(edges.map((_, edge) => edgeStreams(world, edge)));
}

/** Waits until every edge has its streams, wherever they are. */
async function untilStreams(world: World): Promise<number> {
  const { tookMs } = await until('every edge has its streams', async () =>
    (await streams(world)).every(({ connected }) => connected),
  );
  return tookMs;
}

/** The replica that most streams are on, and another one. */
async function busiest({ stack }: World) {
  const { value } = await until('a replica has streams', async () => {
    const open = await Promise.all(
      stack.description.controlPlanes.map(async ({ name, ops }, index) => {
        return { name, index, open: sum(await readMetrics(ops), 'sallyport_sync_streams') };
      }),
    );
    const [first, second] = open.toSorted((one, other) => other.open - one.open);
    if (first === undefined || second === undefined) throw new Error('there is one replica alone');
    if (first.open === 0) throw new Error('no replica has a stream');
    return [first, second] as const;
  });
  return value;
}
