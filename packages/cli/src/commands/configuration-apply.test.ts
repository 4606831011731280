import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AdminServer, problem, startAdminServer } from '../testing/admin-server.ts';
import { run } from '../testing/run.ts';

const policy = (name: string) => `apiVersion: sallyport.dev/v1
kind: Policy
metadata: { name: ${name} }
spec:
  allow:
    - name: staff
      groups: [employees]
`;

describe('sallyport apply', () => {
  let server: AdminServer;
  let dir: string;
  beforeAll(async () => {
    server = await startAdminServer();
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sallyport-apply-'));
    server.answer(() => ({
      status: 201,
      body: { version: 7, changed: [{ kind: 'Policy', name: 'staff', change: 'created' }] },
    }));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  const file = async (name: string, text: string): Promise<string> => {
    const path = join(dir, name);
    await writeFile(path, text);
    return path;
  };
  const apply = (...argv: string[]) => run(['apply', ...argv], { env: server.env });

  it('sends the documents and tells the new version', async () => {
    const ran = await apply('-f', await file('a.yaml', policy('staff')), '-m', 'why', '--prune');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toContain('version 7');
    const [asked] = server.asked;
    expect(asked).toMatchObject({ method: 'POST', path: '/v1/config:apply' });
    expect(asked?.body).toMatchObject({
      message: 'why',
      prune: true,
      documents: [{ kind: 'Policy', metadata: { name: 'staff' } }],
    });
    expect(asked?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('reads all files below a folder in one order, and leaves hidden ones out', async () => {
    await mkdir(join(dir, 'sub'));
    await mkdir(join(dir, '.git'));
    await file('b.yml', policy('b'));
    await file('sub/a.json', '[]');
    await file('a.yaml', `${policy('a')}---\n${policy('a2')}`);
    await file('.git/c.yaml', policy('hidden'));
    await file('notes.txt', 'not a document');
    await apply('-f', dir);
    expect(server.asked[0]?.body).toMatchObject({
      documents: ['a', 'a2', 'b'].map((name) => ({ metadata: { name } })),
    });
  });

  it('reads a file once, however often it is named', async () => {
    const path = await file('a.yaml', policy('a'));
    await apply('-f', dir, '-f', path, '-f', join(dir, '.', 'a.yaml'));
    expect(server.asked[0]?.body).toMatchObject({ documents: [{ metadata: { name: 'a' } }] });
  });

  it('reads standard input for -', async () => {
    const ran = await run(['apply', '-f', '-'], { env: server.env, stdin: policy('staff') });
    expect(ran.code).toBe(0);
  });

  it('names file, line and column of broken YAML and of wrong fields, and sends nothing', async () => {
    const broken = await file('broken.yaml', 'apiVersion: sallyport.dev/v1\nkind: [Policy\n');
    const wrong = await file('wrong.yaml', policy('staff').replace('groups:', 'group:'));
    const ran = await apply('-f', broken, '-f', wrong);
    expect(ran.code).toBe(6);
    expect(ran.stdout).toBe('');
    expect(ran.stderr).toMatch(/broken\.yaml:[23]:\d+/);
    expect(ran.stderr).toContain(`${wrong}:7:7`);
    expect(server.asked).toEqual([]);
  });

  it('puts the problems that the control plane finds at their lines', async () => {
    server.answer(() =>
      problem(422, 'invalid_configuration', {
        errors: [
          { field: 'Policy/staff /spec/allow/0/groups', message: 'by name' },
          { field: '/documents/0/metadata/name', message: 'by place' },
          { field: 'Route/elsewhere /spec/policies/0', message: 'of another document' },
        ],
      }),
    );
    const path = await file('a.yaml', policy('staff'));
    const ran = await apply('-f', path);
    expect(ran.code).toBe(6);
    expect(ran.stderr).toContain(`${path}:7:7 Policy/staff /spec/allow/0/groups: by name`);
    expect(ran.stderr).toContain(`${path}:3:13 Policy/staff /metadata/name: by place`);
    expect(ran.stderr).toContain('Route/elsewhere /spec/policies/0: of another document');
  });

  it('refuses a file that is not there, an empty folder and empty input', async () => {
    for (const argv of [
      ['-f', join(dir, 'none.yaml')],
      ['-f', dir],
      ['-f', await file('empty.yaml', '---\n')],
    ]) {
      expect((await apply(...argv)).code).toBe(6);
    }
    expect(server.asked).toEqual([]);
  });

  it('says that a dry run changed nothing', async () => {
    const changed = [{ kind: 'Policy', name: 'staff', change: 'created' }];
    server.answer(() => ({ status: 200, body: { version: 7, changed, dryRun: true } }));
    const ran = await apply('-f', await file('a.yaml', policy('staff')), '--dry-run');
    expect(ran.stdout).toContain('nothing was applied');
    expect(server.asked[0]?.body).toMatchObject({ dryRun: true });
  });
});
