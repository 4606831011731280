import { AdminApiError } from '@sallyport/stack';
import { describe, expect, it } from 'vitest';
import { isReady, readMetrics, sum } from '../support/metrics.ts';
import { Oracle } from '../support/oracle.ts';
import { recovered } from '../support/recoveries.ts';
import { until } from '../support/until.ts';
import {
  edgeStreams,
  revokeAndCheck,
  servedSession,
  untilAgreed,
  untilEnforced,
  untilNormal,
  type World,
} from '../support/world.ts';

const atOnce = 60;
const refusedMsMax = 15_000;
const readyMsMax = 15_000;

/** PostgreSQL holds the record: without it nothing is confirmed, and nobody is cut off. */
export function databaseFaults(world: () => World): void {
  describe('with PostgreSQL', () => {
    it('F1 killed, sessions are served, writes get 503, and all is back by itself', async () => {
      const { stack, admin, asker } = world();
      const session = await servedSession(world());
      const oracle = new Oracle(asker);
      for (const edge of stack.description.edges.keys()) oracle.follow(edge, () => session, 50);
      const ends = await streamEnds(world());
      await stack.kill('postgres');

      const refused = await refusedRevoke(world(), session.sid);
      expect(refused.status).toBe(503);
      recovered('F1', 'a revocation that cannot be durable is refused after', refused.tookMs);
      // The age of the log goes on, and says so to every edge, on streams that stay open.
      await until('the log is seen to be old', async () => {
        const figures = await readMetrics(stack.description.controlPlanes[0]?.ops ?? '');
        return sum(figures, 'sallyport_log_age_seconds') > 1;
      });
      expect(await streamEnds(world())).toEqual(ends);

      await stack.restart('postgres');
      recovered('F1', 'every replica is ready after PostgreSQL is', await untilReady(world()));
      await oracle.stop();
      expect(oracle.answers.filter(({ status }) => status !== 200)).toEqual([]);
      recovered('F1', 'requests served meanwhile, none refused', `${oracle.answers.length}`);
      const revoked = await admin.revoke({ kind: 'session', id: session.sid });
      recovered(
        'F1',
        'and a revocation is enforced everywhere',
        await untilEnforced(world(), revoked),
      );
      expect(await asker.statuses(session)).toEqual(stack.description.edges.map(() => 401));
    });

    it('F6 written by two replicas at once, every edge gets every revocation', async () => {
      const { stack, admin } = world();
      const { body: user } = await admin.at(0).post<{ readonly id: string }>('/v1/users', {
        email: 'many@corp.localhost',
        displayName: 'Many',
      });
      const revoked = await Promise.all(
        Array.from({ length: atOnce }, (_, index) =>
          admin.revoke({ kind: 'user', id: user.id }, { effect: 'end', first: index, wait: false }),
        ),
      );
      const positions = new Set(revoked.map(({ position }) => position.rev));
      expect(positions.size).toBe(atOnce);
      const last = revoked.toSorted((one, other) => one.position.rev - other.position.rev).at(-1);
      if (last === undefined) throw new Error('nothing was revoked');
      recovered(
        'F6',
        `${atOnce} at once, all enforced everywhere`,
        await untilEnforced(world(), last),
      );
      for (const index of stack.description.controlPlanes.keys()) {
        await untilAgreed(world(), index);
      }
    });

    it('F2 so slow that nothing ends in time, streams and sessions go on as they were', async () => {
      const { stack, links, asker } = world();
      const session = await servedSession(world());
      const oracle = new Oracle(asker);
      for (const edge of stack.description.edges.keys()) oracle.follow(edge, () => session, 50);
      const ends = await streamEnds(world());
      const ways = stack.description.controlPlanes.map(({ name }) =>
        links.between(name, 'postgres'),
      );
      for (const way of ways) way.shape('both', { delayMs: 2_000 });
      const refused = await refusedRevoke(world(), session.sid);
      expect(refused.status).toBe(503);
      recovered('F2', 'a revocation is refused after', refused.tookMs);
      expect(await streamEnds(world())).toEqual(ends);
      for (const way of ways) way.heal();
      recovered('F2', 'every replica is ready after the delay is gone', await untilReady(world()));
      await oracle.stop();
      expect(oracle.answers.filter(({ status }) => status !== 200)).toEqual([]);
      const revoked = await revokeAndCheck(world(), session);
      recovered(
        'F2',
        'and a revocation is enforced everywhere',
        await untilEnforced(world(), revoked),
      );
    });

    it('F16 away from one replica, the other one decides and every edge hears of it', async () => {
      const { links, admin, asker } = world();
      const session = await servedSession(world());
      const way = links.between('control-plane-1', 'postgres');
      way.blackHole('both');
      const refused = await refusedRevoke(world(), session.sid);
      expect(refused.status).toBe(503);
      recovered('F16', 'the replica without a database refuses after', refused.tookMs);
      const startedAt = performance.now();
      const revoked = await admin.revoke(
        { kind: 'session', id: session.sid },
        { first: 1, wait: false },
      );
      await until('no edge permits it', async () =>
        (await asker.statuses(session)).every((status) => status === 401),
      );
      recovered(
        'F16',
        'the other one revokes, and no edge permits after',
        performance.now() - startedAt,
      );
      way.heal();
      recovered('F16', 'both replicas agree again', await untilEnforced(world(), revoked));
      recovered('F16', 'and all is as it was', await untilNormal(world()));
    });
  });
}

/** Asks the first replica alone to revoke; it is an error if it does. */
async function refusedRevoke(
  { admin }: World,
  sid: string,
): Promise<{ readonly status: number; readonly tookMs: number }> {
  const startedAt = performance.now();
  const body = { target: { kind: 'session', id: sid }, reason: 'While the database is away' };
  try {
    await admin.at(0).post('/v1/revocations', body, { msMax: refusedMsMax });
  } catch (error) {
    if (!(error instanceof AdminApiError)) throw error;
    return { status: error.status, tookMs: performance.now() - startedAt };
  }
  throw new Error('a revocation was confirmed without a database');
}

async function streamEnds(world: World): Promise<number[]> {
  const { edges } = world.stack.description;
  return Promise.all(edges.map(async (_, edge) => (await edgeStreams(world, edge)).ends));
}

async function untilReady({ stack }: World): Promise<number> {
  const { tookMs } = await until(
    'every replica is ready',
    async () => {
      const { controlPlanes } = stack.description;
      return (await Promise.all(controlPlanes.map(({ ops }) => isReady(ops)))).every(Boolean);
    },
    { msMax: readyMsMax },
  );
  return tookMs;
}
