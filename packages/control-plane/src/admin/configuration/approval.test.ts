import { newToken } from '@sallyport/shared/keys/tokens';
import { beforeAll, describe, expect, test } from 'vitest';
import { insertToken } from '../../store/admin-tokens.ts';
import type { Role } from '../../store/schema/index.ts';
import type { TestAdmin } from '../../testing/admin.ts';
import { apply, configured, route, settings, wikiSet } from '../../testing/configuration.ts';
import { loggedOps, newestOps } from '../../testing/log-ops.ts';

let admin: TestAdmin;
beforeAll(async () => {
  admin = await configured(wikiSet(['employees'], { approval: { required: true } }));
});

let made = 0;
const propose = async () => {
  made += 1;
  return apply(admin, { documents: [route(`new-${made}`)], message: 'a new route' });
};
const proposed = async (): Promise<number> => (await propose()).body.version;

const review = (version: number, verb: 'approve' | 'reject', by: object = second) =>
  admin.send('POST', `/v1/config/versions/${version}/${verb}`, {
    body: { comment: 'seen' },
    ...by,
  });
const second = { role: 'policy-admin' };
const live = async (): Promise<number> => (await admin.send('GET', '/v1/config')).body.version;

describe('where the settings ask for another person', () => {
  test('a version is proposed and has no effect until somebody else approves it', async () => {
    const before = await loggedOps(admin.database, 'config');
    const was = await live();
    const { status, body } = await propose();
    expect(status).toBe(201);
    expect(body).toMatchObject({ state: 'proposed', needsApproval: ['setting'] });
    expect(await loggedOps(admin.database, 'config')).toHaveLength(before.length);
    expect(await live()).toBe(was);
    const approved = await review(body.version, 'approve');
    expect(approved.status).toBe(200);
    expect(approved.body.version).toMatchObject({
      state: 'released',
      live: true,
      review: { verdict: 'approved', by: 'policy-admin', comment: 'seen' },
    });
    expect(await newestOps(admin.database, 'config')).toMatchObject([
      { op: 'bundle', version: body.version },
      { op: 'release', ring: 'default', version: body.version },
    ]);
    const { body: audit } = await admin.send('GET', '/v1/audit?resource=configuration');
    expect(audit.items[0]).toMatchObject({ verb: 'approve', resourceId: String(body.version) });
  });

  test('the author is not somebody else, whatever token is used', async () => {
    const version = await proposed();
    const own = await review(version, 'approve', { role: 'owner' });
    expect([own.status, own.body.code]).toEqual([403, 'forbidden']);
    const { body: friend } = await admin.send('POST', '/v1/tokens', {
      body: { role: 'policy-admin', label: 'a friend of mine' },
    });
    expect((await review(version, 'approve', { token: friend.token })).status).toBe(403);
    const { body: stranger } = await admin.send('POST', '/v1/tokens', {
      token: await tokenOf('somebody', '3', 'owner'),
      body: { role: 'policy-admin', label: 'made by another, and since' },
    });
    expect((await review(version, 'approve', { token: stranger.token })).status).toBe(403);
    const token = await tokenOf('Owner', '1');
    expect((await review(version, 'approve', { token })).status).toBe(403);
    expect(await live()).not.toBe(version);
  });

  test('approving takes a permission of its own', async () => {
    const version = await proposed();
    for (const role of ['viewer', 'responder']) {
      expect((await review(version, 'approve', { role })).status).toBe(403);
    }
  });

  test('what was rejected stays to be seen and cannot be approved', async () => {
    const version = await proposed();
    const { body } = await review(version, 'reject');
    expect(body.version).toMatchObject({ state: 'refused', stateReason: 'seen', live: false });
    expect((await review(version, 'approve')).status).toBe(409);
    expect(await live()).not.toBe(version);
  });

  test('a proposal that another version overtook is not released: it would undo that one', async () => {
    const was = await live();
    const version = await proposed();
    const another = await proposed();
    expect((await review(another, 'approve')).status).toBe(200);
    const { status, body } = await review(version, 'approve');
    expect([status, body.code]).toEqual([409, 'conflict']);
    expect(body.detail).toContain(`made from ${was}, and ${another} is live`);
    expect(await live()).toBe(another);
  });

  test('a version cannot let itself out by its own settings', async () => {
    const { body } = await apply(admin, { documents: [settings()] });
    expect(body).toMatchObject({ state: 'proposed', needsApproval: ['setting', 'guards'] });
  });

  test('going back one step needs nobody, and further back does', async () => {
    const oldest = await live();
    const before = await proposed();
    await review(before, 'approve');
    await review(await proposed(), 'approve');
    const rollback = (toVersion: number) =>
      admin.send('POST', '/v1/config:rollback', { body: { toVersion } });
    expect((await rollback(oldest)).body).toMatchObject({ state: 'proposed' });
    const { body } = await rollback(before);
    expect(body).toMatchObject({ state: 'released' });
    expect(await live()).toBe(body.version);
  });

  test('of two who approve at the same time one does', async () => {
    const version = await proposed();
    const token = await tokenOf('another', '2');
    const answers = await Promise.all([
      review(version, 'approve'),
      review(version, 'approve', { token }),
    ]);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
    expect(await live()).toBe(version);
  });
});

describe('what is asked for before the next version', () => {
  const rollout = { blastRadius: { usersShare: 0.05, window: '7d' } };
  const strict = { approval: { required: true }, rollout };

  test('is not made less by going back to before it was asked for', async () => {
    const own = await configured(wikiSet(['employees']));
    expect((await apply(own, { documents: [settings(strict)] })).body.state).toBe('released');
    const { body } = await own.send('POST', '/v1/config:rollback', { body: { toVersion: 1 } });
    expect(body).toMatchObject({ state: 'proposed', needsApproval: ['setting', 'guards'] });
    expect((await own.send('GET', '/v1/config')).body.version).toBe(2);
  });

  test.each([
    ['a larger share', { blastRadius: { usersShare: 0.06, window: '7d' } }],
    ['no share', { gates: { denialsMin: 20 } }],
    ['a shorter window', { blastRadius: { usersShare: 0.05, window: '1d' } }],
  ])('is not made less by one person: %s', async (_what, less) => {
    const own = await configured(wikiSet(['employees'], { rollout }));
    const documents = [settings({ rollout: less })];
    const waits = { state: 'proposed', needsApproval: ['guards'] };
    expect((await apply(own, { documents, dryRun: true })).body).toMatchObject(waits);
    const { body } = await apply(own, { documents });
    expect(body).toMatchObject(waits);
    const more = settings({ rollout: { blastRadius: { usersShare: 0.04, window: '8d' } } });
    expect((await apply(own, { documents: [more] })).body.state).toBe('released');
  });
});

async function tokenOf(label: string, digit: string, role: Role = 'policy-admin'): Promise<string> {
  const { token, sha256 } = newToken('adm');
  await insertToken(admin.context.database.db, {
    id: `tok_${digit.repeat(26)}`,
    tokenHash: sha256,
    role,
    label,
    createdBy: 'test',
    createdAtMs: 0,
    expiresAtMs: null,
  });
  return token;
}
