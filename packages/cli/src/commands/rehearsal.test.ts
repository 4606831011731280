import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AdminServer, problem, startAdminServer } from '../testing/admin-server.ts';
import { run } from '../testing/run.ts';

const nobody = { requests: 0, users: 0, byUser: [], byRoute: [], byRule: [], byReason: [] };
const differences = {
  gained: nobody,
  askedMore: nobody,
  askedLess: nobody,
  lost: {
    requests: 3,
    users: 1,
    byUser: [
      {
        user: 'usr_1',
        email: 'carol@corp.example',
        device: null,
        requests: 3,
        examples: ['req_1'],
      },
    ],
    byRoute: [{ route: 'wiki', requests: 3, examples: ['req_1'] }],
    byRule: [{ rule: 'staff/allow/staff', side: 'live', requests: 3, examples: ['req_1'] }],
    byReason: [{ reason: 'group_missing', requests: 3, examples: ['req_1'] }],
    more: { users: 4, routes: 0, rules: 0 },
  },
};
const simulated = {
  version: 7,
  outcome: 'deny',
  problem: null,
  decision: {
    outcome: 'deny',
    route: 'wiki',
    reasons: [{ code: 'group_missing' }],
    ruleIds: ['staff/allow/staff'],
  },
  trace: [{ step: 'route', result: 'route', route: 'wiki' }],
  facts: null,
};

describe('rehearsal', () => {
  let server: AdminServer;
  let dir: string;
  let policy: string;
  beforeAll(async () => {
    server = await startAdminServer();
    dir = await mkdtemp(join(tmpdir(), 'sallyport-rehearsal-'));
    policy = join(dir, 'policy.yaml');
    await writeFile(
      policy,
      'apiVersion: sallyport.dev/v1\nkind: Policy\nmetadata: { name: staff }\nspec: { allow: [{ name: a, groups: [b] }] }\n',
    );
  });
  afterAll(async () => {
    await server.close();
    await rm(dir, { recursive: true });
  });

  const sallyport = (...argv: string[]) => run(argv, { env: server.env });
  const answer = (body: unknown): void => server.answer(() => ({ status: 200, body }));
  const url = 'https://wiki.corp.example/';

  describe('sallyport policy simulate', () => {
    it('says of a made-up request what was said on the command line, and nothing else', async () => {
      answer(simulated);
      const ran = await sallyport('policy', 'simulate', url);
      expect(ran.stdout).toContain('DENY by version 7: group_missing (staff/allow/staff)\n');
      expect(ran.stdout).toMatch(/route +wiki +matches/);
      expect(server.asked[0]?.body).toEqual({ request: { request: { url } } });
      const user = ['--user', 'a@corp.example', '--group', 'x', '--group', 'y', '--amr', 'hwk'];
      const more = ['--device', 'managed', '--owned', '--method', 'POST', '--header', 'X-A=1'];
      await sallyport('policy', 'simulate', url, ...user, ...more, '--version', '6');
      expect(server.asked[1]?.body).toEqual({
        version: 6,
        request: {
          request: { url, method: 'POST' },
          user: { email: 'a@corp.example', groups: ['x', 'y'] },
          session: { amr: ['hwk'] },
          device: { managed: true, ownedByUser: true },
          headers: { 'x-a': ['1'] },
        },
      });
    });

    it('takes what the directory knows of a user whose groups are not given', async () => {
      const user = {
        id: 'usr_1',
        email: 'carol@corp.example',
        groups: ['contractors'],
        status: 'suspended',
        employment: { class: 'contractor', endsAt: null },
      };
      server.answer(({ path }) => ({
        status: 200,
        body:
          path === '/v1/users'
            ? { items: [user], nextCursor: null }
            : path === '/v1/users/usr_1'
              ? user
              : simulated,
      }));
      await sallyport('policy', 'simulate', url, '--user', 'carol@corp.example');
      expect(server.asked.at(-1)?.body).toMatchObject({
        request: {
          user: {
            id: 'usr_1',
            email: 'carol@corp.example',
            groups: ['contractors'],
            suspended: true,
            employment: { class: 'contractor' },
          },
        },
      });
    });

    it('takes a test out of a document as it stands there', async () => {
      answer({ ...simulated, version: null, outcome: 'refused', problem: 'host', decision: null });
      const file = join(dir, 'request.yaml');
      await writeFile(
        file,
        `name: a test\nrequest: { url: ${url} }\ndevice: null\nexpect: { outcome: deny }\n`,
      );
      const ran = await sallyport('policy', 'simulate', '--request', file, '-f', policy);
      expect(ran.stdout).toMatch(/^REFUSED by these documents: .+ \(host\)\n$/);
      expect(server.asked[0]?.body).toMatchObject({
        documents: [{ kind: 'Policy' }],
        request: { request: { url }, device: null },
      });
      expect(JSON.stringify(server.asked[0]?.body)).not.toContain('a test');
    });

    it('wants one request and one candidate', async () => {
      for (const more of [
        [],
        [url, '--prune'],
        [url, '--request', policy],
        [url, '--version', '1', '-f', policy],
      ]) {
        expect((await sallyport('policy', 'simulate', ...more)).code).toBe(2);
      }
      server.answer(() => problem(404, 'not_found'));
      const ran = await sallyport('policy', 'simulate', url, '--version', '9');
      expect([ran.code, ran.stderr]).toEqual([3, expect.stringContaining('no version 9')]);
    });

    it.each([
      ['--group x', '--group goes with --user'],
      ['--amr hwk', '--amr goes with --user'],
      ['--signed-in-ago 5m', '--signed-in-ago goes with --user'],
      ['--owned', '--owned goes with --device'],
      ['--at now', '2026-12-01T08:00:00Z'],
      ['--signed-in-ago 5x --user a@corp.example', '90s, 15m, 2h or 7d'],
      ['--method get', 'in capital letters'],
    ])('leaves nothing out without a word: %s', async (options, said) => {
      const ran = await sallyport('policy', 'simulate', url, ...options.split(' '));
      expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining(said)]);
      const file = ['--request', policy, ...options.split(' ')];
      expect((await sallyport('policy', 'simulate', ...file)).code).toBe(2);
    });

    it('wants an address that edges serve', async () => {
      for (const address of ['http://wiki.corp.example/', 'wiki.corp.example', 'https://']) {
        const ran = await sallyport('policy', 'simulate', address);
        expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining('is no URL such as')]);
      }
    });

    it('says what the rules say where monitor mode lets it through', async () => {
      const wouldDeny = { reasons: [{ code: 'group_missing' }], ruleIds: [] };
      const decision = { ...simulated.decision, outcome: 'permit', wouldDeny };
      answer({ ...simulated, outcome: 'permit', decision });
      const { stdout } = await sallyport('policy', 'simulate', url);
      expect(stdout).toContain('and without monitor mode DENY\n  group_missing: You are not in');
    });
  });

  describe('sallyport policy replay', () => {
    const report = {
      candidate: null,
      against: 6,
      since: '2026-01-01T00:00:00Z',
      until: '2026-01-02T00:00:00Z',
      read: 900,
      decided: 900,
      same: 897,
      failed: 0,
      other: 0,
      complete: false,
      stopped: 'limit',
      headersNotRecorded: ['x-role'],
      ...differences,
    };

    it('names who loses, where and by which rule, with an example of each', async () => {
      answer(report);
      const ran = await sallyport('policy', 'replay', '-f', policy, '--route', 'wiki');
      expect(ran.stdout).toContain('by these documents against version 6');
      expect(ran.stdout).toContain('897 have the same answer');
      expect(ran.stdout).toContain('Who loses access (users: 1, requests: 3):\n');
      expect(ran.stdout).toMatch(/carol@corp\.example +3 +req_1\nand 4 more/);
      expect(ran.stdout).toMatch(/staff\/allow\/staff \(live\) +3 +req_1/);
      expect(ran.stdout).toContain('the headers x-role');
      expect(ran.stdout).not.toContain('Who gains');
      expect(ran.stderr).toContain('not all were read (limit)');
    });

    it('sends times as they are meant, and the candidate', async () => {
      answer(report);
      const since = ['--since', '2026-01-01T01:00:00+01:00', '--limit', '5', '--against', '3'];
      await sallyport('policy', 'replay', '--version', '8', ...since);
      expect(server.asked[0]?.body).toEqual({
        version: 8,
        against: 3,
        since: '2026-01-01T00:00:00.000Z',
        limit: 5,
      });
      await sallyport('policy', 'replay', '--version', '8', '--since', '2h');
      const { since: sent = '' } = (server.asked[1]?.body ?? {}) as { since?: string };
      expect(Date.now() - Date.parse(sent)).toBeGreaterThanOrEqual(2 * 3_600_000);
    });

    it('does not call harmless what nobody asked for', async () => {
      const none = { ...report, ...differences, lost: nobody, decided: 0, same: 0, complete: true };
      const config = { documents: [{ kind: 'Route', metadata: { name: 'wiki' } }] };
      server.answer(({ method }) => ({ status: 200, body: method === 'GET' ? config : none }));
      const replay = ['policy', 'replay', '--version', '8', '--route'];
      const quiet = await sallyport(...replay, 'wiki');
      expect([quiet.code, quiet.stdout]).toEqual([
        0,
        expect.stringContaining('no request was recorded'),
      ]);
      expect(quiet.stdout).not.toContain('nobody');
      const typo = await sallyport(...replay, 'wik');
      expect([typo.code, typo.stderr]).toEqual([
        3,
        'sallyport: there is no Route wik; did you mean wiki?\n',
      ]);
    });

    it('wants a candidate', async () => {
      expect((await sallyport('policy', 'replay')).code).toBe(2);
      expect((await sallyport('policy', 'replay', '--version', '8', '--since', 'soon')).code).toBe(
        2,
      );
    });
  });

  describe('sallyport policy shadow', () => {
    it('starts on a ring, shows, reports and stops', async () => {
      const shadow = { ring: 'default', version: 6, shadowVersion: 7, position: null };
      answer(shadow);
      const started = await sallyport('policy', 'shadow', 'start', '7', '--ring', 'default');
      expect(started.stdout).toContain('decides version 7 in the shadow of 6');
      expect(server.asked[0]).toMatchObject({
        method: 'PUT',
        path: '/v1/shadow',
        body: { version: 7, ring: 'default' },
      });
      answer({ items: [shadow] });
      expect((await sallyport('policy', 'shadow', 'status')).stdout).toMatch(/default +6 +7/);
      answer({ version: 7, since: null, read: 3, complete: true, other: 0, ...differences });
      const { stdout, stderr } = await sallyport('policy', 'shadow', 'report');
      expect([stdout, stderr]).toEqual([expect.stringContaining('Who loses access (users: 1'), '']);
      const quiet = { ...differences, lost: nobody, read: 0, complete: true, other: 0 };
      answer({ version: 7, since: null, ...quiet });
      expect((await sallyport('policy', 'shadow', 'report')).stderr).toContain(
        'sallyport_edge_shadow_decisions_total',
      );
      answer({ ...shadow, shadowVersion: null });
      expect((await sallyport('policy', 'shadow', 'stop')).code).toBe(0);
      expect(server.asked[0]?.method).toBe('DELETE');
      server.answer(() => problem(404, 'not_found'));
      expect((await sallyport('policy', 'shadow', 'stop')).code).toBe(3);
    });
  });

  describe('sallyport access', () => {
    const access = {
      access: 'with',
      rules: [{ rule: 'staff/allow/staff', needs: ['device', 'time'] }],
      unless: [{ rule: 'base/deny/office', needs: ['sourceNetworks'] }],
      stepUp: [],
      reasons: [],
    };
    const head = { version: 7, at: '', monitorUntil: null, assumptions: ['a managed device'] };

    it('says who can reach a route, and under which conditions, page by page', async () => {
      const user = (email: string) => ({ id: email, email, displayName: '' });
      const documents = [
        {
          kind: 'Policy',
          metadata: { name: 'staff' },
          spec: {
            allow: [
              { name: 'staff', groups: ['x'], device: { known: true }, conditions: ['base/hours'] },
            ],
          },
        },
        {
          kind: 'Policy',
          metadata: { name: 'base' },
          spec: {
            deny: [{ name: 'office', sourceNetworks: ['10.0.0.0/8'] }],
            conditions: [{ name: 'hours', time: [{ from: '08:00' }] }],
          },
        },
      ];
      server.answer(({ path, query }) => ({
        status: 200,
        body: path.startsWith('/v1/config')
          ? { documents }
          : {
              ...head,
              route: 'wiki',
              anonymous: false,
              services: [
                { service: 'ci', access: 'always', rules: [{ rule: 'ci/allow/ci', needs: [] }] },
              ],
              items:
                query.get('cursor') === null
                  ? [{ user: user('alice@corp.example'), ...access }]
                  : [
                      {
                        user: user('bob@corp.example'),
                        ...access,
                        access: 'never',
                        reasons: ['group_missing'],
                      },
                    ],
              nextCursor: query.get('cursor') === null ? 'next' : null,
            },
      }));
      const ran = await sallyport('access', 'who-can', 'wiki', '--method', 'POST', '--path', '/a');
      expect(ran.stdout).toContain('By version 7, taking for granted:\n  - a managed device');
      expect(ran.stdout).toMatch(/ci +always +ci\/allow\/ci/);
      expect(ran.stdout).toMatch(
        /alice@corp\.example +with +staff\/allow\/staff if device, time +base\/deny\/office if sourceNetworks/,
      );
      expect(ran.stdout).toContain(
        'What else must hold:\n' +
          '  staff/allow/staff\n    device: { known: true }\n    time: [ { from: 08:00 } ]\n' +
          '  base/deny/office\n    sourceNetworks: [ 10.0.0.0/8 ]\n',
      );
      expect(ran.stdout).toMatch(/bob@corp\.example +never .*group_missing/);
      expect(server.asked.map(({ path }) => path)).toEqual([
        '/v1/access/who-can',
        '/v1/access/who-can',
        '/v1/config/versions/7',
      ]);
      expect(Object.fromEntries(server.asked[0]?.query ?? [])).toEqual({
        route: 'wiki',
        method: 'POST',
        path: '/a',
        limit: '100',
      });
    });

    it('names the nearest route for one that is not there', async () => {
      const config = { documents: [{ kind: 'Route', metadata: { name: 'wiki' } }] };
      server.answer(({ path }) =>
        path === '/v1/config' ? { status: 200, body: config } : problem(404, 'not_found'),
      );
      const ran = await sallyport('access', 'who-can', 'wik');
      expect([ran.code, ran.stderr]).toEqual([
        3,
        'sallyport: there is no Route wik; did you mean wiki?\n',
      ]);
      expect((await sallyport('access', 'who-can', 'wiki', '--path', 'a')).code).toBe(2);
    });

    it('says what a user can reach', async () => {
      const items = [
        { route: 'wiki', hosts: ['wiki.corp.example'], monitorUntil: null, ...access },
      ];
      server.answer(({ path }) => ({
        status: 200,
        body: path.startsWith('/v1/config')
          ? { documents: [] }
          : { ...head, user: {}, items, nextCursor: null },
      }));
      const ran = await sallyport('access', 'what-can', 'alice@corp.example');
      expect(ran.stdout).toMatch(
        /wiki +wiki\.corp\.example +with +staff\/allow\/staff if device, time/,
      );
      server.answer(() => problem(404, 'not_found'));
      expect((await sallyport('access', 'what-can', 'nobody@corp.example')).code).toBe(3);
    });
  });
});
