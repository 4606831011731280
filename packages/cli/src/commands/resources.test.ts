import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import {
  type AdminServer,
  type Asked,
  problem,
  startAdminServer,
} from '../testing/admin-server.ts';
import { run } from '../testing/run.ts';

const route = {
  apiVersion: 'sallyport.dev/v1',
  kind: 'Route',
  metadata: { name: 'wiki', description: 'the wiki' },
  spec: { match: [{ host: 'wiki.corp.example' }], policies: [] },
};
const policy = {
  apiVersion: 'sallyport.dev/v1',
  kind: 'Policy',
  metadata: { name: 'staff' },
  spec: {},
};
const config = { version: 3, documents: [policy, route] };

describe('commands on resources', () => {
  let server: AdminServer;
  beforeAll(async () => {
    server = await startAdminServer();
  });
  afterAll(() => server.close());

  const sallyport = (argv: readonly string[], stdin?: string) =>
    run(argv, { env: server.env, ...(stdin === undefined ? {} : { stdin }) });
  const answerWith = (body: unknown, status = 200) => server.answer(() => ({ status, body }));
  const asked = (): Asked[] => server.asked;

  describe('sallyport get', () => {
    it('shows documents as a table, as YAML that can be applied again, and as JSON', async () => {
      answerWith(config);
      const shown = await sallyport(['get', 'config']);
      expect(shown.stdout).toBe(
        'KIND    NAME   DESCRIPTION\nPolicy  staff  -\nRoute   wiki   the wiki\n',
      );
      const yaml = await sallyport(['get', 'config', '-o', 'yaml']);
      const documents = parseAllDocuments(yaml.stdout).map((one) => one.toJS() as unknown);
      expect(documents).toEqual([policy, route]);
      const json = await sallyport(['get', 'config', '--json']);
      expect(JSON.parse(json.stdout)).toEqual(config);
      expect((await sallyport(['get', 'config', '-o', 'json'])).stdout).toBe(json.stdout);
    });

    it('takes a kind in any case and number', async () => {
      answerWith(config);
      for (const kind of ['Route', 'route', 'routes', 'ROUTES']) {
        const { stdout } = await sallyport(['get', kind, '--json']);
        expect(JSON.parse(stdout)).toEqual({ items: [route] });
      }
      const policies = await sallyport(['get', 'policies', '--json']);
      expect(JSON.parse(policies.stdout)).toEqual({ items: [policy] });
    });

    it('shows one document, and says when there is none', async () => {
      answerWith(config);
      expect(JSON.parse((await sallyport(['get', 'Route', 'wiki', '--json'])).stdout)).toEqual(
        route,
      );
      const none = await sallyport(['get', 'Route', 'nowhere']);
      expect([none.code, none.stderr]).toEqual([3, 'sallyport: there is no Route nowhere\n']);
      const near = await sallyport(['get', 'Route', 'wki']);
      expect(near.stderr).toBe('sallyport: there is no Route wki; did you mean wiki?\n');
    });

    it('reads an earlier version', async () => {
      answerWith(config);
      await sallyport(['get', 'config', '--at', '2', '-o', 'yaml']);
      expect(asked()[0]?.path).toBe('/v1/config/versions/2');
    });

    it('names the nearest kind for one that is not there', async () => {
      const ran = await sallyport(['get', 'rout']);
      expect([ran.code, ran.stderr]).toEqual([
        2,
        'sallyport: there is no kind rout; did you mean route?\n',
      ]);
    });

    it('reads one resource by its id, and no id leaves its place in the path', async () => {
      answerWith({ id: 'usr_1', groups: ['a', 'b'], email: '' });
      const ran = await sallyport(['get', 'user', 'usr_1']);
      expect(ran.stdout).toBe('id      usr_1\ngroups  a, b\n');
      await sallyport(['get', 'user', '../tokens?x=1']);
      expect(asked().at(-1)?.path).toBe('/v1/users/..%2Ftokens%3Fx%3D1');
    });
  });

  describe('lists', () => {
    it('go on over pages up to the limit, and say where the next rows begin', async () => {
      server.answer(({ query }) => {
        const from = Number(query.get('cursor') ?? 0);
        const items = Array.from({ length: Number(query.get('limit')) }, (_, index) => ({
          id: `usr_${from + index}`,
        }));
        return { status: 200, body: { items, nextCursor: String(from + items.length) } };
      });
      const ran = await sallyport(['users', '--limit', '250', '--json']);
      const page = JSON.parse(ran.stdout) as { items: unknown[]; nextCursor: string };
      expect([page.items.length, page.nextCursor]).toEqual([250, '250']);
      expect(asked().map(({ query }) => query.get('limit'))).toEqual(['200', '50']);
      expect((await sallyport(['users', '--limit', '1'])).stderr).toBe('more: --cursor 1\n');
    });

    it('pass filters on', async () => {
      answerWith({ items: [], nextCursor: null });
      const ran = await sallyport(['sessions', '--user', 'usr_1', '--live']);
      expect(ran.stdout).toBe('none\n');
      expect(Object.fromEntries(asked()[0]?.query ?? [])).toMatchObject({
        user: 'usr_1',
        live: 'true',
      });
      await sallyport(['revocations', '--target', 'usr_1']);
      expect(asked()[1]?.query.get('id')).toBe('usr_1');
    });

    it('show who made a revocation: a token, or an edge that carried it over', async () => {
      const by = 'carried:edg_1';
      const target = { kind: 'user', id: 'usr_1' };
      const items = [{ id: 'rev_1', target, effect: 'block', reason: 'lost', createdBy: by }];
      answerWith({ items, nextCursor: null });
      const [headings = '', row = ''] = (await sallyport(['revocations'])).stdout.split('\n');
      expect(headings.indexOf(' BY ') + 1).toBe(row.indexOf(by));
    });

    it('show how far edges are, how old their state is, whether it agrees, and what they refused', async () => {
      const edge = (id: string, lane: object) => ({
        id,
        region: 'eu',
        connected: true,
        lanes: {
          revoke: {
            enforced: { epoch: 1, rev: 7 },
            lagRevisions: 0,
            lagMs: 0,
            stalenessMs: 800,
            digestAgrees: true,
            path: 'nats',
            nack: null,
            ...lane,
          },
        },
      });
      const late = { enforced: { epoch: 1, rev: 5 }, lagRevisions: 2, lagMs: 65_000 };
      const nack = { code: 'COMPILE', detail: 'policy x' };
      answerWith({
        items: [
          edge('a', {}),
          edge('b', { ...late, path: 'grpc', digestAgrees: null, stalenessMs: 150_000 }),
          edge('c', { lagRevisions: null, lagMs: null, digestAgrees: false, nack, path: null }),
        ],
        nextCursor: null,
      });
      const { stdout } = await sallyport(['edges']);
      const rows = stdout.split('\n').map((line) => line.split(/ {2,}/));
      expect(rows[0]).toEqual(
        'ID,REGION,CONNECTED,REVOKE,LAG,AGE,DIGEST,BY,LAST NACK,LAST SEEN'.split(','),
      );
      expect(rows.slice(1, 4).map((row) => row.slice(3, 9))).toEqual([
        ['7', '0', '800 ms', 'agrees', 'nats', '-'],
        ['5', '2, 65 s', '3 min', '-', 'grpc', '-'],
        ['7', '?', '800 ms', 'DIFFERS: revoke', '-', 'revoke COMPILE'],
      ]);
    });
  });

  describe('sallyport delete', () => {
    it('takes a document out of the set by an apply', async () => {
      answerWith(
        { version: 4, changed: [{ kind: 'Route', name: 'wiki', change: 'deleted' }] },
        201,
      );
      const ran = await sallyport(['delete', 'route', 'wiki']);
      expect(ran.stdout).toContain('version 4');
      expect(asked()[0]).toMatchObject({
        path: '/v1/config:apply',
        body: { delete: [{ kind: 'Route', name: 'wiki' }] },
      });
    });

    it('names the nearest document for one that is not there', async () => {
      server.answer(({ method }) =>
        method === 'GET' ? { status: 200, body: config } : problem(422, 'invalid_configuration'),
      );
      const ran = await sallyport(['delete', 'Policy', 'staf']);
      expect([ran.code, ran.stderr]).toEqual([
        3,
        'sallyport: there is no Policy staf; did you mean staff?\n',
      ]);
    });

    it('deletes a resource, and points to revoke where there is nothing to delete', async () => {
      server.answer(() => ({ status: 204 }));
      expect((await sallyport(['delete', 'device', 'dev_1'])).code).toBe(0);
      expect(asked()[0]).toMatchObject({ method: 'DELETE', path: '/v1/devices/dev_1' });
      const session = await sallyport(['delete', 'session', 'ses_1']);
      expect([session.code, session.stderr]).toEqual([
        2,
        'sallyport: a session cannot be deleted; see revoke\n',
      ]);
    });
  });

  describe('sallyport revoke', () => {
    const committed = (enforced: boolean) => ({
      id: 'rev_1',
      effect: 'block',
      enforced,
      receipts: [
        { edgeId: 'edg_a', region: 'eu', status: 'enforced', tookMs: 3.42, path: 'grpc' },
        ...(enforced
          ? []
          : [{ edgeId: 'edg_b', region: 'us', status: 'unreachable', tookMs: null, path: null }]),
      ],
    });

    it('shows when each edge enforced it', async () => {
      answerWith(committed(true), 201);
      const ran = await sallyport([
        'revoke',
        'user',
        'a@corp.example',
        '--wait',
        '--reason',
        'lost',
      ]);
      expect(ran).toMatchObject({ code: 0, stderr: '' });
      expect(ran.stdout).toContain('edg_a  eu      enforced  3.4 ms');
      expect(asked()[0]).toMatchObject({
        method: 'POST',
        body: { target: { kind: 'user', email: 'a@corp.example' }, reason: 'lost' },
      });
      expect(asked()[0]?.query.get('wait')).toBe('enforced');
    });

    it('says by when an edge that has not confirmed closes, and plainly when it never does', async () => {
      const [confirmed, late] = committed(false).receipts;
      const fencedBy = '2026-01-01T12:00:00.000Z';
      const open = { ...late, edgeId: 'edg_c', fencedBy: null };
      const receipts = [confirmed, { ...late, fencedBy }];
      answerWith({ ...committed(false), receipts }, 202);
      const closes = await sallyport(['revoke', 'device', 'dev_1', '--wait']);
      expect(closes.stdout).toMatch(/^edg_b .* 2026-01-01 12:00:00Z$/m);
      expect(closes.stdout).toContain('lets nobody in any more from CLOSED BY on');
      expect(closes.stdout).not.toContain('NEVER');
      answerWith({ ...committed(false), receipts: [...receipts, open] }, 202);
      const never = await sallyport(['revoke', 'device', 'dev_1', '--wait']);
      expect(never.stdout).toMatch(/^edg_c .* NEVER$/m);
      expect(never.stdout).toMatch(/NEVER close by themselves.*: edg_c$/m);
      answerWith({ id: 'rev_1', reason: 'lost', enforced: false, receipts });
      const read = await sallyport(['get', 'revocation', 'rev_1']);
      expect(read.stdout).toMatch(/^edg_b .* 2026-01-01 12:00:00Z$/m);
    });

    it('ends with 7 when an edge has not confirmed in time, and names it', async () => {
      answerWith(committed(false), 202);
      const ran = await sallyport(['revoke', 'device', 'dev_1', '--wait']);
      expect(ran.code).toBe(7);
      expect(ran.stdout).toContain('edg_b  us      unreachable');
      const json = await sallyport(['revoke', 'device', 'dev_1', '--wait', '--json']);
      expect([json.code, JSON.parse(json.stdout)]).toEqual([7, committed(false)]);
      const lifted = await sallyport(['lift', 'rev_1', '--wait']);
      expect(lifted.code).toBe(7);
    });

    it('does not wait unless asked', async () => {
      answerWith(committed(false), 201);
      const ran = await sallyport([
        'revoke',
        'everyone',
        '--effect',
        'block',
        '--expires-in',
        '15m',
      ]);
      expect(ran.code).toBe(0);
      expect(asked()[0]?.query.get('wait')).toBeNull();
      expect(asked()[0]?.body).toMatchObject({
        target: { kind: 'everyone' },
        effect: 'block',
        expiresInSeconds: 900,
      });
    });

    it('reads a fingerprint as tools print it', async () => {
      answerWith(committed(true), 201);
      await sallyport(['revoke', 'certificate', 'AB:CD:0f']);
      expect(asked()[0]?.body).toMatchObject({ target: { kind: 'certificate', id: 'abcd0f' } });
    });
  });

  describe('secrets', () => {
    it('come from standard input alone', async () => {
      answerWith({ name: 'corp-client', version: 2 });
      const ran = await sallyport(['secrets', 'set', 'corp-client'], 's3cret \n');
      expect(ran).toMatchObject({ code: 0, stdout: 'corp-client is now at version 2\n' });
      expect(asked()[0]).toMatchObject({
        method: 'PUT',
        path: '/v1/secrets/corp-client',
        body: { value: 's3cret ' },
      });
      expect((await sallyport(['secrets', 'set', 'corp-client', 'value'], 'x')).code).toBe(2);
      expect((await sallyport(['secrets', 'set', 'corp-client'])).code).toBe(2);
      expect((await sallyport(['secrets', 'set', 'corp-client'], '\n')).code).toBe(6);
      expect(asked().length).toBe(1);
    });

    it('that are made are shown once, alone on standard output', async () => {
      answerWith({ id: 'tok_1', token: 'sp_adm_x', role: 'viewer' }, 201);
      const ran = await sallyport(['tokens', 'create', '--role', 'viewer', '--label', 'ci']);
      expect(ran.stdout).toBe('sp_adm_x\n');
      expect(ran.stderr).toContain('only time');
      answerWith({ token: 'sp_join_x', expiresAt: '2026-11-22T12:00:00.000Z' }, 201);
      const join = await sallyport(['edges', 'join-token', '--expires-in', '10m']);
      expect(join.stdout).toBe('sp_join_x\n');
      expect(asked()[0]).toMatchObject({
        path: '/v1/edges:join-token',
        body: { expiresInSeconds: 600 },
      });
    });
  });

  describe('the directory', () => {
    it('finds users by address and groups by name', async () => {
      server.answer(({ method, path }) => {
        if (method !== 'GET') return { status: 204 };
        const id = path === '/v1/users' ? 'usr_1' : 'grp_1';
        return { status: 200, body: { items: [{ id }], nextCursor: null } };
      });
      const ran = await sallyport(['groups', 'add', 'employees', 'alice@corp.example']);
      expect(ran.code).toBe(0);
      expect(asked().at(-1)).toMatchObject({
        method: 'PUT',
        path: '/v1/groups/grp_1/members/usr_1',
      });
    });

    it('names the nearest group for one that is not there', async () => {
      server.answer(({ query }) => ({
        status: 200,
        body: {
          items: query.get('name') === null ? [{ id: 'grp_1', name: 'employees' }] : [],
          nextCursor: null,
        },
      }));
      const ran = await sallyport(['groups', 'members', 'employes']);
      expect([ran.code, ran.stderr]).toEqual([
        3,
        'sallyport: there is no group employes; did you mean employees?\n',
      ]);
    });

    it('refuses an address that several users have, and names them', async () => {
      answerWith({ items: [{ id: 'usr_1' }, { id: 'usr_2' }], nextCursor: null });
      const ran = await sallyport(['users', 'suspend', 'alice@corp.example']);
      expect(ran.code).toBe(6);
      expect(ran.stderr).toContain('usr_1, usr_2');
    });
  });
});
