import { beforeAll, describe, expect, test } from 'vitest';
import type { TestAdmin } from '../../testing/admin.ts';
import {
  apply,
  configured,
  route,
  settings,
  staff,
  visit,
  wikiSet,
} from '../../testing/configuration.ts';
import { loggedOps } from '../../testing/log-ops.ts';

// F35 of the faults: somebody applies what they should not have.

const rollout = { blastRadius: { usersShare: 0.05, window: '7d' } };

async function visited(): Promise<TestAdmin> {
  const made = await configured(wikiSet(['employees'], { rollout }));
  for (const name of ['ada', 'bob', 'cyn']) await visit(made.database, name, ['employees']);
  // Who is denied today has nothing to lose.
  await visit(made.database, 'eve', ['guests'], { outcome: 'deny' });
  return made;
}

/** Where nothing may change. */
let admin: TestAdmin;
beforeAll(async () => {
  admin = await visited();
});

const denyAll = {
  apiVersion: 'sallyport.dev/v1',
  kind: 'Policy',
  metadata: { name: 'staff' },
  spec: {
    allow: [{ name: 'members', groups: ['employees'] }],
    deny: [{ name: 'everything', paths: ['/**'] }],
  },
};

async function expectUnchanged(push: () => Promise<unknown>): Promise<void> {
  const before = await admin.send('GET', '/v1/config');
  const ops = await loggedOps(admin.database, 'config');
  await push();
  expect((await admin.send('GET', '/v1/config')).body).toEqual(before.body);
  expect(await loggedOps(admin.database, 'config')).toHaveLength(ops.length);
}

describe('deny-all by mistake', () => {
  test('is refused with how many users would lose access, and who', async () => {
    await expectUnchanged(async () => {
      const { status, body } = await apply(admin, { documents: [denyAll] });
      expect([status, body.code]).toEqual([409, 'blast_radius_exceeded']);
      expect(body.detail).toMatch(/^3 of 3 active users would lose access \(100 %, 5 % may\): /);
      const fields = body.errors.map((error: { field: string }) => error.field).sort();
      expect(fields).toEqual(['ada@corp.test', 'bob@corp.test', 'cyn@corp.test']);
      expect(body.errors[0].message).toMatch(
        /^route wiki: GET wiki\.corp\.test\/pages\/1 would be rule_denied \(req_/,
      );
    });
  });

  test('is shown by a dry run before anybody is asked to confirm it', async () => {
    const { status, body } = await apply(admin, { documents: [denyAll], dryRun: true });
    expect(status).toBe(200);
    expect(body).toMatchObject({ state: 'proposed', needsApproval: ['blast_radius'] });
    expect(body.affected).toMatchObject({ active: 3, lose: 3, share: 1, limit: 0.05 });
    expect(body.affected.examples[0]).toMatchObject({ route: 'wiki', reason: 'rule_denied' });
    expect(body.diff[0].diff).toContain('name: everything');
  });

  test('that one person confirms waits for a second one, and one command of one undoes it', async () => {
    const own = await visited();
    const { status, body } = await apply(own, { documents: [denyAll], confirm: true });
    expect(status).toBe(201);
    expect(body).toMatchObject({ state: 'proposed', needsApproval: ['blast_radius'] });
    expect((await own.send('GET', '/v1/config')).body.version).toBe(1);
    const approve = (role: 'owner' | 'policy-admin') =>
      own.send('POST', '/v1/config/versions/2/approve', { role, body: {} });
    expect((await approve('owner')).status).toBe(403);
    expect((await approve('policy-admin')).body.version).toMatchObject({
      state: 'released',
      live: true,
    });
    const back = await own.send('POST', '/v1/config:rollback', { body: { toVersion: 1 } });
    expect([back.status, back.body.state, back.body.version]).toEqual([201, 'released', 3]);
  });

  test('is not let through by raising the limit in the same push', async () => {
    const wide = settings({ rollout: { blastRadius: { usersShare: 1 } } });
    const { body } = await apply(admin, { documents: [denyAll, wide] });
    expect(body.code).toBe('blast_radius_exceeded');
  });
});

test('small steps of one person count together, until another has seen them', async () => {
  const half = { blastRadius: { usersShare: 0.5, window: '7d' } };
  const own = await configured(wikiSet(['employees'], { rollout: half }));
  for (const name of ['ada', 'bob', 'cyn', 'dan']) await visit(own.database, name, ['employees']);
  const without = (...names: readonly string[]) => ({
    ...denyAll,
    spec: {
      ...denyAll.spec,
      deny: [{ name: 'some', users: names.map((name) => `${name}@corp.test`) }],
    },
  });
  expect((await apply(own, { documents: [without('ada', 'bob')] })).status).toBe(201);
  const next = { documents: [without('ada', 'bob', 'cyn')] };
  const refused = await apply(own, next);
  expect(refused.body.code).toBe('blast_radius_exceeded');
  expect(refused.body.detail).toMatch(/^3 of 4 active users/);
  // What takes nothing from anybody is no step.
  expect((await apply(own, { documents: [route('more')] })).body.state).toBe('released');
  const { body } = await apply(own, { ...next, confirm: true });
  await own.send('POST', `/v1/config/versions/${body.version}/approve`, {
    role: 'policy-admin',
    body: {},
  });
  const { affected } = (
    await apply(own, { documents: [without('ada', 'bob', 'cyn', 'dan')], dryRun: true })
  ).body;
  expect(affected).toMatchObject({ active: 1, lose: 1 });
});

test('one user of many may lose access where the share allows it, and no more than that', async () => {
  const own = await visited();
  for (let index = 0; index < 40; index += 1) {
    await visit(own.database, `many${index}`, ['employees']);
  }
  const without = (emails: readonly string[]) => ({
    ...denyAll,
    spec: {
      ...denyAll.spec,
      deny: [{ name: 'some', users: emails }],
    },
  });
  const two = await apply(own, { documents: [without(['ada@corp.test', 'bob@corp.test'])] });
  expect(two.status).toBe(201);
  const three = await apply(own, {
    documents: [
      without([
        'ada@corp.test',
        'bob@corp.test',
        'many1@corp.test',
        'many2@corp.test',
        'many3@corp.test',
      ]),
    ],
  });
  expect(three.body.code).toBe('blast_radius_exceeded');
  // Ada and Bob lost it in the same week, by the same person.
  expect(three.body.detail).toMatch(/^5 of 43 active users/);
});

test('going further back than one version is measured like any other change', async () => {
  const own = await visited();
  await apply(own, { documents: [staff(['employees', 'guests'])] });
  await visit(own.database, 'gil', ['guests']);
  await apply(own, { documents: [route('other')] });
  const rollback = (body: object) => own.send('POST', '/v1/config:rollback', { body });
  const refused = await rollback({ toVersion: 1 });
  expect([refused.status, refused.body.code]).toEqual([409, 'blast_radius_exceeded']);
  expect(refused.body.detail).toMatch(/^2 of 5 active users/);
  const confirmed = await rollback({ toVersion: 1, confirm: true });
  expect(confirmed.body).toMatchObject({ state: 'proposed', needsApproval: ['blast_radius'] });
  expect((await rollback({ toVersion: 2 })).body).toMatchObject({ state: 'released' });
});

describe('what is blank', () => {
  const cases: readonly (readonly [string, object])[] = [
    ['an empty set', { documents: [], prune: true }],
    ['no documents', { documents: [] }],
    ['blank YAML', { yaml: '\n---\n---\n' }],
    ['a null document', { documents: [null] }],
    ['a policy without a spec', { documents: [{ ...denyAll, spec: null }] }],
    ['a rule without a condition', { documents: [{ ...denyAll, spec: { allow: [{}] } }] }],
    ['a set without settings', { documents: [staff(['employees']), route('wiki')], prune: true }],
  ];
  test.each(cases)('is refused or changes nothing: %s', async (_name, body) => {
    await expectUnchanged(async () => {
      const { status } = await apply(admin, body);
      expect([200, 400, 422]).toContain(status);
    });
  });

  test('as a policy without rules lets nobody through, and so is held up', async () => {
    await expectUnchanged(async () => {
      const { status, body } = await apply(admin, {
        documents: [{ ...denyAll, spec: { allow: [] } }],
      });
      expect([status, body.code]).toEqual([409, 'blast_radius_exceeded']);
    });
  });
});

describe('a group that is not there', () => {
  test('takes access from all who had it by the group before, and is held up', async () => {
    await expectUnchanged(async () => {
      const { status, body } = await apply(admin, { documents: [staff(['employes'])] });
      expect([status, body.code]).toEqual([409, 'blast_radius_exceeded']);
      expect(body.errors[0].message).toContain('group_missing');
    });
  });
});

describe('ten times the size', () => {
  test('is refused whole beyond the number of rules that a set may have', async () => {
    const allow = Array.from({ length: 1_001 }, (_, index) => ({
      name: `rule-${index}`,
      groups: ['employees'],
    }));
    const documents = Array.from({ length: 10 }, (_, index) => ({
      ...denyAll,
      metadata: { name: `big-${index}` },
      spec: { allow: allow.slice(0, 1_001) },
    }));
    await expectUnchanged(async () => {
      const { status } = await apply(admin, { documents });
      expect([400, 422]).toContain(status);
    });
  });

  test('is refused beyond the size of a body, before it is read', async () => {
    await expectUnchanged(async () => {
      const { status } = await admin.send('POST', '/v1/config:apply', {
        raw: `{"yaml": "${'#'.repeat(4_194_304)}"}`,
      });
      expect(status).toBe(413);
    });
  });
});

test('sound versions that come at the same time are each measured against the one before', async () => {
  const own = await visited();
  const answers = await Promise.all(
    Array.from({ length: 4 }, (_, index) => apply(own, { documents: [route(`at-${index}`)] })),
  );
  // Who is overtaken again and again is told so.
  for (const { status } of answers) expect([201, 409]).toContain(status);
  expect(answers.some(({ status }) => status === 201)).toBe(true);
  const extra = Array.from({ length: 40 }, (_, index) => route(`extra-${index}`));
  const { status, body } = await apply(own, { documents: extra });
  // Ten times the size, and nobody loses anything.
  expect([status, body.affected.lose]).toEqual([201, 0]);
});
