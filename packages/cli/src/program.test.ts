import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { exits } from './exit.ts';
import { type AdminServer, problem, startAdminServer } from './testing/admin-server.ts';
import { run } from './testing/run.ts';

const main = join(import.meta.dirname, 'main.ts');

describe('sallyport', () => {
  let server: AdminServer;
  beforeAll(async () => {
    server = await startAdminServer();
  });
  afterAll(() => server.close());
  beforeEach(() => server.answer(() => ({ status: 200, body: { id: 'rev_1' } })));

  const lift = (env: Record<string, string> = {}, ...more: string[]) =>
    run(['lift', 'rev_1', ...more], { env: { ...server.env, ...env } });

  it('gives no command the options of another one', async () => {
    const env = server.env;
    for (const line of [
      'users create --search foo',
      'users create --status bogus',
      'groups members crew --search foo',
      'devices enrol --limit 5 name',
    ]) {
      const ran = await run(line.split(' '), { env });
      expect([line, ran.code]).toEqual([line, 2]);
      expect(ran.stderr).toContain('unknown option');
    }
    server.answer(() => ({ status: 200, body: { items: [], nextCursor: null } }));
    expect((await run(['users', '--search', 'foo'], { env })).code).toBe(0);
    expect((await run(['users', 'list', '--search', 'foo'], { env })).code).toBe(0);
  });

  it('says of a wrong command line what is wrong, and names the help of that very command', async () => {
    for (const [line, words, help] of [
      ['keys rotate', '--root', 'keys rotate'],
      ['keys withdraw --reason x', 'key-id', 'keys withdraw'],
      ['keys rotate --root f --purpose edge-ca', 'lane-revoke', 'keys rotate'],
      [
        'keys rotate --root f --purpose heartbeat --purpose heartbeat',
        'named twice',
        'keys rotate',
      ],
      ['keys withdraw k --reason=', 'a reason is one line', 'keys withdraw'],
      ['declare-restore --reason=', 'a reason is one line', 'declare-restore'],
      ['revoke everyone --reason=', 'a reason is one line', 'revoke'],
      ['edges join-token --expires-in soon', 'a duration is', 'edges join-token'],
      ['users create ann@corp.example', '--email ann@corp.example', 'users create'],
      ['users --no-such', 'unknown option', 'users'],
    ] as const) {
      const ran = await run(line.split(' '), { env: server.env });
      expect([line, ran.code, ran.stderr]).toEqual([line, 2, expect.stringContaining(words)]);
      expect(ran.stderr).toContain(`(see sallyport ${help} --help)`);
    }
    expect(server.asked).toEqual([]);
  });

  it('refuses the name of a secret before it asks anybody', async () => {
    const ran = await run(['secrets', 'set', 'Foo Bar'], { env: {} });
    expect(ran.code).toBe(6);
    expect(ran.stderr).toContain('Foo Bar is not a name');
  });

  it('runs from any folder and through links, with the Node of the checkout', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-bin-'));
    await symlink(join(import.meta.dirname, '../../../bin/sallyport'), join(folder, 'first'));
    await symlink('first', join(folder, 'second'));
    const { stdout } = await promisify(execFile)(join(folder, 'second'), ['--help'], { cwd: '/' });
    expect(stdout).toContain('Usage: sallyport');
    await rm(folder, { recursive: true });
  });

  describe('exit codes', () => {
    it.each([
      [400, 'invalid_request', 'invalid'],
      [401, 'unauthenticated', 'refused'],
      [403, 'forbidden', 'refused'],
      [404, 'not_found', 'not_found'],
      [409, 'conflict', 'failed'],
      [409, 'approval_required', 'needs_approval'],
      [413, 'payload_too_large', 'invalid'],
      [422, 'invalid_configuration', 'invalid'],
      [429, 'too_many_requests', 'failed'],
      [500, 'internal', 'failed'],
      [503, 'database_unavailable', 'unreachable'],
    ] as const)('are made from what was answered: %i is %s', async (status, code, exit) => {
      server.answer(() => problem(status, code));
      const ran = await lift();
      expect(ran.code).toBe(exits[exit].code);
      expect(ran.stderr).toBe(
        'sallyport: A title: a detail\n  (reference req_0000000000000000000000000a)\n',
      );
      expect(ran.stdout).toBe('');
    });

    it('say that the command line is wrong', async () => {
      for (const argv of [
        ['no-such-command'],
        ['lift'],
        ['lift', 'a', 'b'],
        ['lift', 'a', '--no-such-option'],
        ['revoke', 'planet'],
        ['revoke', 'user'],
        ['revoke', 'everyone', 'x'],
        ['revoke', 'user', 'a', '--expires-in', 'soon'],
        ['lift', 'rev_1', '--idempotency-key', 'a b'],
      ]) {
        const ran = await run(argv, { env: server.env });
        expect([argv, ran.code]).toEqual([argv, 2]);
        expect(ran.stderr).toMatch(/^sallyport: .+\n/);
        expect(ran.stderr).not.toContain('    at ');
      }
      expect(server.asked).toEqual([]);
    });

    it('say that the control plane cannot be reached, and why', async () => {
      const nobody = createServer();
      await new Promise<void>((resolve) => nobody.listen(0, '127.0.0.1', resolve));
      const { port } = nobody.address() as AddressInfo;
      await new Promise<void>((resolve) => nobody.close(() => resolve()));
      const ran = await lift({ SALLYPORT_URL: `https://localhost:${port}` });
      expect(ran.code).toBe(5);
      expect(ran.stderr).toBe(
        `sallyport: cannot reach https://localhost:${port}: nothing listens there (ECONNREFUSED)\n`,
      );
    });

    it('say so too when the certificate is not trusted or for another name', async () => {
      const untrusted = await run(['lift', 'rev_1'], {
        env: { ...server.env, SALLYPORT_CA: '' },
      });
      expect(untrusted.code).toBe(5);
      expect(untrusted.stderr).toContain('name the CA file with --ca');
      const other = await lift({
        SALLYPORT_URL: server.url.replace('localhost', 'other.localhost'),
      });
      expect(other.code).toBe(5);
      expect(other.stderr).toContain('is for another name');
      expect(server.asked).toEqual([]);
    });

    it('are all in the help', async () => {
      const { stdout, code } = await run(['--help']);
      expect(code).toBe(0);
      for (const { code: number, meaning } of Object.values(exits)) {
        expect(stdout).toContain(`  ${number}  ${meaning}`);
      }
    });
  });

  describe('credentials', () => {
    it('come from a file, and only from a file or the environment', async () => {
      const token = (await readFile(join(server.home, 'owner-token'), 'utf8')).trim();
      await lift();
      expect(server.asked[0]?.headers['authorization']).toBe(`Bearer ${token}`);
      expect((await lift({}, '--token', token)).code).toBe(2);
      const none = await lift({ SALLYPORT_TOKEN_FILE: '' });
      expect(none.code).toBe(4);
      expect(none.stderr).toContain('--token-file');
      expect((await lift({ SALLYPORT_TOKEN_FILE: '', SALLYPORT_TOKEN: token })).code).toBe(0);
    });

    it('are never sent in clear text, and never to another path', async () => {
      for (const url of ['http://localhost:1', 'https://u:p@localhost', 'https://localhost/api']) {
        expect((await lift({ SALLYPORT_URL: url })).code).toBe(2);
      }
    });

    it('that are no token of the admin API are not sent at all', async () => {
      const ran = await lift({ SALLYPORT_TOKEN_FILE: '', SALLYPORT_TOKEN: 'sp_join_x' });
      expect(ran.code).toBe(4);
      expect(ran.stderr).not.toContain('sp_join_x');
      expect(server.asked).toEqual([]);
    });

    it('in a file that others can read bring a warning', async () => {
      const file = join(server.home, 'loose-token');
      await writeFile(file, await readFile(join(server.home, 'owner-token')));
      await chmod(file, 0o644);
      const ran = await lift({}, '--token-file', file);
      expect(ran.code).toBe(0);
      expect(ran.stderr).toContain('chmod 600');
    });
  });

  describe('with --json', () => {
    it('puts a failure on standard error as one JSON object and leaves standard output empty', async () => {
      server.answer(() =>
        problem(422, 'invalid_request', { errors: [{ field: '/a', message: 'b' }] }),
      );
      const ran = await lift({}, '--json');
      expect(ran.stdout).toBe('');
      expect(JSON.parse(ran.stderr)).toEqual({
        error: {
          exit: 'invalid',
          exitCode: 6,
          code: 'invalid_request',
          message: 'A title: a detail',
          problems: [{ field: '/a', message: 'b' }],
          correlationId: 'req_0000000000000000000000000a',
        },
      });
      const usage = await run(['revoke', 'planet', '--json']);
      expect(JSON.parse(usage.stderr)).toMatchObject({ error: { exit: 'usage' } });
    });
  });

  it('shows control characters of an answer as escapes, not to the terminal', async () => {
    server.answer(() => problem(409, 'conflict', { detail: 'a\u001b[2Jb\u0007\u202ec\u009b' }));
    const { stderr } = await lift();
    expect(stderr).toContain('a\\u001b[2Jb\\u0007\\u202ec\\u009b');
  });

  it('makes nothing of an answer that is not JSON', async () => {
    server.answer(() => ({ status: 502 }));
    const ran = await lift();
    expect(ran.code).toBe(5);
    expect(ran.stderr).toContain('answered 502');
  });

  it('does not follow a redirect, so that the token stays with its server', async () => {
    server.answer(() => ({ status: 307, headers: { location: 'https://localhost:1/' } }));
    const ran = await lift();
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('answered 307');
  });

  it('uses the idempotency key that it is given', async () => {
    await lift({}, '--idempotency-key', 'job-2026-11-22');
    expect(server.asked[0]?.headers['idempotency-key']).toBe('job-2026-11-22');
  });

  it('runs as a process of its own, and ends with the same codes', async () => {
    const started = await promisify(execFile)(process.execPath, [main, '--help']);
    expect(started.stdout).toContain('Usage: sallyport');
    const failed: unknown = await promisify(execFile)(process.execPath, [main, 'lift', 'x'], {
      env: { SALLYPORT_URL: 'https://localhost:1' },
    }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 4, stdout: '' });
    expect((failed as { stderr: string }).stderr).toMatch(/^sallyport: no token[^\n]+\n$/);
  });
});
