import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { acquireLease, LeaseLostError, leaderOf } from '../store/leases.ts';
import { findActiveRollout, noteProgress } from '../store/rollouts.ts';
import { apply, route } from '../testing/configuration.ts';
import { digestsOfLog, digestsOfState } from '../testing/lane-fold.ts';
import { newestOps } from '../testing/log-ops.ts';
import { type RolloutWorld, rolloutWorld } from '../testing/rollout-world.ts';
import type { Gate } from './gates/gate.ts';

const minuteMs = 60_000;

let world: RolloutWorld;
let canary: string;
let early: string;
let rest: string;
beforeAll(async () => {
  world = await rolloutWorld();
  canary = await world.edge({ ring: 'canary', region: 'south' });
  early = await world.edge({ region: 'south' });
  rest = await world.edge({});
});

/** Each test begins without a rollout, and with edges that follow. */
beforeEach(async () => {
  const { body } = await world.admin.send('GET', '/v1/rollouts?limit=1');
  const [last] = body.items as { id: string; endedAt: string | null }[];
  if (last?.endedAt === null) {
    await world.admin.send('POST', `/v1/rollouts/${last.id}/abort`, { body: {} });
  }
  await world.enforce(canary, early, rest);
});

const releasesOf = async () =>
  (await newestOps(world.admin.database, 'config')).flatMap((op) =>
    op.op === 'release' ? [[op.ring, op.version]] : [],
  );

async function live(): Promise<number> {
  return (await world.admin.send('GET', '/v1/config')).body.version as number;
}

async function stateOf(version: number): Promise<string> {
  const { body } = await world.admin.send('GET', `/v1/config/versions/${version}`);
  return body.state as string;
}

async function expectLaneWhole(): Promise<void> {
  const log = await digestsOfLog(world.admin.database);
  expect((await digestsOfState(world.admin.database)).config).toBe(log.config);
}

describe('a rollout', () => {
  test('goes from ring to ring when the edges enforce it and it has baked, and ends with all', async () => {
    const base = await live();
    const { id, version } = await world.start();
    expect(await releasesOf()).toEqual([['canary', version]]);
    expect(await stateOf(version)).toBe('releasing');

    expect(await world.step()).toMatchObject({ kind: 'stay' });
    expect((await world.read(id)).waiting).toBe(
      `1 of 1 edges of ring canary have yet to enforce it: ${canary}`,
    );
    await world.enforce(canary);
    expect(await world.step()).toEqual({ kind: 'bake' });
    expect(await world.step()).toMatchObject({ kind: 'stay' });
    expect((await world.read(id)).waiting).toContain('ring canary bakes until');
    expect(await live()).toBe(base);

    await world.wait(10 * minuteMs);
    await world.enforce(canary, rest);
    expect(await world.step()).toEqual({ kind: 'next_ring' });
    expect(await releasesOf()).toEqual([['early', version]]);
    await world.enforce(canary, early);
    expect(await world.step()).toEqual({ kind: 'bake' });
    await world.wait(60 * minuteMs);
    await world.enforce(canary, early, rest);
    expect(await world.step()).toEqual({ kind: 'next_ring' });
    expect(await releasesOf()).toEqual([['default', version]]);
    expect([await live(), await stateOf(version)]).toEqual([version, 'released']);

    await world.enforce(canary, early, rest);
    expect(await world.step()).toEqual({ kind: 'bake' });
    expect(await world.step()).toEqual({ kind: 'next_ring' });
    expect(await world.read(id)).toMatchObject({ state: 'done', stage: null, reason: null });
    expect(await world.step()).toBeNull();
    await expectLaneWhole();
  });

  test('goes on where it was when another replica leads, and the leader of before changes nothing', async () => {
    const { id } = await world.start();
    const { database } = world.admin;
    const take = async (holder: string) => {
      const lease = await acquireLease(database.db, 'rollout-test', holder, 600_000);
      if (lease === null) throw new Error('the lease is taken');
      return leaderOf(database, lease);
    };
    const first = await take('a');
    await world.enforce(canary);
    expect(await world.step(first)).toEqual({ kind: 'bake' });
    await database.ordinary.query(
      `update leases set expires_at = clock_timestamp() - interval '1 second'
       where name = 'rollout-test'`,
    );
    const second = await take('b');
    await world.wait(10 * minuteMs);
    await world.enforce(canary, rest);
    await expect(world.step(first)).rejects.toBeInstanceOf(LeaseLostError);
    expect((await world.read(id)).stage?.ring).toBe('canary');
    expect(await world.step(second)).toEqual({ kind: 'next_ring' });
    expect((await world.read(id)).stage?.ring).toBe('early');
  });

  test('waits at a ring of which no edge is there, until a person promotes it', async () => {
    const { id, version } = await world.start();
    await world.wait(20_000);
    expect(await world.step()).toMatchObject({ kind: 'stay' });
    expect((await world.read(id)).waiting).toBe('no edge of ring canary is connected');
    const { status, body } = await world.admin.send('POST', `/v1/rollouts/${id}/promote`, {
      body: {},
    });
    expect([status, body.stage.ring]).toEqual([200, 'early']);
    expect(await releasesOf()).toEqual([['early', version]]);
  });

  test('stays where it is while it is paused', async () => {
    const { id } = await world.start();
    await world.admin.send('POST', `/v1/rollouts/${id}/pause`, { body: {} });
    await world.enforce(canary);
    expect(await world.step()).toEqual({ kind: 'stay', waiting: 'paused by owner' });
    const again = await world.admin.send('POST', `/v1/rollouts/${id}/pause`, { body: {} });
    expect(again.status).toBe(409);
    await world.admin.send('POST', `/v1/rollouts/${id}/resume`, { body: {} });
    expect(await world.step()).toEqual({ kind: 'bake' });
  });

  test('is not promoted by a person who has seen it in the ring before', async () => {
    const { id } = await world.start();
    const promote = (ring: string) =>
      world.admin.send('POST', `/v1/rollouts/${id}/promote?ring=${ring}`, {
        body: {},
        headers: { 'idempotency-key': `promote-${id}` },
      });
    expect((await promote('canary')).body.stage.ring).toBe('early');
    // The same request again: it has been done.
    expect((await promote('early')).body.stage.ring).toBe('early');
    const late = await world.admin.send('POST', `/v1/rollouts/${id}/promote?ring=canary`, {
      body: {},
    });
    expect([late.status, late.body.detail]).toEqual([
      409,
      'it is in ring early by now, not in canary',
    ]);
  });

  test('says who paused it, whatever its job saw just before', async () => {
    const { id } = await world.start();
    const { db } = world.admin.database;
    const seen = await findActiveRollout(db);
    await world.admin.send('POST', `/v1/rollouts/${id}/pause`, { body: {} });
    if (seen === null) throw new Error('there is no rollout');
    await noteProgress(db, seen, { ...seen, waiting: 'ring canary bakes' });
    expect((await world.read(id)).waiting).toBe('paused by owner');
  });

  test('asks every gate, and waits for one that does not say yet', async () => {
    await world.start();
    await world.enforce(canary);
    const patient: Gate = { name: 'patient', check: async () => ({ wait: 'it has seen little' }) };
    expect(await world.step(world.leader, [patient])).toEqual({ kind: 'bake' });
    await world.wait(10 * minuteMs);
    expect(await world.step(world.leader, [patient])).toEqual({
      kind: 'stay',
      waiting: 'gate patient waits: it has seen little',
    });
  });
});

describe('a version is taken back by itself', () => {
  test('when an edge of the ring refuses it, also while it is paused', async () => {
    const base = await live();
    const { id, version } = await world.start();
    await world.admin.send('POST', `/v1/rollouts/${id}/pause`, { body: {} });
    await world.refuse(canary);
    const reason = `gate nack failed: edge ${canary} refuses it: bundle_invalid it does not compile`;
    expect(await world.step()).toEqual({ kind: 'roll_back', reason });
    expect(await releasesOf()).toEqual([['canary', base]]);
    expect(await newestOps(world.admin.database, 'config')).toContainEqual({
      op: 'deleted_bundle',
      version,
    });
    expect(await world.read(id)).toMatchObject({ state: 'rolled_back', reason });
    expect(await stateOf(version)).toBe('rolled_back');
    const { body: audit } = await world.admin.send('GET', '/v1/audit?resource=rollout&limit=1');
    expect(audit.items[0]).toMatchObject({ verb: 'roll_back', resourceId: id });
    expect(JSON.stringify(audit.items[0])).toContain(reason);
    await expectLaneWhole();
  });

  test('by the first gate that says so, whether the next ones can say anything or not', async () => {
    await world.start();
    const gates: Gate[] = [
      { name: 'strict', check: async () => ({ fail: 'it is Monday' }) },
      { name: 'broken', check: () => Promise.reject(new Error('never asked')) },
    ];
    expect(await world.step(world.leader, gates)).toEqual({
      kind: 'roll_back',
      reason: 'gate strict failed: it is Monday',
    });
  });

  test('when its edges deny a larger share than the others at the same time', async () => {
    const base = await live();
    const { id, version } = await world.start();
    await world.enforce(canary);
    await world.step();
    await world.decide(canary, version, 'permit', 60);
    await world.decide(canary, version, 'deny', 40);
    await world.decide(rest, base, 'permit', 85);
    await world.decide(rest, base, 'deny', 15);
    // At another version, and of an edge that it has reached: neither says anything.
    await world.decide(canary, base, 'deny', 100);
    expect(await world.step()).toEqual({
      kind: 'roll_back',
      reason:
        'gate denial-rate failed: 40 % of 100 decisions of the ring were denials, ' +
        `against 15 % of 100 by version ${base}`,
    });
    expect((await world.read(id)).rings[0]).toMatchObject({ state: 'rolled_back', decided: 100 });
    expect(await live()).toBe(base);
  });

  test('when it denies much where no other edge decides, and did not before', async () => {
    const base = await live();
    await world.decide(canary, base, 'permit', 500);
    const { version } = await world.start();
    await world.enforce(canary);
    await world.step();
    await world.decide(canary, version, 'deny', 20);
    expect(await world.step()).toMatchObject({ kind: 'roll_back' });
  });

  test('and not for denials that are as many elsewhere, nor for a few', async () => {
    const base = await live();
    const { id, version } = await world.start();
    await world.enforce(canary);
    await world.step();
    await world.decide(canary, version, 'deny', 19);
    expect(await world.step()).toMatchObject({ kind: 'stay' });
    await world.decide(canary, version, 'deny', 21);
    await world.decide(canary, version, 'permit', 60);
    await world.decide(rest, base, 'deny', 25);
    await world.decide(rest, base, 'permit', 75);
    expect(await world.step()).toMatchObject({ kind: 'stay' });
    expect((await world.read(id)).state).toBe('running');
    expect((await world.read(id)).rings[0]?.decided).toBe(100);
  });

  test('when it sends those away who are signed in', async () => {
    const base = await live();
    const { version } = await world.start();
    await world.enforce(canary);
    await world.step();
    await world.decide(rest, base, 'permit', 50);
    // Anybody who has not signed in is asked to.
    await world.decide(canary, version, 'sign_in', 50);
    expect(await world.step()).toMatchObject({ kind: 'stay' });
    await world.decide(canary, version, 'step_up', 15, { userId: 'usr_ada' });
    await world.decide(canary, version, 'sign_in', 15, { userId: 'usr_ada' });
    expect(await world.step()).toMatchObject({
      kind: 'roll_back',
      reason: expect.stringContaining('37.5 % of 80 decisions'),
    });
  });

  test('and not for what a few decisions elsewhere cannot show', async () => {
    const base = await live();
    const { version } = await world.start();
    await world.enforce(canary);
    await world.step();
    await world.decide(canary, version, 'permit', 480);
    await world.decide(canary, version, 'deny', 20);
    await world.decide(rest, base, 'permit', 25);
    expect(await world.step()).toMatchObject({ kind: 'stay' });
  });

  test('when the last ring refuses it, from everywhere', async () => {
    const base = await live();
    const { id } = await world.start();
    for (let ring = 0; ring < 2; ring += 1) {
      await world.admin.send('POST', `/v1/rollouts/${id}/promote`, { body: {} });
    }
    expect(await live()).not.toBe(base);
    await world.refuse(rest);
    expect(await world.step()).toMatchObject({ kind: 'roll_back' });
    expect(await releasesOf()).toEqual([
      ['canary', base],
      ['default', base],
      ['early', base],
    ]);
    expect(await live()).toBe(base);
    await expectLaneWhole();
  });
});

describe('while a version is rolled out', () => {
  test('nothing else is released and no other rollout begins; candidates are made', async () => {
    await world.start();
    const released = await apply(world.admin, { documents: [route('other')] });
    expect([released.status, released.body.code]).toEqual([409, 'conflict']);
    const candidate = await apply(world.admin, { documents: [route('x')], mode: 'candidate' });
    expect(candidate.status).toBe(201);
    const { version } = candidate.body;
    const other = await world.admin.send('POST', '/v1/rollouts', { body: { version } });
    expect([other.status, other.body.code]).toEqual([409, 'conflict']);
  });

  test('an abort takes it back, and it cannot go on', async () => {
    const base = await live();
    const { id, version } = await world.start();
    const { body } = await world.admin.send('POST', `/v1/rollouts/${id}/abort`, {
      body: { reason: 'a mistake' },
    });
    expect(body).toMatchObject({ state: 'rolled_back', reason: 'aborted by owner: a mistake' });
    expect(await releasesOf()).toEqual([['canary', base]]);
    for (const verb of ['promote', 'pause', 'resume', 'abort']) {
      const { status } = await world.admin.send('POST', `/v1/rollouts/${id}/${verb}`, { body: {} });
      expect(status).toBe(409);
    }
    const again = await world.admin.send('POST', '/v1/rollouts', { body: { version } });
    expect(again.status).toBe(409);
  });

  test('going back to what is live ends it with one command', async () => {
    const base = await live();
    const { id } = await world.start();
    const { status, body } = await world.admin.send('POST', '/v1/config:rollback', {
      body: { toVersion: base },
    });
    expect([status, body.version]).toEqual([200, base]);
    expect(await releasesOf()).toEqual([['canary', base]]);
    expect((await world.read(id)).state).toBe('rolled_back');
  });
});

describe('a rollout is not begun', () => {
  const begin = (version: number) =>
    world.admin.send('POST', '/v1/rollouts', { body: { version } });

  test('of what is no candidate, or is not there', async () => {
    expect((await begin(await live())).status).toBe(409);
    expect((await begin(9_999)).status).toBe(404);
    expect((await begin(0)).status).toBe(400);
  });

  test('of a candidate that another version overtook: it would undo that one', async () => {
    const { body } = await apply(world.admin, { documents: [route('late')], mode: 'candidate' });
    await apply(world.admin, { documents: [route('overtaking')] });
    const answer = await begin(body.version as number);
    expect([answer.status, answer.body.code]).toEqual([409, 'conflict']);
  });

  test('while an edge refuses what is there already', async () => {
    const { body } = await apply(world.admin, { documents: [route('next')], mode: 'candidate' });
    await world.refuse(early);
    const answer = await begin(body.version as number);
    expect([answer.status, answer.body.detail]).toEqual([
      409,
      `edge ${early} refuses the configuration that is there (bundle_invalid)`,
    ]);
  });
});
