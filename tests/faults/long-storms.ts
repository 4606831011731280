import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { percentile } from '../bench/lib/report.ts';
import { openAdmin } from '../support/cast.ts';
import { readMetrics, sum } from '../support/metrics.ts';
import { recovered } from '../support/recoveries.ts';
import { until } from '../support/until.ts';
import {
  pathsOf,
  revokeAndCheck,
  servedSession,
  untilAgreed,
  untilEnforced,
  untilNormal,
  type World,
} from '../support/world.ts';
import { untilBusConnected } from './bus.ts';
import { revokeFlood } from './flood.ts';

const stormMs = 10_000;
const cutMs = 60_000;
const outageMs = 6_000;

/** Storms, long outages, and a lockdown amid them. */
export function longStorms(world: () => World): void {
  describe('the whole, for longer,', () => {
    it('F10 notices that NATS is half-open, at both ends, and finds it again', async () => {
      const { stack } = world();
      await untilBusConnected(world(), true);
      stack.pause('nats');
      try {
        recovered(
          'F10',
          'every edge knows that NATS does not answer after',
          await untilBusConnected(world(), false),
        );
        recovered(
          'F10',
          'every replica knows it after that',
          await untilReplicasOnBus(world(), false),
        );
      } finally {
        stack.resume('nats');
      }
      recovered(
        'F10',
        'every edge has NATS again after SIGCONT',
        await untilBusConnected(world(), true),
      );
    });

    it('F37 enforces a storm of revocations as it comes', async () => {
      const { admin, stack } = world();
      const storm = revokeFlood(admin, 12, stormMs);
      const { body: user } = await admin.at(0).post<{ readonly id: string }>('/v1/users', {
        email: 'sampled@corp.localhost',
        displayName: 'Sampled',
      });
      const took: number[] = [];
      for (const startedAt = performance.now(); performance.now() - startedAt < stormMs; ) {
        const revoked = await admin.revoke({ kind: 'user', id: user.id }, { effect: 'end' });
        expect(revoked.enforced, pathsOf(world(), revoked)).toBe(true);
        took.push(Math.max(...revoked.receipts.map(({ tookMs }) => tookMs ?? 0)));
      }
      const { confirmed, tookMs, last } = await storm;
      recovered('F37', 'revocations a second', String(Math.round((confirmed * 1000) / tookMs)));
      recovered(
        'F37',
        `commit to enforced everywhere, p50 of ${took.length}`,
        percentile(took, 0.5),
      );
      recovered('F37', 'p99', percentile(took, 0.99));
      if (last === null) throw new Error('nothing was revoked');
      recovered(
        'F37',
        'the last one is enforced everywhere after the storm',
        await untilEnforced(world(), last),
      );
      for (const replica of stack.description.controlPlanes.keys()) {
        await untilAgreed(world(), replica);
      }
    });

    it('F38 comes back from a cut of every link without a rush, revocations first', async () => {
      const { stack, links, admin, asker } = world();
      const session = await servedSession(world());
      const { edges, controlPlanes } = stack.description;
      const all = edges.flatMap(({ name }) => links.of(name));
      for (const proxy of all) proxy.refuse();
      const revoked = await admin.revoke({ kind: 'session', id: session.sid }, { wait: false });
      const seen = attempts(world());
      await sleep(cutMs);
      const during = (attempts(world()) - seen) / (cutMs / 1000) / edges.length;
      recovered('F38', 'attempts to connect of an edge a second, meanwhile', during.toFixed(2));
      const healedAt = performance.now();
      for (const proxy of all) proxy.heal();
      const { tookMs } = await until('no edge permits it', async () =>
        (await asker.statuses(session)).every((status) => status === 401),
      );
      recovered('F38', 'what was revoked meanwhile is enforced everywhere after', tookMs);
      await untilEnforced(world(), revoked);
      await untilNormal(world());
      recovered('F38', 'every edge has its streams after', performance.now() - healedAt);
      recovered(
        'F38',
        'connections that the replicas took in that time',
        String(attempts(world()) - seen),
      );
      for (const replica of controlPlanes.keys()) await untilAgreed(world(), replica);
    });

    it('F39 a lockdown amid NATS half-open, a replica killed and an edge cut off holds for good', async () => {
      const { stack, links, admin, asker } = world();
      const session = await servedSession(world());
      stack.pause('nats');
      const cut = links.of('edge-2');
      for (const proxy of cut) proxy.blackHole('both');
      await stack.kill('control-plane-1');
      const startedAt = performance.now();
      const lockdown = await admin.revoke(
        { kind: 'everyone' },
        { effect: 'block', first: 1, wait: false },
      );
      for (const [edge, { name }] of stack.description.edges.entries()) {
        if (name === 'edge-2') continue;
        await until(`${name} denies`, async () => (await asker.status(session, edge)) === 403);
      }
      recovered(
        'F39',
        'every edge that can be reached denies everybody after',
        performance.now() - startedAt,
      );
      await stack.kill('edge-1');
      await stack.kill('control-plane-2');
      await stack.restart('edge-1');
      await until('edge-1 answers', async () => (await asker.status(session, 0)) !== null);
      expect(await asker.status(session, 0)).not.toBe(200);
      const healedAt = performance.now();
      for (const proxy of cut) proxy.heal();
      stack.resume('nats');
      await Promise.all(['control-plane-1', 'control-plane-2'].map((name) => stack.restart(name)));
      await until('edge-2 denies', async () => (await asker.status(session, 1)) === 403);
      recovered(
        'F39',
        'the one that was cut off denies after it is back',
        performance.now() - healedAt,
      );
      await untilNormal(world());
      const api = await openAdmin(stack.description);
      await api.delete(`/v1/revocations/${lockdown.id}`);
      await api.close();
      const { tookMs } = await until('every edge serves again', async () =>
        (await asker.statuses(session)).every((status) => status === 200),
      );
      recovered('F39', 'lifted, every edge serves again after', tookMs);
    });

    it('F14 with every replica away, state grows old by the budgets of the route, and is young again at once', async () => {
      const { stack, asker } = world();
      await applyBudgets(world());
      // Budgets of seconds may be past where an edge had its last news before they held.
      const { value: session } = await until('a session is served', () => servedSession(world()));
      await untilNewerThan(world(), performance.now());
      const planes = stack.description.controlPlanes.map(({ name }) => name);
      await Promise.all(planes.map((name) => stack.kill(name)));
      const startedAt = performance.now();
      const seen = new Map<number | null, number>();
      await until(
        'the state is too old',
        async () => {
          const status = await asker.status(session, 0);
          if (!seen.has(status)) seen.set(status, performance.now() - startedAt);
          return status === 503;
        },
        { everyMs: 50 },
      );
      for (const [status, atMs] of seen)
        recovered('F14', `an old session gets ${status} from`, atMs);
      expect([...seen.keys()]).toEqual([200, 401, 503]);
      await sleep(outageMs);
      const backAt = performance.now();
      await Promise.all(planes.map((name) => stack.restart(name)));
      recovered('F14', 'the replicas are started again in', performance.now() - backAt);
      const { tookMs } = await until('the session is served', async () =>
        (await asker.statuses(session)).every((status) => status === 200),
      );
      recovered('F14', 'every edge serves again after that', tookMs);
      recovered('F14', 'all as it was after that', await untilNormal(world()));
      const built = await Promise.all(
        stack.description.controlPlanes.map(async ({ ops }) =>
          sum(await readMetrics(ops), 'sallyport_snapshots_built_total'),
        ),
      );
      recovered('F14', 'snapshots that the replicas built', built.join(' '));
      await revokeAndCheck(world(), session);
    });
  });
}

/** Connections that came to the replicas' proxies. */
function attempts({ stack, links }: World): number {
  return stack.description.edges
    .flatMap(({ name: from }) =>
      stack.description.controlPlanes.map(({ name: to }) => links.between(from, to).accepted),
    )
    .reduce((total, count) => total + count, 0);
}

async function untilReplicasOnBus({ stack }: World, wanted: boolean): Promise<number> {
  const { tookMs } = await until('the replicas know', async () => {
    const { controlPlanes } = stack.description;
    const figures = await Promise.all(controlPlanes.map(({ ops }) => readMetrics(ops)));
    return figures.every((one) => (sum(one, 'sallyport_bus_connected') === 1) === wanted);
  });
  return tookMs;
}

/** Waits until the state of every edge is of a later moment: who signed in before has to again. */
async function untilNewerThan({ stack }: World, thenMs: number): Promise<void> {
  await until('the state is newer', async () => {
    const figures = await Promise.all(stack.description.edges.map(({ ops }) => readMetrics(ops)));
    return figures.every((one) => {
      const labels = { lane: 'revoke' };
      const ageMs = 1_000 * sum(one, 'sallyport_edge_lane_staleness_seconds', labels);
      return performance.now() - ageMs > thenMs + 100;
    });
  });
}

/** Budgets of a few seconds for the wiki, so that its state is old within the test. */
async function applyBudgets(world: World): Promise<void> {
  const { stack, admin } = world;
  const { hosts, upstream } = stack.description;
  await admin.at(0).post('/v1/config:apply', {
    message: 'Budgets of seconds',
    documents: [
      {
        apiVersion: 'sallyport.dev/v1',
        kind: 'Route',
        metadata: { name: 'wiki' },
        spec: {
          match: [{ host: hosts.wiki }],
          policies: ['staff-on-known-devices'],
          upstream: { url: upstream.url, trustBundle: 'stack' },
          identity: { groups: ['employees', 'contractors', 'admins'] },
          webSocket: {},
          staleness: {
            revoke: { stepUpAfter: '4s', denyNewSessionsAfter: '6s', denyAfter: '8s' },
          },
        },
      },
    ],
  });
  await until('every edge has the budgets', async () => {
    const rows = await admin.edges();
    return rows.every(({ lanes }) => lanes['config']?.lagRevisions === 0);
  });
}
