import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from './testing/run.ts';

const controlPlane = join(import.meta.dirname, '../../control-plane/src/main.ts');

const documents = `apiVersion: sallyport.dev/v1
kind: Settings
metadata: { name: default }
spec:
  signIn: { host: signin.corp.example, identityProvider: corp }
---
apiVersion: sallyport.dev/v1
kind: IdentityProvider
metadata: { name: corp }
spec:
  issuer: https://login.corp.example
  clientId: sallyport
  clientSecret: corp-client
---
apiVersion: sallyport.dev/v1
kind: Route
metadata: { name: wiki }
spec:
  match: [{ host: wiki.corp.example }]
  policies: [staff]
  upstream: { url: https://wiki.internal.example }
---
apiVersion: sallyport.dev/v1
kind: Policy
metadata: { name: staff }
spec:
  allow:
    - name: employees
      groups: [employees]
`;

describe('sallyport against a control plane that init made', () => {
  let scratch: string;
  let home: string;
  let child: ChildProcess;
  let env: Record<string, string>;

  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'sallyport-real-'));
    // Not below `scratch`: under root the database runs as another user, who must get through.
    home = await mkdtemp(join(tmpdir(), 'sallyport-home-'));
    await run(['init', '--dir', home, '--trust-domain', 'corp.example']);
    child = spawn(process.execPath, [controlPlane], {
      env: {
        PATH: process.env['PATH'],
        NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
        SALLYPORT_HOME: home,
        SALLYPORT_ADMIN_LISTEN: '127.0.0.1:0',
        SALLYPORT_GRPC_LISTEN: '127.0.0.1:0',
        SALLYPORT_OPS_LISTEN: '127.0.0.1:0',
        SALLYPORT_LOG_LEVEL: 'error',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    env = {
      SALLYPORT_URL: (await readyLine(child)).admin,
      SALLYPORT_CA: join(home, 'ca/admin.pem'),
      SALLYPORT_TOKEN_FILE: join(home, 'owner-token'),
    };
  });
  afterAll(async () => {
    if (child.exitCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
    for (const dir of [home, scratch]) await rm(dir, { recursive: true, force: true });
  });

  const sallyport = (argv: readonly string[], stdin?: string) =>
    run(argv, { env, ...(stdin === undefined ? {} : { stdin }) });
  const json = async (...argv: string[]): Promise<unknown> => {
    const ran = await sallyport([...argv, '--json']);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    return JSON.parse(ran.stdout);
  };

  const policyAdmin = async (label: string): Promise<Record<string, string>> => {
    const made = await sallyport(['tokens', 'create', '--role', 'policy-admin', '--label', label]);
    return { ...env, SALLYPORT_TOKEN_FILE: '', SALLYPORT_TOKEN: made.stdout.trim() };
  };

  it('tells what is wrong with a set at its line, applies it when it is right, and reads it back', async () => {
    const file = join(scratch, 'set.yaml');
    await writeFile(file, documents);
    const without = await sallyport(['apply', '-f', file]);
    expect(without.code).toBe(6);
    expect(without.stderr).toMatch(
      /set\.yaml:13:3 IdentityProvider\/corp \/spec\/clientSecret: .+/,
    );

    expect((await sallyport(['secrets', 'set', 'corp-client'], 's3cret')).code).toBe(0);
    const dry = await sallyport(['apply', '-f', file, '--dry-run']);
    expect([dry.code, dry.stderr]).toEqual([0, '']);
    expect(await json('get', 'config')).toMatchObject({ version: 0, documents: [] });
    const applied = await sallyport(['apply', '-f', file, '-m', 'first']);
    expect(applied.stdout).toContain('version 1');
    expect((await sallyport(['apply', '-f', file])).stdout).toBe('nothing changed\n');
    expect(await json('versions')).toMatchObject({ items: [{ version: 1, message: 'first' }] });

    const yaml = await sallyport(['get', 'config', '-o', 'yaml']);
    const again = await sallyport(['apply', '-f', '-', '--prune'], yaml.stdout);
    expect(again.stdout).toBe('nothing changed\n');
  });

  it('goes back to an earlier version', async () => {
    expect((await sallyport(['delete', 'route', 'wiki'])).stdout).toContain('version 2');
    expect((await sallyport(['get', 'route', 'wiki'])).code).toBe(3);
    const lost = await sallyport(['policy', 'diff', '2']);
    expect(lost.stdout).toContain('deleted Route/wiki\n');
    expect(lost.stdout).toMatch(/^- .*wiki\.corp\.example/m);
    const back = await sallyport(['policy', 'rollback', '1', '-m', 'the wiki is needed']);
    expect([back.code, back.stdout]).toEqual([0, expect.stringContaining('version 3')]);
    expect((await sallyport(['get', 'route', 'wiki'])).code).toBe(0);
    expect((await sallyport(['policy', 'diff', '1', '3'])).stdout).toBe('nothing differs\n');
    expect((await sallyport(['policy', 'rollback', '99'])).code).toBe(3);
    expect((await sallyport(['policy', 'diff', '99'])).code).toBe(3);
    const history = await sallyport(['policy', 'history']);
    expect(history.stdout).toMatch(/^3 +live .*the wiki is needed\n2 +released/m);
  });

  it('refuses documents of which a test fails, and shows what a dry run would change', async () => {
    const [, , , policy = ''] = documents.split('---\n');
    const tested = (outcome: string): string =>
      `${policy}  tests:
    - name: a guest is kept out
      request: { url: https://wiki.corp.example/ }
      user: { email: guest@corp.example, groups: [guests] }
      expect: { outcome: ${outcome} }
`;
    const failing = await sallyport(['apply', '-f', '-'], tested('permit'));
    expect([failing.code, failing.stdout]).toEqual([6, '']);
    expect(failing.stderr).toMatch(/<stdin>:9:\d+ Policy\/staff \/spec\/tests\/0/);
    expect(failing.stderr).toContain('"a guest is kept out" fails: expected permit, got deny');
    const dry = await sallyport(['apply', '-f', '-', '--dry-run'], tested('deny'));
    expect(dry.stdout).toMatch(/^\+ .*a guest is kept out/m);
    expect(dry.stdout).toContain('nobody was active in the last 7 days');
  });

  it('rehearses a candidate, and lets it go out', async () => {
    const guests = (documents.split('---\n')[3] ?? '').replace('[employees]', '[guests]');
    const made = await sallyport(['apply', '-f', '-', '--candidate'], guests);
    expect([made.code, made.stdout]).toEqual([0, expect.stringContaining('version 4 is a candid')]);
    expect(await json('get', 'config')).toMatchObject({ version: 3 });

    const simulate = [
      'policy',
      'simulate',
      'https://wiki.corp.example/',
      '--user',
      'g@corp.example',
    ];
    const guest = [...simulate, '--group', 'guests', '--device', 'managed'];
    expect((await sallyport(guest)).stdout).toMatch(/^DENY by version 3: group_missing/);
    const shown = await sallyport([...guest, '--version', '4']);
    expect(shown.stdout).toMatch(/^PERMIT by version 4: rule_allowed \(staff\/allow\/employees\)/);
    expect(shown.stdout).toMatch(/allow +staff\/allow\/employees +true/);
    const replay = ['policy', 'replay', '--version', '4'];
    expect(await json(...replay)).toMatchObject({ candidate: 4, against: 3, decided: 0 });
    expect((await sallyport(replay)).stdout).toContain('no request was recorded');

    expect((await sallyport(['policy', 'shadow', 'start', '4'])).code).toBe(0);
    expect((await sallyport(['policy', 'shadow', 'status'])).stdout).toMatch(/default +3 +4/);
    expect((await sallyport(['policy', 'shadow', 'report'])).code).toBe(0);
    expect((await sallyport(['policy', 'shadow', 'stop'])).code).toBe(0);
    expect((await sallyport(['policy', 'shadow', 'stop'])).code).toBe(3);

    // No edge is there, so nothing can be waited for.
    const out = await sallyport(['rollout', 'start', '4', '--wait']);
    expect([out.code, out.stdout]).toEqual([0, expect.stringMatching(/State +done/)]);
    expect(await json('get', 'config')).toMatchObject({ version: 4 });
    expect(await json('rollout', 'list')).toMatchObject({ items: [{ version: 4, state: 'done' }] });
    expect((await sallyport(['rollout', 'abort'])).code).toBe(1);
    expect((await sallyport(['policy', 'rollback', '3'])).stdout).toContain('version 5');
  });

  it('keeps a version for a second person, who is somebody else', async () => {
    const [settings = '', , , policy = ''] = documents.split('---\n');
    const required = `${settings}  approval: { required: true }\n`;
    expect((await sallyport(['apply', '-f', '-'], required)).stdout).toContain('version 6');
    const other = await policyAdmin('other');
    const change = policy.replace('[employees]', '[employees, guests]');
    const waits = await sallyport(['apply', '-f', '-'], change);
    expect([waits.code, waits.stdout]).toEqual([8, expect.stringContaining('approve 7')]);
    const own = await sallyport(['policy', 'approve', '7']);
    expect([own.code, own.stdout]).toEqual([4, '']);
    const late = await run(['policy', 'approve', '7'], { env: await policyAdmin('made for it') });
    expect(late.code).toBe(4);
    const approved = await run(['policy', 'approve', '7', '--comment', 'seen'], { env: other });
    expect(approved).toMatchObject({ code: 0, stdout: 'version 7 is released\n' });
    expect((await run(['apply', '-f', '-'], { env: other, stdin: policy })).code).toBe(8);
    const rejected = await sallyport(['policy', 'reject', '8']);
    expect(rejected.stdout).toBe('version 8 is refused\n');
    expect(await json('get', 'config')).toMatchObject({ version: 7 });
  });

  it('enrols a device of a user with a request that OpenSSL made', async () => {
    await sallyport(['groups', 'create', 'employees']);
    const alice = ['--email', 'alice@corp.example', '--group', 'employees'];
    expect((await sallyport(['users', 'create', ...alice])).code).toBe(0);
    const [key, csr, certificate] = ['device.key', 'device.csr', 'device.pem'].map((name) =>
      join(scratch, name),
    );
    const request = 'req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=laptop';
    const files = ['-keyout', String(key), '-out', String(csr)];
    await promisify(execFile)('openssl', [...request.split(' '), ...files]);
    const enrol = ['devices', 'enrol', 'Alice laptop', '--owner', 'alice@corp.example'];
    const ran = await sallyport([...enrol, '--csr', String(csr), '--out', String(certificate)]);
    expect(ran).toMatchObject({ code: 0, stdout: '' });
    expect(await readFile(String(certificate), 'utf8')).toContain('BEGIN CERTIFICATE');
    const bad = await sallyport([...enrol, '--csr', String(key)]);
    expect(bad.code).toBe(6);
    expect(bad.stderr).toMatch(/go on with --device dev_/);
  });

  it('says who can reach a route, and what a user can', async () => {
    const who = await sallyport(['access', 'who-can', 'wiki']);
    expect([who.code, who.stderr]).toEqual([0, '']);
    expect(who.stdout).toMatch(/taking for granted:\n {2}- .+/);
    expect(who.stdout).toMatch(/alice@corp\.example +always +staff\/allow\/employees/);
    const what = await sallyport(['access', 'what-can', 'alice@corp.example']);
    expect(what.stdout).toMatch(/wiki +wiki\.corp\.example +always +staff\/allow\/employees/);
    expect((await sallyport(['access', 'who-can', 'nothing'])).code).toBe(3);
    expect((await sallyport(['access', 'what-can', 'nobody@corp.example'])).code).toBe(3);
    const asked = ['policy', 'simulate', 'https://wiki.corp.example/', '--device', 'managed'];
    const alice = await sallyport([...asked, '--user', 'alice@corp.example']);
    expect(alice.stdout).toMatch(/^PERMIT by version 7/);
  });

  it('keeps how somebody is employed, and what was observed of a device', async () => {
    const employment = ['users', 'employment', 'alice@corp.example'];
    const until = await sallyport([...employment, 'contractor', '--ends', '2030-01-01T00:00:00Z']);
    expect(until.stdout).toBe('alice@corp.example is contractor until 2030-01-01T00:00:00.000Z\n');
    expect(await json('users')).toMatchObject({
      items: [{ employment: { class: 'contractor', endsAt: '2030-01-01T00:00:00.000Z' } }],
    });
    expect((await sallyport([...employment, 'unknown'])).code).toBe(0);
    expect(await json('users')).toMatchObject({ items: [{ employment: null }] });
    expect((await sallyport([...employment, 'guest'])).code).toBe(2);
    expect((await sallyport([...employment, 'employee', '--ends', 'soon'])).code).toBe(2);

    const { items } = (await json('devices')) as { items: { id: string }[] };
    const device = items[0]?.id ?? '';
    const said = ['disk-encrypted=true', 'os-version=26.1', 'os=macos'];
    expect((await sallyport(['devices', 'posture', device, ...said])).code).toBe(0);
    expect(await json('devices', 'posture', device)).toMatchObject({
      posture: [
        { name: 'disk-encrypted', value: true },
        { name: 'os', value: 'macos' },
        { name: 'os-version', value: 26.1 },
      ],
    });
    expect((await sallyport(['devices', 'posture', device, 'nothing'])).code).toBe(2);
    const nowhere = ['devices', 'posture', 'dev_00000000000000000000000000'];
    expect((await sallyport([...nowhere, 'os=macos'])).code).toBe(3);
    expect((await sallyport(nowhere)).code).toBe(3);
  });

  it('revokes, shows it, and lifts it again', async () => {
    const revoked = await sallyport(['revoke', 'user', 'alice@corp.example', '--wait', '--json']);
    expect(revoked.code).toBe(0);
    const { id } = JSON.parse(revoked.stdout) as { id: string };
    expect(await json('revocations', '--active')).toMatchObject({
      items: [{ id, effect: 'block' }],
    });
    expect((await sallyport(['lift', id])).code).toBe(0);
    expect(await json('revocations', '--active')).toMatchObject({ items: [] });
  });

  it('ends with 3 where what is named is not there', async () => {
    for (const command of [
      ['revoke', 'user', 'nobody@corp.example'],
      ['revoke', 'user', 'nobody'],
      ['revoke', 'session', 'ses_00000000000000000000000000'],
      ['revoke', 'service', 'nothing'],
      ['delete', 'user', 'nobody@corp.example'],
      ['delete', 'Route', 'nothing'],
      ['delete', 'group', 'nothing'],
    ]) {
      expect([command, (await sallyport(command)).code]).toEqual([command, 3]);
    }
    const version = await sallyport(['get', 'Route', '--at', '99']);
    expect(version.code).toBe(3);
    expect(version.stderr).toContain('there is no version 99');
  });

  it('deletes a group by its name', async () => {
    expect((await sallyport(['groups', 'create', 'passing'])).code).toBe(0);
    expect((await sallyport(['delete', 'group', 'passing'])).code).toBe(0);
    expect((await sallyport(['groups', 'members', 'passing'])).code).toBe(3);
  });

  it('makes a token that may read and not write', async () => {
    const made = await sallyport(['tokens', 'create', '--role', 'viewer', '--label', 'test']);
    const viewer = { ...env, SALLYPORT_TOKEN_FILE: '', SALLYPORT_TOKEN: made.stdout.trim() };
    expect((await run(['users'], { env: viewer })).code).toBe(0);
    expect((await run(['revoke', 'everyone'], { env: viewer })).code).toBe(4);
    expect((await run(['tokens'], { env: viewer })).code).toBe(4);
  });

  it('repeats a write with the same key without doing it twice', async () => {
    const create = ['groups', 'create', 'twice', '--idempotency-key', 'once-only', '--json'];
    const first = await sallyport(create);
    expect(first.code).toBe(0);
    expect((await sallyport(create)).stdout).toBe(first.stdout);
    const another = ['groups', 'create', 'other', '--idempotency-key', 'once-only'];
    expect((await sallyport(another)).code).toBe(6);
  });

  it('rotates keys with the root key, and with no other', async () => {
    const list = async (): Promise<{ items: { purpose: string; state: string }[] }> =>
      (await json('keys')) as { items: { purpose: string; state: string }[] };
    const before = await list();
    expect(before.items).toHaveLength(11);
    const root = join(home, 'root.key.pem');
    const nothing = await sallyport(['keys', 'rotate', '--root', root]);
    expect([nothing.code, nothing.stdout]).toEqual([0, expect.stringContaining('no key ends')]);
    const rotate = ['keys', 'rotate', '--yes', '--purpose', 'lane-revoke', '--root'];
    expect((await sallyport([...rotate, root])).stdout).toContain('lane-revoke');
    const after = await list();
    const states = after.items.filter(({ purpose }) => purpose === 'lane-revoke');
    expect(states.map(({ state }) => state)).toEqual(['current', 'next', 'next']);
    const other = join(scratch, 'other');
    await run(['init', '--dir', other, '--trust-domain', 'other.example']);
    const foreign = await sallyport([...rotate, join(other, 'root.key.pem')]);
    const file = join(other, 'root.key.pem');
    const words = `sallyport: ${file} is not the root key of this installation\n`;
    expect([foreign.code, foreign.stderr.slice(-words.length)]).toEqual([6, words]);
    for (const none of [join(home, 'admin/server.key.pem'), join(home, 'ca/edge.pem'), 'none']) {
      expect((await sallyport([...rotate, none])).code).toBe(6);
    }
    expect((await sallyport([...rotate.slice(0, 4), 'edge-ca', '--root', root])).code).toBe(2);
    expect(await list()).toEqual(after);
  });

  it('shows what the root key is to vouch for, and signs nothing that nobody has confirmed', async () => {
    const root = join(home, 'root.key.pem');
    const rotate = ['keys', 'rotate', '--purpose', 'lane-config', '--root', root];
    const before = await json('keys');
    const asked = await run(rotate, { env, typed: 'no\n' });
    expect([asked.code, asked.stdout]).toEqual([1, '']);
    expect(asked.stderr).toMatch(/lane-config +\d{4}-.+Z +\d{4}-.+Z +[0-9a-f]{64}/);
    expect((await run(rotate, { env, stdin: 'yes\n' })).code).toBe(2);
    expect((await run([...rotate, '--json'], { env })).code).toBe(2);
    expect(await json('keys')).toEqual(before);
    const signed = await run(rotate, { env, typed: 'yes\n' });
    expect([signed.code, signed.stdout]).toEqual([0, expect.stringContaining('lane-config')]);
  });

  it('withdraws a key, and only after another one can take its place', async () => {
    type Keys = { items: { keyId: string; purpose: string; state: string }[] };
    const current = async (): Promise<string> =>
      ((await json('keys')) as Keys).items.find(
        ({ purpose, state }) => purpose === 'lane-signals' && state === 'current',
      )?.keyId ?? '';
    const keyId = await current();
    const withdraw = ['keys', 'withdraw', keyId, '--reason', 'its host was taken over'];
    expect((await sallyport(withdraw.slice(0, 3))).code).toBe(2);
    for (const nobodys of ['nosuch', 'No Such']) {
      const stderr = `sallyport: there is no key ${nobodys}; see "sallyport keys"\n`;
      const ran = await sallyport(['keys', 'withdraw', nobodys, '--reason', 'a test']);
      expect([ran.code, ran.stderr.split('\n')[0]]).toEqual([3, stderr.trimEnd()]);
    }
    const refused = await sallyport(withdraw);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('rotate --now')]);
    const root = join(home, 'root.key.pem');
    const rotate = [
      'keys',
      'rotate',
      '--now',
      '--yes',
      '--purpose',
      'lane-signals',
      '--root',
      root,
    ];
    expect((await sallyport(rotate)).code).toBe(0);
    expect(await current()).not.toBe(keyId);
    expect(await sallyport(withdraw)).toMatchObject({ code: 0, stdout: `withdrew ${keyId}\n` });
    expect(await json('audit', '--limit', '1')).toMatchObject({
      items: [{ verb: 'withdraw', detail: { reason: 'its host was taken over' } }],
    });
  });

  it('declares a restore when that is confirmed, which ends every session and is in the audit', async () => {
    expect((await sallyport(['declare-restore'])).code).toBe(2);
    const declare = ['declare-restore', '--reason', 'the backup of Sunday'];
    const asked = await run(declare, { env, typed: 'no\n' });
    expect([asked.code, asked.stdout]).toEqual([1, '']);
    expect(asked.stderr).toContain('Everybody will have to sign in again');
    expect((await run(declare, { env, stdin: 'yes\n' })).code).toBe(2);
    expect((await run([...declare, '--json'], { env })).code).toBe(2);
    expect(await json('audit', '--resource', 'epoch')).toMatchObject({ items: [] });
    const said = await run(declare, { env, typed: 'yes\n' });
    expect([said.code, said.stdout]).toEqual([0, expect.stringMatching(/epoch \d{13}\n/)]);
    expect(await json('audit', '--limit', '1')).toMatchObject({
      items: [{ verb: 'raise', resource: 'epoch', detail: { reason: 'the backup of Sunday' } }],
    });
    expect(await json('declare-restore', '--reason', 'again', '--yes')).toHaveProperty('epoch');
  });

  it('lists everything that can be listed', async () => {
    for (const noun of ['users', 'groups', 'devices', 'sessions', 'edges', 'tokens', 'secrets']) {
      expect(await json(noun)).toHaveProperty('items');
    }
    for (const noun of ['revocations', 'versions', 'audit', 'decisions', 'signals']) {
      expect(await json(noun, '--limit', '1')).toHaveProperty('items');
    }
    expect((await sallyport(['edges', 'join-token'])).stdout).toMatch(/^sp_join_[\w-]{43}\n$/);
    expect((await sallyport(['explain', 'nothing'])).code).toBe(3);
  });
});

async function readyLine(child: ChildProcess): Promise<{ readonly admin: string }> {
  if (child.stdout === null) throw new Error('standard output is not a pipe');
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, 'exit').then(() => {
    throw new Error('the control plane ended before it was ready');
  });
  ended.catch(() => undefined);
  const [line] = (await Promise.race([once(lines, 'line'), ended])) as string[];
  return JSON.parse(line ?? '') as { admin: string };
}
