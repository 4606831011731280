import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type RolloutWorld, rolloutWorld } from '../../testing/rollout-world.ts';

const ring = (name: string, bake: string) => ({
  name,
  edges: { matchLabels: { ring: name } },
  bake,
});

const minuteMs = 60_000;
const bakeMs = 3 * minuteMs;

let world: RolloutWorld;
let canary: string;
let others: [string, string];
beforeAll(async () => {
  world = await rolloutWorld({
    rollout: { rings: [ring('canary', '3m'), ring('early', '1m')] },
  });
  canary = await world.edge({ ring: 'canary' });
  others = [await world.edge({}), await world.edge({})];
});

beforeEach(async () => {
  const { body } = await world.admin.send('GET', '/v1/rollouts?limit=1');
  const [last] = body.items as { id: string; endedAt: string | null }[];
  if (last?.endedAt === null) {
    await world.admin.send('POST', `/v1/rollouts/${last.id}/abort`, { body: {} });
  }
  await world.enforce(canary, ...others);
});

/** Rolls a version out to the canary, which enforces it. */
async function baking(): Promise<{ readonly id: string; readonly version: number }> {
  const started = await world.start();
  await world.enforce(canary, ...others);
  expect(await world.step()).toEqual({ kind: 'bake' });
  return started;
}

describe('a version that loses edges is taken back by itself', () => {
  test('when an edge that got it ends without a word, and the others are well', async () => {
    const { id, version } = await world.start();
    const move = await world.watch(2 * minuteMs, ...others);
    const reason =
      `gate edge-loss failed: 1 of 1 edges that got version ${version} is missing ` +
      `for 60 s while 2 of 2 to compare with are well: edge ${canary} was last seen `;
    expect(move).toMatchObject({ kind: 'roll_back', reason: expect.stringContaining(reason) });
    expect(await world.read(id)).toMatchObject({
      state: 'rolled_back',
      reason: expect.stringContaining(reason),
    });
    const { body } = await world.admin.send('GET', `/v1/config/versions/${version}`);
    expect(body).toMatchObject({
      state: 'rolled_back',
      stateReason: expect.stringContaining(reason),
    });
    const { body: audit } = await world.admin.send('GET', '/v1/audit?resource=rollout&limit=1');
    expect(JSON.stringify(audit.items[0])).toContain(reason);
  });

  test('when it starts again and again, and never comes to enforce it', async () => {
    await world.start();
    let move = await world.step();
    for (let looks = 0; move?.kind === 'stay' && looks < 20; looks += 1) {
      await world.appear(canary);
      move = await world.watch(9_000, ...others);
    }
    expect(move).toMatchObject({
      kind: 'roll_back',
      reason: expect.stringContaining(`edge ${canary} is connected and does not come to enforce`),
    });
  });

  test('when an edge ends after it enforced it, and not promoted by the rest of the bake', async () => {
    const { id } = await baking();
    expect(await world.watch(bakeMs - 30_000, canary, ...others)).toMatchObject({ kind: 'stay' });
    expect(await world.watch(50_000, ...others)).toMatchObject({ kind: 'stay' });
    expect((await world.read(id)).waiting).toMatch(
      new RegExp(`^gate edge-loss waits: 1 of 1 .* is missing: edge ${canary} was last seen 20`),
    );
    expect(await world.watch(minuteMs, ...others)).toMatchObject({ kind: 'roll_back' });
  });

  test('when the last ring loses edges, and those before it are well', async () => {
    const { id } = await world.start();
    for (let ring = 0; ring < 2; ring += 1) {
      await world.admin.send('POST', `/v1/rollouts/${id}/promote`, { body: {} });
    }
    const [lost, well] = others;
    expect(await world.watch(2 * minuteMs, canary, well)).toMatchObject({
      kind: 'roll_back',
      reason: expect.stringContaining(
        `while 2 of 3 to compare with are well: edge ${lost} was last seen`,
      ),
    });
  });
});

describe('no lost edge is put down to a version', () => {
  test('while most of the other edges are not seen either', async () => {
    const { id } = await baking();
    expect(await world.watch(2 * bakeMs)).toMatchObject({ kind: 'stay' });
    expect((await world.read(id)).waiting).toContain('most of the others are not there either');
    // All are back, this one a little later: it has been away for long, and is not lost.
    expect(await world.watch(30_000, ...others)).toMatchObject({ kind: 'stay' });
    expect(await world.watch(5_000, canary, ...others)).toEqual({ kind: 'next_ring' });
  });

  test('while nobody looks, and the bake goes on from where it was', async () => {
    const { id } = await baking();
    expect(await world.watch(bakeMs / 2, canary, ...others)).toMatchObject({ kind: 'stay' });
    await world.outage(60 * minuteMs);
    // The first look of a new leader, to which only others have come back yet.
    await world.enforce(...others);
    expect(await world.step()).toMatchObject({ kind: 'stay' });
    expect(await world.watch(30_000, ...others)).toMatchObject({ kind: 'stay' });
    expect(await world.watch(bakeMs / 2 - minuteMs, canary, ...others)).toMatchObject({
      kind: 'stay',
      waiting: expect.stringMatching(/^ring canary bakes until/),
    });
    expect(await world.watch(minuteMs, canary, ...others)).toEqual({ kind: 'next_ring' });
    expect((await world.read(id)).stage?.ring).toBe('early');
  });

  test('when the clock is set back or forward by hours', async () => {
    await baking();
    await world.outage(-60 * minuteMs);
    await world.enforce(...others);
    // What the canary said is of the future now, so it is no sign that it is there.
    expect(await world.step()).toMatchObject({
      waiting: expect.stringContaining(`edge ${canary} was last seen`),
    });
    expect(await world.watch(bakeMs - minuteMs, canary, ...others)).toMatchObject({ kind: 'stay' });
    expect(await world.watch(minuteMs, canary, ...others)).toEqual({ kind: 'next_ring' });
  });
});

/** Nobody has asked these edges for anything before. */
describe('where little is decided', () => {
  test('a version of which nothing is known but denials is not promoted by its bake', async () => {
    const { version } = await baking();
    await world.decide(canary, version, 'deny', 19);
    expect(await world.watch(bakeMs + minuteMs, canary, ...others)).toEqual({
      kind: 'stay',
      waiting: 'gate denial-rate waits: all 19 decisions of the ring were denials',
    });
  });

  test('it is not taken back before the others had time to report', async () => {
    const { version } = await baking();
    await world.decide(canary, version, 'deny', 25);
    await world.decide(canary, version, 'permit', 75);
    expect(await world.step()).toMatchObject({
      waiting: expect.stringContaining(
        'gate denial-rate waits: 25 % of 100 decisions of the ring were denials, ' +
          'and the others have yet to report',
      ),
    });
    const base = (await world.admin.send('GET', '/v1/config')).body.version as number;
    expect(await world.watch(20_000, canary, ...others)).toEqual({
      kind: 'roll_back',
      reason:
        'gate denial-rate failed: 25 % of 100 decisions of the ring were denials, ' +
        `and there are none by version ${base} to compare with`,
    });
  });

  test('nor if they report as many', async () => {
    const base = (await world.admin.send('GET', '/v1/config')).body.version as number;
    const { version } = await baking();
    await world.decide(canary, version, 'deny', 25);
    await world.step();
    await world.decide(others[0], base, 'deny', 25);
    expect(await world.watch(20_000, canary, ...others)).toMatchObject({
      kind: 'stay',
      waiting: expect.stringMatching(/^ring canary bakes until [^;]*$/),
    });
  });
});

describe('a ring of which every edge is blocked', () => {
  test('waits, and its edges are not missed', async () => {
    const { id } = await world.start();
    const late = await world.edge({ ring: 'canary' });
    await world.enforce(canary, ...others);
    expect(await world.step()).toEqual({ kind: 'bake' });
    for (const edge of [canary, late]) {
      const target = { kind: 'edge', id: edge };
      const body = { target, reason: 'taken out of service' };
      expect((await world.admin.send('POST', '/v1/revocations', { body })).status).toBe(201);
    }
    expect(await world.watch(bakeMs + minuteMs, ...others)).toMatchObject({ kind: 'stay' });
    expect((await world.read(id)).waiting).toBe('no edge of ring canary is connected');
  });
});
