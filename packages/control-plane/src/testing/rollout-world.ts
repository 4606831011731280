import type { AccessRecord } from '@sallyport/shared/access-record';
import { newId } from '@sallyport/shared/ids';
import { sql } from 'drizzle-orm';
import type { Gate } from '../releases/gates/gate.ts';
import { moveOnce } from '../releases/job.ts';
import type { Move } from '../releases/next-move.ts';
import { insertAccessRecords } from '../store/access-records.ts';
import { readHead } from '../store/change-log.ts';
import type { Database } from '../store/database.ts';
import { saveSeenEdges } from '../store/edge-status.ts';
import { edgeKeysOp, insertEdge } from '../store/edges.ts';
import type { Leader } from '../store/leases.ts';
import { findActiveRollout, updateRollout } from '../store/rollouts.ts';
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

/** An admin API with a live version, edges that say what a test says, and a job run by hand. */
export interface RolloutWorld {
  readonly admin: TestAdmin;
  readonly leader: Leader;
  /** Makes a candidate and starts to roll it out. */
  start(): Promise<{ readonly id: string; readonly version: number }>;
  /** One run of the job, by this leader or another one. */
  step(leader?: Leader, gates?: readonly Gate[]): Promise<Move | null>;
  /** So much time passes: all that is noted is so much older. The edges say nothing meanwhile. */
  wait(ms: number): Promise<void>;
  /** The same, and no replica leads. */
  outage(ms: number): Promise<void>;
  /**
   * So much time, over which the job looks every few seconds and only these edges are well; up to
   * a move to another ring or back.
   */
  watch(ms: number, ...well: string[]): Promise<Move | null>;
  edge(labels: Readonly<Record<string, string>>): Promise<string>;
  /** These edges enforce what the lane says now. */
  enforce(...ids: string[]): Promise<void>;
  /** This edge has a stream and acknowledges nothing. */
  appear(id: string): Promise<void>;
  refuse(id: string): Promise<void>;
  /** What an edge decided, so many times. */
  decide(
    id: string,
    version: number,
    outcome: AccessRecord['outcome'],
    count: number,
    more?: Partial<AccessRecord>,
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

const lookEveryMs = 9_000;

/** Starts one whose live version is 1. */
export async function rolloutWorld(more: Partial<SettingsSpec> = {}): Promise<RolloutWorld> {
  const admin = await configured(wikiSet(['employees'], { rollout, ...more }));
  const { database } = admin;
  const leader = await testLeader(database);
  let count = 0;

  const say = async (id: string, positions: object, nack: object | null): Promise<void> => {
    const lane = { held: false, path: null, stalenessMs: null, digestAgrees: null };
    const report = {
      replica: 'test',
      lanes: { config: { ...lane, nack } },
      alarms: {},
      carriedBlocks: null,
    };
    await saveSeenEdges(database.db, [
      { id, lastSeenAtMs: Date.now(), softwareVersion: '', positions, enforcedAgoMs: {}, report },
    ] as Parameters<typeof saveSeenEdges>[1]);
  };

  const enforce = async (...ids: readonly string[]): Promise<void> => {
    const enforced = await readHead(database.db, 'config');
    for (const id of ids) await say(id, { config: { applied: enforced, enforced } }, null);
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
    step: (by = leader, gates) => moveOnce(by, gates),
    wait: (ms) => age(database, ms, 0),
    outage: (ms) => age(database, ms, ms),
    async watch(ms, ...well) {
      let move: Move | null = null;
      for (let leftMs = ms; leftMs > 0; leftMs -= lookEveryMs) {
        await age(database, Math.min(lookEveryMs, leftMs), 0);
        await enforce(...well);
        move = await moveOnce(leader);
        if (move?.kind !== 'stay' && move?.kind !== 'bake') return move;
      }
      return move;
    },
    async edge(labels) {
      const id = newId('edg');
      const row = {
        id,
        region: labels['region'] ?? 'north',
        labels,
        assertionJwks: [],
        identitySha256: '0'.repeat(64),
        identityNotAfterMs: Date.now() + 86_400_000,
        joinedAtMs: Date.now(),
        renewedAtMs: Date.now(),
      };
      await write(database, systemActor, { verb: 'join', resource: 'edge' }, async (tx) => {
        await insertEdge(tx.db, row);
        tx.emit('config', edgeKeysOp(row));
      });
      const enforced = await readHead(database.db, 'config');
      await say(id, { config: { applied: enforced, enforced } }, null);
      return id;
    },
    enforce,
    appear: (id) => say(id, {}, null),
    refuse: (id) => say(id, {}, { code: 'bundle_invalid', detail: 'it does not compile' }),
    async decide(id, version, outcome, count, more = {}) {
      const records = Array.from({ length: count }, () =>
        accessRecord({ edge: id, outcome, configVersion: version, ...more }),
      );
      await insertAccessRecords(database, id, records, Date.now());
    },
    read: async (id) => (await admin.send('GET', `/v1/rollouts/${id}`)).body as TestRollout,
  };
}

/** Makes what is noted of edges and of the rollout under way older. */
async function age({ db }: Database, ms: number, unwatchedMs: number): Promise<void> {
  await db.execute(sql`
    update edges set report = report || jsonb_build_object(
      'seenAtMs', (report ->> 'seenAtMs')::float8 - ${ms}::float8)`);
  const rollout = await findActiveRollout(db);
  if (rollout === null) return;
  const { id, decisions, stageReleasedAtMs, stageEnforcedAtMs } = rollout;
  await updateRollout(db, id, {
    stageReleasedAtMs: stageReleasedAtMs - ms,
    stageEnforcedAtMs: stageEnforcedAtMs === null ? null : stageEnforcedAtMs - ms,
    decisions: decisions.map((seen) => ({
      ...seen,
      lookedAtMs: seen.lookedAtMs - unwatchedMs,
      missing: older(seen.missing, ms),
      waits: older(seen.waits, ms),
    })),
  });
}

function older(times: Readonly<Record<string, number>>, ms: number): Record<string, number> {
  return Object.fromEntries(Object.entries(times).map(([of, atMs]) => [of, atMs - ms]));
}
