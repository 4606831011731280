import { beforeAll, expect, test } from 'vitest';
import { systemActor } from '../testing/actor.ts';
import { type TestAdmin, testAdmin } from '../testing/admin.ts';
import { digestsOfLog, digestsOfState } from '../testing/lane-fold.ts';
import { testLeader } from '../testing/leader.ts';
import { bornSession } from '../testing/sessions.ts';
import { insertEdge } from './edges.ts';
import { raiseEpoch } from './epoch.ts';
import { expireOnce } from './jobs/expiry.ts';
import type { Leader } from './leases.ts';
import { endSession } from './sessions.ts';
import { deleteSignal, putSignal } from './signals.ts';
import { write } from './write.ts';

/**
 * What the tables say is what the log says, whatever happened and however often: shards are made of
 * the one, frames of the other, and edges compare them by digest.
 */

let admin: TestAdmin;
let leader: Leader;
const minuteMs = 60_000;
const action = { verb: 'test', resource: 'test' };
/** Runs forward by itself, so that things expire. */
let nowMs = Date.now();

beforeAll(async () => {
  admin = await testAdmin();
  leader = await testLeader(admin.database);
  await admin.send('PUT', '/v1/secrets/corp-secret', { body: { value: 'the value' } });
});

/** A small generator, so that a failing run can be had again by its seed. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

class World {
  readonly users: string[] = [];
  readonly devices: string[] = [];
  readonly sessions: string[] = [];
  readonly revocations: string[] = [];
  readonly groups: string[] = [];
  versions = 0;
  readonly random: (below: number) => number;

  constructor(seed: number) {
    this.random = generator(seed);
  }

  pick(from: readonly string[]): string | null {
    return from[this.random(from.length)] ?? null;
  }
}

const apiVersion = 'sallyport.dev/v1';

function configurationNumber(number: number): object[] {
  const provider = {
    issuer: 'https://idp.corp.test',
    clientId: `sallyport-${number}`,
    clientSecret: 'corp-secret',
  };
  const signIn = { host: 'signin.corp.test', identityProvider: 'corp' };
  return [
    { apiVersion, kind: 'IdentityProvider', metadata: { name: 'corp' }, spec: provider },
    { apiVersion, kind: 'Settings', metadata: { name: 'default' }, spec: { signIn } },
  ];
}

type Step = (world: World) => Promise<unknown>;

const post = async (path: string, body: object): Promise<string> => {
  const answer = await admin.send('POST', path, { body });
  expect([path, answer.status, answer.body]).toEqual([path, 201, answer.body]);
  return answer.body.id as string;
};

async function revoke(world: World, target: object | null, more: object = {}): Promise<void> {
  if (target === null) return;
  world.revocations.push(await post('/v1/revocations', { target, reason: 'test', ...more }));
}

const one = (kind: string, id: string | null) => (id === null ? null : { kind, id });

const steps: readonly Step[] = [
  async (world) => world.users.push(await post('/v1/users', { email: 'a@corp.test' })),
  async (world) => world.devices.push(await post('/v1/devices', { name: 'laptop' })),
  async (world) => {
    const user = world.pick(world.users);
    const body = user === null ? {} : { ownerUserId: user };
    world.devices.push(await post('/v1/devices', { name: 'laptop', ...body }));
  },
  async (world) => {
    const id = world.pick(world.users);
    if (id === null) return;
    const endsAt = world.random(2) === 0 ? null : new Date(nowMs).toISOString();
    const employment = world.random(3) === 0 ? null : { class: 'contractor', endsAt };
    const answer = await admin.send('PATCH', `/v1/users/${id}`, { body: { employment } });
    expect(answer).toMatchObject({ status: 200 });
  },
  async (world) => {
    const id = world.pick(world.devices);
    if (id === null) return;
    const observedAt = new Date(Date.now() - world.random(5) * minuteMs).toISOString();
    const values = [true, false, 0.1, 2.5e-10, -1.5, 'Größe', 'x'.repeat(256)];
    const facts = ['os', 'disk', 'a-b', 'a'].slice(world.random(5)).map((name) => ({
      name,
      value: values[world.random(values.length)],
      observedAt,
    }));
    const answer = await admin.send('PUT', `/v1/devices/${id}/posture`, { body: { facts } });
    expect(answer).toMatchObject({ status: 200 });
  },
  async (world) => {
    const user = world.pick(world.users);
    if (user === null) return;
    const device = world.random(2) === 0 ? null : world.pick(world.devices);
    world.sessions.push(await bornSession(admin, user, device, world.random(30) * minuteMs));
  },
  async (world) => {
    const sid = world.pick(world.sessions);
    if (sid === null) return;
    await write(admin.database, systemActor, action, async (tx) => {
      const op = await endSession(tx.db, sid, nowMs);
      if (op !== null) tx.emit('revoke', op);
    });
  },
  (world) => revoke(world, one('user', world.pick(world.users)), { effect: 'end' }),
  (world) => revoke(world, one('user', world.pick(world.users))),
  (world) => revoke(world, one('device', world.pick(world.devices)), { expiresInSeconds: 120 }),
  (world) => revoke(world, { kind: 'everyone' }),
  (world) => revoke(world, { kind: 'everyone' }, { effect: 'block', expiresInSeconds: 60 }),
  async (world) => {
    const id = world.pick(world.revocations);
    if (id !== null) await admin.send('DELETE', `/v1/revocations/${id}`);
  },
  async (world) => {
    const user = world.pick(world.users);
    if (user === null) return;
    world.users.splice(world.users.indexOf(user), 1);
    await admin.send('DELETE', `/v1/users/${user}`);
  },
  async (world) => {
    const device = world.pick(world.devices);
    if (device === null) return;
    world.devices.splice(world.devices.indexOf(device), 1);
    await admin.send('DELETE', `/v1/devices/${device}`);
  },
  async (world) => {
    const name = `group-${world.groups.length}-${world.random(1_000_000)}`;
    world.groups.push(await post('/v1/groups', { name }));
  },
  async (world) => {
    const [group, user] = [world.pick(world.groups), world.pick(world.users)];
    if (group === null || user === null) return;
    const method = world.random(3) === 0 ? 'DELETE' : 'PUT';
    await admin.send(method, `/v1/groups/${group}/members/${user}`, {
      ...(method === 'PUT' ? { body: {} } : {}),
    });
  },
  async (world) => {
    world.versions += 1;
    const answer = await admin.send('POST', '/v1/config:apply', {
      body: { documents: configurationNumber(world.versions), message: 'test' },
    });
    expect(answer).toMatchObject({ status: 201 });
  },
  async (world) => {
    const row = {
      subject: 'user' as const,
      subjectId: world.pick(world.users) ?? 'usr_gone',
      name: `risk-${world.random(3)}`,
      value: String(world.random(100)),
      observedAtMs: nowMs,
      expiresAtMs: nowMs + world.random(5) * minuteMs,
    };
    await write(admin.database, systemActor, action, async (tx) => {
      if (world.random(4) > 0) tx.emit('signals', await putSignal(tx.db, row));
      else {
        const gone = await deleteSignal(tx.db, row);
        if (gone !== null) tx.emit('signals', gone);
      }
    });
  },
  async (world) => {
    await admin.send('PUT', '/v1/secrets/edge-secret', {
      body: { value: String(world.random(10)) },
    });
  },
  async (world) => {
    const nowReal = Date.now();
    const id = `edg_${String(world.random(1_000_000)).padStart(26, '0')}`;
    const assertionJwks = ['{"kty":"EC"}'];
    await write(admin.database, systemActor, action, async (tx) => {
      await insertEdge(tx.db, {
        id,
        region: 'r',
        labels: {},
        assertionJwks,
        identitySha256: 'a'.repeat(64),
        identityNotAfterMs: nowReal,
        joinedAtMs: nowReal,
        renewedAtMs: nowReal,
      });
      tx.emit('config', { op: 'edge_keys', edgeId: id, region: 'r', assertionJwks });
    });
    if (world.random(2) === 0) await admin.send('DELETE', `/v1/edges/${id}`);
  },
  async (world) => {
    nowMs += world.random(10) * minuteMs;
    await expireOnce(leader, nowMs);
  },
  async (world) => {
    if (world.random(3) > 0) return;
    // Half a month: the first keys of the lanes go, and all that was said before.
    nowMs += 16 * 86_400_000;
    await expireOnce(leader, nowMs);
  },
  async (world) => {
    if (world.random(3) > 0) return;
    const order = { reason: 'test', actor: systemActor, nowMs: Date.now() };
    await raiseEpoch(admin.database, order);
  },
];

// One world shows most of what can go wrong; the long run lives more of them.
const seeds = process.env['SALLYPORT_TEST_FULL'] === '1' ? [1, 2, 3] : [1];

test.each(seeds)('the state is the sum of the log, whatever happened (seed %i)', async (seed) => {
  const world = new World(seed);
  for (let turn = 0; turn < 120; turn += 1) {
    const index = world.random(steps.length);
    await steps[index]?.(world);
    if (turn % 20 !== 19) continue;
    expect([turn, await digestsOfState(admin.database)]).toEqual([
      turn,
      await digestsOfLog(admin.database),
    ]);
  }
});

test('what was said of sessions, blocks, keys and signals leaves when it has no meaning any more', async () => {
  await expireOnce(leader, Date.now() + 2 * 397 * 86_400_000);
  const state = await digestsOfState(admin.database);
  expect(state).toEqual(await digestsOfLog(admin.database));
  expect(state.signals).toMatch(/^0 rows/);
  expect(await admin.database.ordinary.query('select 1 from ended_sessions')).toMatchObject({
    rowCount: 0,
  });
  const keys = await admin.send('GET', '/v1/keys');
  expect(keys.body.items).toEqual([]);
});
