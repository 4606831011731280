import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AdminServer, problem, startAdminServer } from '../testing/admin-server.ts';
import { run } from '../testing/run.ts';

const applied = {
  version: 7,
  state: 'released',
  changed: [{ kind: 'Policy', name: 'staff', change: 'updated' }],
  position: null,
  dryRun: false,
  needsApproval: [] as string[],
  affected: null as object | null,
  diff: null as object[] | null,
};
const diff = [
  {
    kind: 'Policy',
    name: 'staff',
    change: 'updated',
    diff: '--- a\n+++ b\n@@ -1,1 +1,1 @@\n-groups: [employees]\n+groups: [\u001b[2J]\n',
  },
];
const rollout = {
  id: 'rol_1',
  version: 7,
  base: 6,
  state: 'running',
  stage: { ring: 'canary', releasedAt: '2026-01-01T00:00:00Z', enforcedAt: null, bakeUntil: null },
  waiting: 'one edge has not confirmed',
  reason: null,
  rings: [
    {
      name: 'canary',
      bakeSeconds: 600,
      state: 'current',
      decided: 40,
      denied: 2,
      controlDecided: 80,
      controlDenied: 3,
    },
    {
      name: 'default',
      bakeSeconds: 0,
      state: 'pending',
      decided: 0,
      denied: 0,
      controlDecided: 0,
      controlDenied: 0,
    },
  ],
  startedBy: 'owner',
  startedAt: '2026-01-01T00:00:00Z',
  endedAt: null,
};

describe('versions and rollouts', () => {
  let server: AdminServer;
  let dir: string;
  let file: string;
  beforeAll(async () => {
    server = await startAdminServer();
    dir = await mkdtemp(join(tmpdir(), 'sallyport-versions-'));
    file = join(dir, 'a.yaml');
    await writeFile(
      file,
      'apiVersion: sallyport.dev/v1\nkind: Policy\nmetadata: { name: staff }\nspec: { allow: [{ name: a, groups: [b] }] }\n',
    );
  });
  afterAll(async () => {
    await server.close();
    await rm(dir, { recursive: true });
  });

  const sallyport = (...argv: string[]) => run(argv, { env: server.env });
  const answer = (body: unknown, status = 200): void => server.answer(() => ({ status, body }));
  const paths = (): string[] => server.asked.map(({ method, path }) => `${method} ${path}`);

  describe('sallyport apply', () => {
    it('shows in a dry run the difference and who would have lost access', async () => {
      const affected = {
        active: 40,
        lose: 1,
        share: 0.025,
        // Not quite 7 % when it is multiplied.
        limit: 0.07,
        windowSeconds: 604800,
        sampled: 900,
        examples: [
          {
            user: 'usr_1',
            email: 'carol@corp.example',
            correlationId: 'req_1',
            route: 'wiki',
            method: 'GET',
            host: 'wiki.corp.example',
            path: '/',
            reason: 'group_missing',
          },
        ],
      };
      answer({ ...applied, dryRun: true, diff, affected });
      const { stdout } = await sallyport('apply', '-f', file, '--dry-run');
      expect(stdout).toContain('-groups: [employees]\n+groups: [\\u001b[2J]\n');
      expect(stdout).toContain(
        '1 of 40 users active in the last 7 days would have lost access (2.5 %, 7 % may',
      );
      expect(stdout).toMatch(/carol@corp\.example +wiki +GET wiki\.corp\.example\/ +group_missing/);
      expect(stdout).toContain('nothing was applied');
      answer({ ...applied, dryRun: true, diff, affected: { ...affected, active: 0, lose: 0 } });
      expect((await sallyport('apply', '-f', file, '--dry-run')).stdout).toContain(
        'nobody was active in the last 7 days',
      );
    });

    it('ends with 8 where the version waits for another person', async () => {
      answer({ ...applied, state: 'proposed', needsApproval: ['setting'] }, 201);
      const ran = await sallyport('apply', '-f', file);
      expect(ran.code).toBe(8);
      expect(ran.stdout).toContain('version 7 waits for another person (setting)');
      expect(ran.stdout).toContain('sallyport policy approve 7');
    });

    it('makes a candidate that nobody decides by', async () => {
      answer({ ...applied, state: 'candidate' }, 201);
      const ran = await sallyport('apply', '-f', file, '--candidate', '--confirm');
      expect([ran.code, ran.stdout]).toEqual([0, expect.stringContaining('is a candidate')]);
      expect(server.asked[0]?.body).toMatchObject({ mode: 'candidate', confirm: true });
    });

    it('lets it go out in stages, by two writes of which each can be repeated', async () => {
      server.answer(({ path }) => ({
        status: 201,
        body: path.endsWith('/rollouts') ? rollout : { ...applied, state: 'candidate' },
      }));
      const staged = ['apply', '-f', file, '--staged', '--idempotency-key', 'once'];
      const ran = await sallyport(...staged);
      expect([ran.code, ran.stderr]).toEqual([0, '']);
      expect(ran.stdout).toContain('version 7 goes out ring by ring\n');
      expect(ran.stdout).toMatch(/Rollout +rol_1/);
      expect(paths()).toEqual(['POST /v1/config:apply', 'POST /v1/rollouts']);
      expect(server.asked[1]?.body).toEqual({ version: 7 });
      const keys = server.asked.map(({ headers }) => headers['idempotency-key']);
      expect(keys).toEqual(['once', 'once.1']);
    });

    it('says what is left to do where a candidate needs another person, or a word more', async () => {
      let code = 'approval_required';
      server.answer(({ path }) =>
        path.endsWith('/rollouts')
          ? problem(409, code)
          : { status: 201, body: { ...applied, state: 'candidate' } },
      );
      const waits = await sallyport('apply', '-f', file, '--staged');
      expect([waits.code, waits.stderr]).toEqual([8, '']);
      expect(waits.stdout).toContain(
        'version 7 is a candidate that waits for another person: sallyport policy approve 7, then sallyport rollout start 7',
      );
      const { stdout } = await sallyport('apply', '-f', file, '--staged', '--json');
      expect(JSON.parse(stdout)).toMatchObject({ version: 7, rollout: null });
      code = 'blast_radius_exceeded';
      const refused = await sallyport('apply', '-f', file, '--staged');
      expect([refused.code, refused.stderr]).toEqual([
        1,
        expect.stringContaining('version 7 is kept as a candidate: sallyport rollout start 7'),
      ]);
    });

    it('starts no rollout of what waits for another person, or changes nothing', async () => {
      answer({ ...applied, state: 'candidate', needsApproval: ['blast_radius'] }, 201);
      expect((await sallyport('apply', '-f', file, '--staged')).code).toBe(8);
      expect(paths()).toEqual(['POST /v1/config:apply']);
      answer({ ...applied, changed: [] });
      expect((await sallyport('apply', '-f', file, '--staged')).stdout).toBe('nothing changed\n');
      expect(paths()).toEqual(['POST /v1/config:apply']);
    });

    it('takes only one way at a time', async () => {
      for (const options of [
        ['--candidate', '--staged'],
        ['--staged', '--dry-run'],
      ]) {
        expect((await sallyport('apply', '-f', file, ...options)).code).toBe(2);
      }
    });

    it('names who would lose access where that is more than the settings allow', async () => {
      server.answer(() =>
        problem(409, 'blast_radius_exceeded', {
          errors: [{ field: 'carol@corp.example', message: 'wiki /: group_missing' }],
        }),
      );
      const ran = await sallyport('apply', '-f', file);
      expect(ran.code).toBe(1);
      expect(ran.stderr).toContain('carol@corp.example: wiki /: group_missing');
    });
  });

  describe('sallyport policy', () => {
    it('shows what a version changed, or what differs between two', async () => {
      answer({ version: 7, against: 6, documents: diff });
      const ran = await sallyport('policy', 'diff', '7');
      expect(ran.stdout).toContain('updated Policy/staff\n--- a\n+++ b\n');
      expect(paths()).toEqual(['GET /v1/config/versions/7/diff']);
      answer({ version: 7, against: 5, documents: [] });
      expect((await sallyport('policy', 'diff', '5', '7')).stdout).toBe('nothing differs\n');
      expect(server.asked[0]).toMatchObject({ path: '/v1/config/versions/7/diff' });
      expect(server.asked[0]?.query.get('against')).toBe('5');
    });

    it('lists versions with their state', async () => {
      const version = {
        ...applied,
        live: false,
        state: 'rolled_back',
        stateReason: 'gate nack failed',
        message: 'why',
        author: 'a',
      };
      answer({ items: [{ ...version, stateReason: null, live: true }, version], nextCursor: null });
      const { stdout } = await sallyport('policy', 'history');
      expect(stdout).toMatch(
        /7 +live .*Policy\/staff updated +why\n7 +rolled_back .*why \(gate nack failed\)/,
      );
    });

    it('says where everybody is when a rollback to the live version ends a rollout', async () => {
      answer({ ...applied, version: 6, changed: [] });
      const ran = await sallyport('policy', 'rollback', '6');
      expect([ran.code, ran.stdout]).toEqual([0, 'version 6 is live, and on every ring\n']);
    });

    it('goes back to an earlier version', async () => {
      answer({ ...applied, version: 8 }, 201);
      const ran = await sallyport('policy', 'rollback', '6', '-m', 'locked out');
      expect([ran.code, ran.stdout]).toEqual([0, expect.stringContaining('version 8')]);
      expect(server.asked[0]).toMatchObject({
        path: '/v1/config:rollback',
        body: { toVersion: 6, message: 'locked out' },
      });
      server.answer(() => problem(404, 'not_found'));
      const none = await sallyport('policy', 'rollback', '99');
      expect([none.code, none.stderr]).toEqual([3, expect.stringContaining('no version 99')]);
    });

    it('approves and rejects, and ends with 4 where it must be somebody else', async () => {
      answer({ version: { ...applied, state: 'released' }, position: null });
      const ran = await sallyport('policy', 'approve', '7', '--comment', 'seen');
      expect(ran.stdout).toBe('version 7 is released\n');
      expect(server.asked[0]?.body).toEqual({ comment: 'seen' });
      server.answer(() => problem(403, 'forbidden'));
      expect((await sallyport('policy', 'reject', '7')).code).toBe(4);
      expect(paths()).toEqual(['POST /v1/config/versions/7/reject']);
    });

    it('takes nothing but numbers for versions', async () => {
      for (const line of ['diff x', 'diff 0', 'rollback ../1', 'approve 1.5']) {
        expect((await sallyport('policy', ...line.split(' '))).code).toBe(2);
      }
    });
  });

  describe('sallyport rollout', () => {
    it('shows where it is, and steers the newest one unless another is named', async () => {
      server.answer(({ method, path }) => ({
        status: 200,
        body:
          method === 'GET' && path === '/v1/rollouts'
            ? { items: [rollout], nextCursor: null }
            : { ...rollout, state: 'paused' },
      }));
      const { stdout } = await sallyport('rollout', 'status');
      expect(stdout).toMatch(/Ring +canary/);
      expect(stdout).toMatch(/canary +current +10 min +2 of 40 +3 of 80\ndefault +pending +- /);
      await sallyport('rollout', 'pause');
      expect(paths().slice(1)).toEqual(['GET /v1/rollouts', 'POST /v1/rollouts/rol_1/pause']);
      await sallyport('rollout', 'promote');
      expect(paths().at(-1)).toBe('POST /v1/rollouts/rol_1/promote');
      expect(server.asked.at(-1)?.query.get('ring')).toBe('canary');
      await sallyport('rollout', 'abort', 'rol_2', '--reason', 'no');
      expect(server.asked.at(-1)).toMatchObject({
        path: '/v1/rollouts/rol_2/abort',
        body: { reason: 'no' },
      });
    });

    it('follows one to its end with --wait, and ends with 1 where it was rolled back', async () => {
      const states = [
        { state: 'running', stage: rollout.stage },
        { state: 'rolled_back', stage: null, reason: 'denial_rate: 9 of 20 denied' },
      ];
      server.answer(({ method }) => ({
        status: method === 'POST' ? 201 : 200,
        body: { ...rollout, ...states[method === 'POST' ? 0 : 1] },
      }));
      const ran = await sallyport('rollout', 'start', '7', '--wait');
      expect(ran.code).toBe(1);
      expect(ran.stderr).toContain(
        'running canary: one edge has not confirmed\nrolled_back: denial',
      );
      expect(ran.stdout).toMatch(/State +rolled back/);
    });

    it('ends with 3 where there is none', async () => {
      answer({ items: [], nextCursor: null });
      expect((await sallyport('rollout', 'status')).code).toBe(3);
      server.answer(() => problem(404, 'not_found'));
      for (const verb of ['status', 'promote', 'abort']) {
        expect((await sallyport('rollout', verb, 'rol_9')).stderr).toContain('no rollout rol_9');
      }
      expect((await sallyport('rollout', 'start', '9')).stderr).toContain('no version 9');
    });
  });
});
