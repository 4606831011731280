import type { AccessRecord } from '@sallyport/shared/access-record';
import { newId } from '@sallyport/shared/ids';
import type { Gate } from '../releases/gates/gate.ts';
import { moveOnce } from '../releases/job.ts';
import type { Move } from '../releases/next-move.ts';
import { insertAccessRecords } from '../store/access-records.ts';
import { readHead } from '../store/change-log.ts';
import { saveSeenEdges } from '../store/edge-status.ts';
import { edgeKeysOp, insertEdge } from '../store/edges.ts';
import type { Leader } from '../store/leases.ts';
import { write } from '../store/write.ts';
import { systemActor } from './actor.ts';
import type { TestAdmin } from './admin.ts';
import { apply, configured, route, type SettingsSpec, wikiSet } from './configuration.ts';
import { testLeader } from './leader.ts';
import { accessRecord } from './records.ts';

export const rollout: NonNullable<SettingsSpec['rollout']> = {
  rings: [
    { name: 'canary', edges: { matchLabels: { ring: 'canary' } }, bake: '10m' },
    { name: 'early', edges: { matchLabels: { region: 'south' } }, bake: '1h' },
  ],
};

/** An admin API with a live version, edges that say what a test says, and the job's clock. */
export interface RolloutWorld {
  readonly admin: TestAdmin;
  readonly leader: Leader;
  /** Makes a candidate and starts to roll it out. */
  start(): Promise<{ readonly id: string; readonly version: number }>;
  /** One run of the job, by this leader or another one. */
  step(leader?: Leader, gates?: readonly Gate[]): Promise<Move | null>;
  wait(ms: number): void;
  edge(labels: Readonly<Record<string, string>>): Promise<string>;
  /** These edges enforce what the lane says now. */
  enforce(...ids: string[]): Promise<void>;
  refuse(id: string): Promise<void>;
  /** What an edge decided, so many times. */
  decide(
    id: string,
    version: number,
    outcome: AccessRecord['outcome'],
    count: number,
  ): Promise<void>;
  read(id: string): Promise<TestRollout>;
}

/** What tests look at. */
export interface TestRollout {
  readonly state: string;
  readonly stage: { readonly ring: string; readonly enforcedAt: string | null } | null;
  readonly waiting: string | null;
  readonly reason: string | null;
  readonly rings: readonly { readonly state: string; readonly decided: number }[];
}

/** Starts one whose live version is 1. */
export async function rolloutWorld(more: Partial<SettingsSpec> = {}): Promise<RolloutWorld> {
  const admin = await configured(wikiSet(['employees'], { rollout, ...more }));
  const { database } = admin;
  const leader = await testLeader(database);
  let aheadMs = 0;
  let count = 0;
  const now = (): number => Date.now() + aheadMs;

  const say = async (id: string, positions: object, nack: object | null): Promise<void> => {
    const lane = { held: false, path: null, stalenessMs: null, digestAgrees: null };
    const report = {
      replica: 'test',
      lanes: { config: { ...lane, nack } },
      alarms: {},
      carriedBlocks: null,
    };
    await saveSeenEdges(database.db, [
      { id, lastSeenAtMs: now(), softwareVersion: '', positions, enforcedAgoMs: {}, report },
    ] as Parameters<typeof saveSeenEdges>[1]);
  };

  return {
    admin,
    leader,
    async start() {
      count += 1;
      const documents = [route(`new-${count}`)];
      const made = (await apply(admin, { documents, mode: 'candidate' })).body as {
        readonly version: number;
      };
      const { version } = made;
      const answer = await admin.send('POST', '/v1/rollouts', { body: { version } });
      if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
      const { id } = answer.body as { readonly id: string };
      return { id, version };
    },
    step: (by = leader, gates) => moveOnce(by, now(), ...(gates === undefined ? [] : [gates])),
    wait(ms) {
      aheadMs += ms;
    },
    async edge(labels) {
      const id = newId('edg');
      const row = {
        id,
        region: labels['region'] ?? 'north',
        labels,
        assertionJwks: [],
        identitySha256: '0'.repeat(64),
        identityNotAfterMs: now() + 86_400_000,
        joinedAtMs: now(),
        renewedAtMs: now(),
      };
      await write(database, systemActor, { verb: 'join', resource: 'edge' }, async (tx) => {
        await insertEdge(tx.db, row);
        tx.emit('config', edgeKeysOp(row));
      });
      const enforced = await readHead(database.db, 'config');
      await say(id, { config: { applied: enforced, enforced } }, null);
      return id;
    },
    async enforce(...ids) {
      const enforced = await readHead(database.db, 'config');
      for (const id of ids) await say(id, { config: { applied: enforced, enforced } }, null);
    },
    refuse: (id) => say(id, {}, { code: 'bundle_invalid', detail: 'it does not compile' }),
    async decide(id, version, outcome, count) {
      const records = Array.from({ length: count }, () =>
        accessRecord({ edge: id, outcome, configVersion: version }),
      );
      await insertAccessRecords(database, id, records, now());
    },
    read: async (id) => (await admin.send('GET', `/v1/rollouts/${id}`)).body as TestRollout,
  };
}
