import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { isReady, readMetrics, sum } from '../support/metrics.ts';
import { recovered } from '../support/recoveries.ts';
import { Seeded } from '../support/seeded.ts';
import { until } from '../support/until.ts';
import {
  revokeAndCheck,
  servedSession,
  untilAgreed,
  untilEnforced,
  untilNormal,
  type World,
} from '../support/world.ts';
import { revokeFlood } from './flood.ts';

const stalledMs = 20_000;
const kills = 8;
const lanes = ['revoke', 'signals', 'config', 'directory'] as const;
/** What a replica may grow by while an edge does not read: far above what is seen, garbage and all. */
const growthBytesMax = 256 * 1024 * 1024;

/** What edges do to the control plane, and it to them. */
export function longEdgeFaults(world: () => World): void {
  describe('an edge, for longer,', () => {
    it('F11 that stops reading under a flood costs the replicas nothing, and has all again when it goes on', async () => {
      const { stack, admin, asker } = world();
      const session = await servedSession(world());
      const before = await memory(world());
      stack.pause('edge-2');
      const flood = await revokeFlood(admin, 8, stalledMs);
      const after = await memory(world());
      const revoked = await admin.revoke({ kind: 'session', id: session.sid }, { wait: false });
      await until('the other edge has it', async () => (await asker.status(session, 0)) === 401);
      recovered(
        'F11',
        `${flood.confirmed} revocations while edge-2 stood still, a second`,
        String(Math.round((flood.confirmed * 1000) / flood.tookMs)),
      );
      recovered('F11', 'the replicas grew by', `${Math.round((after - before) / 2 ** 20)} MiB`);
      expect(after - before).toBeLessThan(growthBytesMax);
      stack.resume('edge-2');
      recovered(
        'F11',
        'it enforces all of them after SIGCONT',
        await untilEnforced(world(), revoked),
      );
      expect(await asker.status(session, 1)).toBe(401);
      recovered('F11', 'all as it was after', await untilNormal(world()));
    });

    it('F18 starts from nothing with all the others at once: one snapshot is built, and all are ready', async () => {
      const { stack } = world();
      const { edges, dir } = stack.description;
      const built = await snapshots(world());
      await Promise.all(edges.map(({ name }) => stack.kill(name)));
      for (const { name } of edges) await rm(join(dir, name, 'state'), { recursive: true });
      const startedAt = performance.now();
      const took = await Promise.all(
        edges.map(async ({ name, ops }) => {
          await stack.restart(name);
          await until(`${name} is ready`, () => isReady(ops), { msMax: 60_000 });
          return performance.now() - startedAt;
        }),
      );
      recovered('F18', `first of ${edges.length} edges ready after`, Math.min(...took));
      recovered('F18', 'last one ready after', Math.max(...took));
      await untilNormal(world());
      const now = await snapshots(world());
      for (const lane of lanes) {
        const more = now.map(
          (count, replica) => (count.get(lane) ?? 0) - (built[replica]?.get(lane) ?? 0),
        );
        recovered('F18', `snapshots of ${lane} that the replicas built`, more.join(' '));
        // One, or a second one where the lane moved on meanwhile.
        for (const count of more) expect(count).toBeLessThanOrEqual(2);
      }
    });

    it('F19 that is killed again and again while state arrives comes back right each time', async () => {
      const { stack, admin, asker } = world();
      const seeded = new Seeded(19);
      const ended = await servedSession(world());
      const live = await servedSession(world());
      await revokeAndCheck(world(), ended);
      const flooding = revokeFlood(admin, 2, kills * 1_500);
      const took: number[] = [];
      for (let count = 0; count < kills; count += 1) {
        await sleep(seeded.between(20, 600));
        await stack.kill('edge-1');
        const startedAt = performance.now();
        await stack.restart('edge-1');
        const { ops } = stack.description.edges[0] ?? { ops: '' };
        await until('the edge is ready', () => isReady(ops));
        took.push(performance.now() - startedAt);
        expect(await asker.status(ended, 0)).toBe(401);
        expect(await asker.status(live, 0)).toBe(200);
      }
      const flood = await flooding;
      recovered('F19', `ready again after each of ${kills} kills, at the most`, Math.max(...took));
      if (flood.last !== null) {
        recovered(
          'F19',
          'everything enforced after the last',
          await untilEnforced(world(), flood.last),
        );
      }
      for (const replica of stack.description.controlPlanes.keys()) {
        await untilAgreed(world(), replica);
      }
      recovered('F19', 'all as it was after', await untilNormal(world()));
    });
  });
}

/** Resident bytes of all replicas. */
async function memory({ stack }: World): Promise<number> {
  const { controlPlanes } = stack.description;
  const figures = await Promise.all(controlPlanes.map(({ ops }) => readMetrics(ops)));
  return figures.reduce((total, one) => total + sum(one, 'process_resident_memory_bytes'), 0);
}

/** How many snapshots each replica has built, by lane. */
async function snapshots({ stack }: World): Promise<Map<string, number>[]> {
  return Promise.all(
    stack.description.controlPlanes.map(async ({ ops }) => {
      const figures = await readMetrics(ops);
      return new Map(
        lanes.map((lane) => [lane, sum(figures, 'sallyport_snapshots_built_total', { lane })]),
      );
    }),
  );
}
