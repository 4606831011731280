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
    const earlier = await sallyport(['get', 'config', '--at', '1', '-o', 'yaml']);
    const back = await sallyport(['apply', '-f', '-', '--prune'], earlier.stdout);
    expect(back.stdout).toContain('version 3');
    expect((await sallyport(['get', 'route', 'wiki'])).code).toBe(0);
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
    for (const noun of ['revocations', 'versions', 'audit', 'decisions']) {
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
