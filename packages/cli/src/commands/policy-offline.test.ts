import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../testing/run.ts';

const set = `apiVersion: sallyport.dev/v1
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
    - name: contractors
      groups: [contractors]
      device: { managed: true }
  tests:
    - name: an employee reads
      request: { url: https://wiki.corp.example/ }
      user: { email: alice@corp.example, groups: [employees] }
      device: { managed: true }
      expect: { outcome: permit, rule: allow/employees }
`;
/** No commands of this file need one. */
const env = {};

describe('sallyport policy test', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sallyport-policy-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  const test = async (text: string, ...more: string[]) => {
    const file = join(dir, 'set.yaml');
    await writeFile(file, text);
    return { file, ...(await run(['policy', 'test', file, ...more], { env })) };
  };

  it('runs the tests of documents without a control plane and without a token', async () => {
    const ran = await test(set);
    expect(ran).toMatchObject({ code: 0, stderr: '', stdout: '1 passed, 0 failed\n' });
    const piped = await run(['policy', 'test', '-'], { env, stdin: set });
    expect(piped.stdout).toBe('1 passed, 0 failed\n');
  });

  it('names document, test, place, what was expected and what came, and ends with 6', async () => {
    const ran = await test(set.replace('outcome: permit', 'outcome: deny'));
    expect(ran.code).toBe(6);
    expect(ran.stdout).toContain(`FAILS  Policy/staff: an employee reads  (${ran.file}:34:7)`);
    expect(ran.stdout).toContain('expected deny, got permit');
    expect(ran.stdout).toContain('0 passed, 1 failed');
    expect(ran.stdout).not.toMatch(/route +wiki/);
  });

  it('shows the steps of a test that fails with --trace', async () => {
    const ran = await test(set.replace('outcome: permit', 'outcome: deny'), '--trace');
    expect(ran.stdout).toMatch(/route +wiki +matches/);
    expect(ran.stdout).toMatch(/allow +staff\/allow\/employees +true/);
  });

  it('lists the rules that no test notices with --coverage', async () => {
    const ran = await test(set, '--coverage');
    expect(ran.stdout).toMatch(/staff\/allow\/employees +1\n/);
    expect(ran.stdout).toMatch(/staff\/allow\/contractors +NONE\n/);
    expect(ran.stdout).toContain('1 of 2 rules apply in a test');
    const json = await test(set, '--coverage', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({
      passed: 1,
      failed: 0,
      coverage: [{ rule: 'staff/allow/contractors', tests: [] }, { tests: [expect.any(String)] }],
    });
  });

  it('says at their lines what keeps the documents from being tested', async () => {
    const unknown = await test(
      set.replace('groups: [employees]\n    -', 'grups: [employees]\n    -'),
    );
    expect([unknown.code, unknown.stderr]).toEqual([6, expect.stringContaining('set.yaml:29:7')]);
    const missing = await test(set.replace('policies: [staff]', 'policies: [stuff]'));
    expect(missing.code).toBe(6);
    expect(missing.stderr).toMatch(/set\.yaml:20:14 Route\/wiki \/spec\/policies\/0: .*stuff/);
    expect(missing.stdout).toBe('');
  });

  it('says that a policy alone has no routes to be tested on', async () => {
    const ran = await test(set.slice(set.lastIndexOf('apiVersion')));
    expect([ran.code, ran.stderr]).toEqual([
      6,
      expect.stringContaining('there is no Route and no Settings among these documents'),
    ]);
    const linted = await run(['policy', 'lint', ran.file], { env });
    expect(linted.stderr).toContain('there is no Route and no Settings among these documents');
  });

  it('names both places of a document that stands there twice', async () => {
    const other = join(dir, 'other.yaml');
    await writeFile(other, set.slice(set.indexOf('apiVersion', 1)));
    const ran = await test(set, other);
    expect(ran.code).toBe(6);
    const twice = `${other}:\\d+:1 Policy/staff: stands at ${ran.file}:\\d+:1 already`;
    expect(ran.stderr).toMatch(new RegExp(twice));
    expect(ran.stderr).not.toContain('two policies');
  });

  it('refuses to run on nothing', async () => {
    expect((await run(['policy', 'test'], { env })).code).toBe(2);
    expect((await run(['policy', 'test', '-'], { env, stdin: '' })).code).toBe(6);
  });
});

describe('sallyport policy lint', () => {
  const lint = (text: string, ...more: string[]) =>
    run(['policy', 'lint', '-', ...more], { env, stdin: text });

  it('says nothing of a set that is as it should be', async () => {
    expect(await lint(set, '--strict')).toMatchObject({ code: 0, stdout: 'nothing found\n' });
  });

  it('names place, finding and its code, and ends with 6 only where it is strict', async () => {
    const shadowed = set.replace(
      '  tests:',
      '    - name: again\n      groups: [employees]\n      methods: [GET]\n  tests:',
    );
    const ran = await lint(shadowed);
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(/^<stdin>:33:7 Policy\/staff \/spec\/allow\/2: .+ \(shadowed\)$/m);
    expect((await lint(shadowed, '--strict')).code).toBe(6);
    const json = await lint(shadowed, '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({
      findings: [{ code: 'shadowed', document: 'Policy/staff', place: '<stdin>:33:7' }],
    });
  });

  it('does not judge documents that do not hold together', async () => {
    const ran = await lint(set.replace('policies: [staff]', 'policies: [stuff]'));
    expect([ran.code, ran.stdout]).toEqual([6, '']);
    expect(ran.stderr).toContain('<stdin>:20:14');
  });
});

describe('sallyport schema', () => {
  it('prints the schema that is published', async () => {
    const published = join(import.meta.dirname, '../../../../docs/schema/sallyport.dev-v1.json');
    const ran = await run(['schema'], { env });
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toBe(await readFile(published, 'utf8'));
  });
});
