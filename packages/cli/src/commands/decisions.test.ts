import { compile, explain, type Facts, type PolicySet } from '@sallyport/policy';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AdminServer, problem, startAdminServer } from '../testing/admin-server.ts';
import { run } from '../testing/run.ts';

const set: PolicySet = {
  version: 7,
  routes: [
    {
      name: 'wiki',
      matches: [{ host: 'wiki.corp.example', path: '/**', methods: null }],
      policies: ['staff'],
    },
  ],
  policies: [
    {
      name: 'staff',
      allow: [{ name: 'employees', groups: ['employees'], device: { known: true } }],
      deny: [{ name: 'guests', sourceNetworks: ['10.20.0.0/16'] }],
      stepUp: [],
    },
  ],
  globalPolicies: [],
};
const nowMs = Date.UTC(2026, 10, 22, 12);
const facts: Facts = {
  nowMs,
  request: { method: 'GET', host: 'wiki.corp.example', path: '/page', headers: {} },
  sourceAddress: '203.0.113.9',
  device: {
    kind: 'known',
    id: 'dev_1',
    managed: true,
    ownerUserId: 'usr_1',
    certificateSha256: 'ab'.repeat(32),
    certificateNotBeforeMs: nowMs - 1000,
    certificateNotAfterMs: nowMs + 1000,
    posture: [],
    blocked: null,
  },
  session: {
    kind: 'live',
    sid: 'ses_1',
    userId: 'usr_1',
    deviceId: 'dev_1',
    authenticatedAtMs: nowMs,
    amr: ['pwd'],
    expiresAtMs: nowMs + 1000,
  },
  user: {
    kind: 'known',
    id: 'usr_1',
    email: 'carol@corp.example',
    groups: ['contractors'],
    status: 'active',
    blocked: false,
    employment: null,
  },
  place: null,
  risk: null,
  lockdown: false,
  staleness: { revokeMs: 1_200, signalsMs: 0, configMs: 0, directoryMs: 0 },
};
const explained = explain(compile(set), facts);
const record = {
  correlationId: '0000000000000000000000000a',
  time: new Date(nowMs).toISOString(),
  edge: 'edg_1',
  region: 'eu',
  sourceAddress: '203.0.113.9',
  method: 'GET',
  host: 'wiki.corp.example',
  path: '/page',
  userId: 'usr_1',
  userEmail: 'carol@corp.example',
  deviceId: 'dev_1',
  route: 'wiki',
  outcome: explained.decision.outcome,
  reasons: explained.decision.reasons.map(({ code }) => code),
  configVersion: 7,
  revisions: { config: { epoch: 1, rev: 12 } },
  status: 403,
};
const explanation = { agrees: true, decision: explained.decision, trace: explained.trace };

describe('decisions', () => {
  let server: AdminServer;
  beforeAll(async () => {
    server = await startAdminServer();
  });
  afterAll(() => server.close());

  const sallyport = (...argv: string[]) => run(argv, { env: server.env });

  describe('sallyport explain', () => {
    it.each([[['explain']], [['decisions', 'explain']]])(
      'shows request, verdict and every step in words: %s',
      async (command) => {
        server.answer(({ path }) => ({
          status: 200,
          body: path.endsWith('/explanation') ? explanation : record,
        }));
        const { code, stdout } = await sallyport(...command, record.correlationId);
        expect(code).toBe(0);
        expect(stdout).toContain('Request    GET wiki.corp.example/page');
        expect(stdout).toContain('User       carol@corp.example (usr_1)');
        expect(stdout).toContain(
          'DENY\n  group_missing (staff/allow/employees): You are not in a group',
        );
        expect(stdout).toMatch(/route +wiki +matches/);
        expect(stdout).toMatch(/check +lockdown +passes/);
        expect(stdout).toMatch(/state +revoke +1.2 s old, fresh enough/);
        expect(stdout).toMatch(/deny +staff\/deny\/guests +false\n +sourceNetworks +false/);
        expect(stdout).toMatch(/allow +rules +0 may apply to this user and path, 1 cannot\n/);
        expect(stdout).not.toContain('bug');
      },
    );

    it('says where it came from and which risk was decided with', async () => {
      const place = { country: 'AU', region: 'Victoria', asn: 64500, egress: 'vpn' };
      const risk = { score: 86, signals: ['impossible-travel', 'new-country'], untilMs: null };
      server.answer(({ path }) => ({
        status: 200,
        body: path.endsWith('/explanation') ? explanation : { ...record, facts: { place, risk } },
      }));
      const { stdout } = await sallyport('explain', record.correlationId);
      expect(stdout).toContain('203.0.113.9 (AU, Victoria, AS64500, way out vpn)\n');
      expect(stdout).toMatch(/^Risk +86 \(impossible-travel, new-country\)$/m);
    });

    it('says that a redacted record cannot be explained, and what it is without', async () => {
      const redacted = ['sourceAddress', 'path'];
      server.answer(({ path }) =>
        path.endsWith('/explanation')
          ? problem(409, 'conflict')
          : { status: 200, body: { ...record, redacted } },
      );
      const { stdout } = await sallyport('explain', record.correlationId);
      expect(stdout).toContain('nothing more to explain: the record is without sourceAddress');
    });

    it('says what the rules say where monitor mode let it through, and what a shadow says', async () => {
      const shadow = { version: 8, outcome: 'deny', reasons: ['group_missing'], ruleIds: [] };
      const permit = {
        ...explained.decision,
        outcome: 'permit',
        wouldDeny: {
          reasons: [
            { code: 'monitor_mode' },
            { code: 'group_missing', detail: 'staff/allow/staff' },
          ],
          ruleIds: [],
        },
      };
      server.answer(({ path }) => ({
        status: 200,
        body: path.endsWith('/explanation')
          ? { ...explanation, decision: permit }
          : { ...record, outcome: 'permit', shadow },
      }));
      const { stdout } = await sallyport('explain', record.correlationId);
      expect(stdout).toContain(
        'and without monitor mode DENY\n  group_missing (staff/allow/staff): You are not in',
      );
      expect(stdout).toContain('and by version 8, in its shadow, DENY (group_missing)');
    });

    it('tells reasons for cutting a permitted request apart from those of its permit', async () => {
      const user = { ...facts.user, groups: ['employees'] } as Facts['user'];
      const permitted = explain(compile(set), { ...facts, user });
      const cut = {
        ...record,
        outcome: 'permit',
        reasons: ['rule_allowed', 'session_ended'],
        status: 101,
        ending: 'revoked',
      };
      server.answer(({ path }) => ({
        status: 200,
        body: path.endsWith('/explanation') ? { ...permitted, agrees: true } : cut,
      }));
      const { stdout } = await sallyport('explain', record.correlationId);
      expect(stdout).toMatch(
        /PERMIT\n {2}rule_allowed .+\nand afterwards \(revoked\)\n {2}session_ended: /,
      );
    });

    it('says when deciding again gives another verdict', async () => {
      server.answer(({ path }) => ({
        status: 200,
        body: path.endsWith('/explanation') ? { ...explanation, agrees: false } : record,
      }));
      const { stdout } = await sallyport('explain', record.correlationId);
      expect(stdout).toContain('another verdict than the edge recorded');
    });

    it('shows a request that no rule was asked about', async () => {
      const refused = { ...record, outcome: 'refused', reasons: ['path_ambiguous'], status: 400 };
      server.answer(({ path }) =>
        path.endsWith('/explanation') ? problem(409, 'conflict') : { status: 200, body: refused },
      );
      const { code, stdout } = await sallyport('explain', record.correlationId);
      expect(code).toBe(0);
      expect(stdout).toContain('REFUSED\n  path_ambiguous: see docs/errors.md');
      const json = await sallyport('explain', record.correlationId, '--json');
      expect(JSON.parse(json.stdout)).toEqual({ record: refused, explanation: null });
    });

    it('ends with 3 for a reference that is not known', async () => {
      server.answer(() => problem(404, 'not_found'));
      const ran = await sallyport('explain', 'nothing');
      expect([ran.code, ran.stderr]).toEqual([
        3,
        expect.stringContaining('no request with the reference nothing is recorded'),
      ]);
    });
  });

  describe('sallyport decisions list', () => {
    it('is what decisions alone does, and passes filters on', async () => {
      server.answer(() => ({
        status: 200,
        body: { items: [record], nextCursor: null, tailCursor: 't' },
      }));
      for (const argv of [['decisions'], ['decisions', 'list']]) {
        const { stdout } = await sallyport(
          ...argv,
          '--user',
          'carol@corp.example',
          '--outcome',
          'deny',
        );
        expect(stdout).toContain('deny     group_missing  carol@corp.example');
        expect(stdout).toContain(record.correlationId);
        expect(server.asked.at(-1)?.query.get('user')).toBe('carol@corp.example');
        expect(server.asked.at(-1)?.query.get('outcome')).toBe('deny');
      }
    });

    it('goes on after a page that found nothing in its time', async () => {
      server.answer(({ query }) => ({
        status: 200,
        body: query.has('cursor')
          ? { items: [record], nextCursor: null, tailCursor: 't' }
          : { items: [], nextCursor: 'further', tailCursor: 't' },
      }));
      const { stdout } = await sallyport('decisions', 'list', '--address', '203.0.113.9');
      expect(stdout).toContain(record.correlationId);
      expect(server.asked.at(-1)?.query.get('cursor')).toBe('further');
    });

    it('lets no control character of a request reach the terminal', async () => {
      const hostile = { ...record, path: '/\u001b[31m\r\nPERMIT', userEmail: 'a\u0007\u202e@b' };
      server.answer(() => ({
        status: 200,
        body: { items: [hostile], nextCursor: null, tailCursor: 't' },
      }));
      const { stdout } = await sallyport('decisions', 'list');
      expect(stdout).toContain('/\\u001b[31m\\u000d\\u000aPERMIT');
      expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
    });

    it('says why a request would be denied that monitor mode let through', async () => {
      const watched = {
        ...record,
        outcome: 'permit',
        reasons: ['monitor_mode'],
        wouldDeny: { reasons: ['group_missing'], ruleIds: [] },
      };
      server.answer(() => ({
        status: 200,
        body: { items: [watched], nextCursor: null, tailCursor: 't' },
      }));
      const { stdout } = await sallyport('decisions', 'list');
      expect(stdout).toContain('permit   monitor_mode: group_missing  carol@corp.example');
    });
  });

  describe('sallyport decisions summary', () => {
    const item = { key: 'usr_1', label: 'eve\u001b[2J@corp.example', count: 12, denied: 7 };
    const body = {
      by: 'user',
      from: '2026-11-21T12:00:00.000Z',
      to: null,
      items: [{ ...item, lastAt: record.time }],
      counted: 12,
      more: 3,
      complete: false,
      countedFrom: '2026-11-22T02:00:00.000Z',
    };

    it('counts by what is asked for, and says where it could not count all', async () => {
      server.answer(() => ({ status: 200, body }));
      const argv = ['decisions', 'summary', '--by', 'user', '--outcome', 'deny'];
      const { code, stdout, stderr } = await sallyport(...argv, '--from', '2026-11-21T12:00:00Z');
      expect(code).toBe(0);
      expect(stdout).toMatch(/^USER +DECISIONS +DENIED +LAST\n/);
      expect(stdout).toContain('12         7       2026-11-22 12:00:00Z');
      expect(stdout).not.toContain('\u001b');
      expect(stderr).toContain('and 3 more');
      expect(stderr).toContain('only what came in since 2026-11-22 02:00:00Z is counted');
      expect(Object.fromEntries(server.asked.at(-1)?.query ?? [])).toEqual({
        by: 'user',
        limit: '20',
        outcome: 'deny',
        from: '2026-11-21T12:00:00.000Z',
      });
    });
  });

  describe('sallyport migration report', () => {
    it('shows by route what is still sent', async () => {
      const seen = { route: 'wiki', name: 'header:remote-user', requests: 4 };
      const times = { firstSeen: record.time, lastSeen: record.time };
      server.answer(() => ({
        status: 200,
        body: { since: record.time, items: [{ ...seen, ...times }], complete: true },
      }));
      const { stdout } = await sallyport('migration', 'report', '--route', 'wiki');
      expect(stdout).toMatch(/wiki +header:remote-user +4 +2026-11-22 12:00:00Z/);
      expect(server.asked.at(-1)?.query.get('route')).toBe('wiki');
    });
  });

  describe('sallyport headers report', () => {
    it('shows by route how near the limits requests come', async () => {
      const counts = { limitBytes: 8_192, mostBytes: 7_900, near: 12, over: 3 };
      const item = { route: 'wiki', what: 'cookies', ...counts, lastSeen: record.time };
      server.answer(() => ({
        status: 200,
        body: { since: record.time, items: [item], complete: false },
      }));
      const { stdout, stderr } = await sallyport('headers', 'report', '--route', 'wiki');
      expect(stdout).toMatch(/wiki +cookies +8192 +7900 +12 +3 +2026-11-22 12:00:00Z/);
      expect(stderr).toContain('there are more');
      expect(server.asked.at(-1)?.query.get('route')).toBe('wiki');
    });
  });

  describe('sallyport decisions tail', () => {
    it('starts at the newest and shows each decision once, as JSON lines with --json', async () => {
      const stop = new AbortController();
      server.answer(({ query }) => {
        const tail = query.get('tail');
        if (tail === null) {
          return { status: 200, body: { items: [record], nextCursor: null, tailCursor: '5' } };
        }
        const items = tail === '5' ? [{ ...record, correlationId: 'new' }] : [];
        return { status: 200, body: { items, nextCursor: '6', tailCursor: '6' } };
      });
      const ran = await run(['decisions', 'tail', '--json', '--host', 'wiki.corp.example'], {
        env: server.env,
        interrupt: stop.signal,
        onStdout: () => stop.abort(),
      });
      expect(ran).toMatchObject({ code: 0, stderr: '' });
      expect(
        ran.stdout
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as unknown),
      ).toEqual([{ ...record, correlationId: 'new' }]);
      expect(server.asked.every(({ query }) => query.get('host') === 'wiki.corp.example')).toBe(
        true,
      );
      expect(server.asked.at(-1)?.query.get('wait')).toBe('20');
    });

    it('is interrupted while it waits without a word of failure', async () => {
      const stop = new AbortController();
      server.answer(({ query }) => {
        if (query.get('tail') !== null) stop.abort();
        return { status: 200, body: { items: [], nextCursor: null, tailCursor: '5' } };
      });
      const ran = await run(['decisions', 'tail'], { env: server.env, interrupt: stop.signal });
      expect(ran).toMatchObject({ code: 0, stdout: '', stderr: '' });
    });

    it('goes on from where it was when the control plane has been away', async () => {
      const stop = new AbortController();
      let polls = 0;
      server.answer(({ query }) => {
        if (query.get('tail') === null) {
          return { status: 200, body: { items: [], nextCursor: null, tailCursor: '5' } };
        }
        polls += 1;
        if (polls === 1) return problem(503, 'database_unavailable');
        return { status: 200, body: { items: [record], nextCursor: '6', tailCursor: '6' } };
      });
      const ran = await run(['decisions', 'tail'], {
        env: server.env,
        interrupt: stop.signal,
        onStdout: () => stop.abort(),
      });
      expect(ran.code).toBe(0);
      expect(ran.stdout).toContain('deny  group_missing  carol@corp.example');
      expect(ran.stderr).toContain('trying again');
      expect(server.asked.at(-1)?.query.get('tail')).toBe('5');
    });

    it('fails at once when the token does not hold', async () => {
      server.answer(() => problem(401, 'unauthenticated'));
      expect((await sallyport('decisions', 'tail')).code).toBe(4);
    });
  });
});
