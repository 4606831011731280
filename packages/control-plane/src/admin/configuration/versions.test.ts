import { beforeAll, describe, expect, test } from 'vitest';
import type { TestAdmin } from '../../testing/admin.ts';
import { apply, configured, route, staff, wikiSet } from '../../testing/configuration.ts';
import { digestsOfLog, digestsOfState } from '../../testing/lane-fold.ts';
import { newestOps } from '../../testing/log-ops.ts';

let admin: TestAdmin;
beforeAll(async () => {
  admin = await configured(wikiSet(['employees']));
});

const versionOf = async (version: number) =>
  (await admin.send('GET', `/v1/config/versions/${version}`)).body;

const live = async (): Promise<number> => (await admin.send('GET', '/v1/config')).body.version;

/** What the log says of the lane is what the tables say. */
async function expectLaneWhole(): Promise<void> {
  const log = await digestsOfLog(admin.database);
  expect((await digestsOfState(admin.database)).config).toBe(log.config);
}

describe('a version', () => {
  test('says what it was made from, by whom and why, and what it changes line by line', async () => {
    await apply(admin, { documents: [staff(['employees', 'guests'])], message: 'let guests in' });
    expect(await versionOf(2)).toMatchObject({
      version: 2,
      base: 1,
      state: 'released',
      live: true,
      author: 'owner',
      message: 'let guests in',
      restores: null,
      review: null,
    });
    expect(await versionOf(1)).toMatchObject({ base: null, live: false, state: 'released' });
    const { body } = await admin.send('GET', '/v1/config/versions/2/diff');
    expect(body).toMatchObject({ version: 2, against: 1 });
    expect(body.documents).toHaveLength(1);
    expect(body.documents[0]).toMatchObject({ kind: 'Policy', name: 'staff', change: 'updated' });
    expect(body.documents[0].diff).toContain('\n         - employees\n+        - guests\n');
    const { body: back } = await admin.send('GET', '/v1/config/versions/1/diff?against=2');
    expect(back.documents[0].diff).toContain('\n-        - guests\n');
    const { body: first } = await admin.send('GET', '/v1/config/versions/1/diff');
    expect(first.against).toBeNull();
    expect(first.documents).toHaveLength(4);
    expect((await admin.send('GET', '/v1/config/versions/1/diff?against=9')).status).toBe(404);
  });

  test('whose policy tests fail is refused, and says which and what came instead', async () => {
    const policy = staff(['employees']);
    const tests = [
      {
        name: 'a guest reads the wiki',
        request: { url: 'https://wiki.corp.test/' },
        user: { email: 'guest@corp.test', groups: ['guests'] },
        expect: { outcome: 'permit' },
      },
    ];
    const { status, body } = await apply(admin, {
      documents: [{ ...policy, spec: { ...policy.spec, tests } }],
    });
    expect([status, body.code]).toEqual([422, 'policy_tests_failed']);
    expect(JSON.stringify(body.errors)).toContain('a guest reads the wiki');
    expect(await live()).toBe(2);
  });
});

describe('a dry run', () => {
  test('shows the difference and who would lose access, and changes nothing', async () => {
    const before = (await admin.send('GET', '/v1/config/versions')).body;
    const { status, body } = await apply(admin, { documents: [staff(['none'])], dryRun: true });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      version: before.items[0].version + 1,
      state: 'released',
      dryRun: true,
      affected: { active: 0, lose: 0 },
    });
    expect(body.diff[0].diff).toContain('\n+        - none\n');
    expect((await admin.send('GET', '/v1/config/versions')).body).toEqual(before);
  });
});

describe('a candidate', () => {
  const candidate = async (name: string): Promise<number> => {
    const { body } = await apply(admin, { documents: [route(name)], mode: 'candidate' });
    expect(body).toMatchObject({ state: 'candidate', needsApproval: [] });
    return body.version;
  };

  test('goes to the edges without a release, and is not what the next version is made from', async () => {
    const was = await live();
    await candidate('trial');
    expect((await newestOps(admin.database, 'config')).map(({ op }) => op)).toEqual(['bundle']);
    expect(await live()).toBe(was);
    const { body: other } = await apply(admin, { documents: [route('other')] });
    const { body: now } = await admin.send('GET', '/v1/config');
    const names = now.documents.map((one: { metadata: { name: string } }) => one.metadata.name);
    expect(now.version).toBe(other.version);
    expect(names).toContain('other');
    expect(names).not.toContain('trial');
    expect(await versionOf(other.version)).toMatchObject({ base: was });
    await expectLaneWhole();
  });

  test('leaves the lane when there are newer ones', async () => {
    const made: number[] = [];
    for (const name of ['a', 'b', 'c', 'd']) made.push(await candidate(name));
    expect(await newestOps(admin.database, 'config')).toMatchObject([
      { op: 'bundle', version: made[3] },
      { op: 'deleted_bundle', version: made[0] },
    ]);
    await expectLaneWhole();
  });
});

describe('going back', () => {
  const rollback = (body: object) => admin.send('POST', '/v1/config:rollback', { body });

  test('makes a new version that is equal to the old one, released at once', async () => {
    const good = await live();
    const { body: bad } = await apply(admin, { documents: [staff(['nobody'])] });
    const { status, body } = await rollback({ toVersion: good });
    expect(status).toBe(201);
    expect(body).toMatchObject({ version: bad.version + 1, state: 'released' });
    const made = await versionOf(body.version);
    const message = `back to version ${good}`;
    expect(made).toMatchObject({ base: bad.version, restores: good, live: true, message });
    expect(made.documents).toEqual((await versionOf(good)).documents);
    expect((await newestOps(admin.database, 'config')).slice(0, 2)).toMatchObject([
      { op: 'bundle', version: body.version },
      { op: 'release', ring: 'default', version: body.version },
    ]);
    const again = await rollback({ toVersion: good });
    expect([again.status, again.body.version, again.body.changed]).toEqual([200, body.version, []]);
    const { body: audit } = await admin.send('GET', '/v1/audit?resource=configuration');
    expect(audit.items[1]).toMatchObject({
      verb: 'roll_back',
      resourceId: String(body.version),
    });
    await expectLaneWhole();
  });

  test('is not to what never was released, nor to what is not there', async () => {
    const { body } = await apply(admin, { documents: [route('never')], mode: 'candidate' });
    expect((await rollback({ toVersion: body.version })).status).toBe(422);
    expect((await rollback({ toVersion: 9_999 })).status).toBe(404);
    expect((await rollback({ toVersion: 0 })).status).toBe(400);
  });

  test('with the same idempotency key happens once', async () => {
    const good = await live();
    await apply(admin, { documents: [staff(['nobody'])] });
    const request = { body: { toVersion: good }, headers: { 'idempotency-key': 'back-again' } };
    const first = await admin.send('POST', '/v1/config:rollback', request);
    const again = await admin.send('POST', '/v1/config:rollback', request);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body).toEqual(first.body);
    expect(await live()).toBe(first.body.version);
  });
});

test('the schema of documents is served as it is published', async () => {
  const { status, body } = await admin.send('GET', '/v1/schema', { role: 'viewer' });
  expect([status, body.$id]).toEqual([200, 'https://sallyport.dev/schema/sallyport.dev-v1.json']);
});
