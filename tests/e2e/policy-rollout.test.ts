import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  ConfigurationDocument,
  SettingsDocument,
} from '@sallyport/shared/configuration/documents';
import { type AdminApi, Browser, type Stack, startStack } from '@sallyport/stack';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EdgeRow, Position } from '../support/admin.ts';
import { json, openAdmin, pageOn, userOf } from '../support/cast.ts';
import { sallyport } from '../support/command-line.ts';
import { until } from '../support/until.ts';

/**
 * A policy from edit to rollback, by the command line, on a stack of two edges of which the first
 * is the canary. Each step goes on from the one before.
 */

/** Long enough that only a person or a gate moves a rollout on. */
const bake = '10m';
const shortBakeMs = 2_000;
const denialsMin = 10;
const names = ['alice', 'carol', 'adam'] as const;
type Name = (typeof names)[number];

let stack: Stack;
let api: AdminApi;
let dir: string;
let people: Record<Name, Browser>;
/** On a known device, and not signed in. */
let anybody: Browser;
/** Numbers of the versions, by what they are. */
const versions = { first: 0, withoutContractors: 0, withOpenPage: 0, bad: 0 };
const times: string[] = [];

beforeAll(async () => {
  stack = await startStack({ edges: 2 });
  api = await openAdmin(stack.description);
  dir = await mkdtemp(join(tmpdir(), 'sallyport-policy-'));
  const [alice, carol, adam] = await Promise.all(names.map(signedIn));
  if (alice === undefined || carol === undefined || adam === undefined) throw new Error('nobody');
  people = { alice, carol, adam };
  anybody = await Browser.open(stack.description, userOf(stack.description, 'carol').device);
});
afterAll(async () => {
  console.log(['policy, from edit to rollback:', ...times].join('\n  '));
  await Promise.all([...Object.values(people ?? {}), anybody].map((browser) => browser?.close()));
  await api?.close();
  await stack?.stop();
  await rm(dir, { recursive: true, force: true });
});

async function signedIn(name: Name): Promise<Browser> {
  const user = userOf(stack.description, name);
  const browser = await Browser.open(stack.description, user.device);
  const answer = await browser.signIn(pageOn(stack.description, '/'), user);
  expect(answer.status, answer.text).toBe(200);
  return browser;
}

function took(what: string, ms: number): void {
  times.push(`${what}: ${(ms / 1000).toFixed(2)} s`);
}

const command = (...argv: readonly string[]) => sallyport(stack.description, ...argv);

/** The command's result; it must succeed. */
async function result<T>(...argv: readonly string[]): Promise<T & { readonly tookMs: number }> {
  const ran = await command(...argv, '--json');
  expect([ran.code, ran.stderr]).toEqual([0, '']);
  return { ...(JSON.parse(ran.stdout) as T), tookMs: ran.tookMs };
}

interface PolicyParts {
  readonly groups: readonly string[];
  /** What the test of the document expects of a contractor. */
  readonly contractor: 'permit' | 'deny';
  /** One page that needs no sign-in. */
  readonly open?: boolean;
}

/** The policy of the wiki, as somebody would write it. */
async function policyFile(
  name: string,
  { groups, contractor, open }: PolicyParts,
): Promise<string> {
  const file = join(dir, `${name}.yaml`);
  await writeFile(
    file,
    `apiVersion: sallyport.dev/v1
kind: Policy
metadata:
  name: staff-on-known-devices
  owner: security@corp.localhost
spec:
  allow:
    - name: staff
      groups: [${groups.join(', ')}]
      device: { known: true }
${open === true ? '    - { name: open-page, anonymous: true, paths: [/headers] }\n' : ''}  tests:
    - name: a contractor reads the wiki
      request: { url: https://wiki.corp.localhost/ }
      user: { email: carol@corp.localhost, groups: [contractors] }
      device: {}
      expect: { outcome: ${contractor} }
`,
  );
  return file;
}

type RolloutSettings = NonNullable<SettingsDocument['spec']['rollout']>;

/** The stack's own settings, with a canary ring and gates. */
async function settingsWith(
  canaryBake: string,
  more: Pick<RolloutSettings, 'blastRadius'> = {},
): Promise<SettingsDocument> {
  const { documents } = await api.get<{ documents: ConfigurationDocument[] }>('/v1/config');
  const settings = documents.find((one): one is SettingsDocument => one.kind === 'Settings');
  if (settings === undefined) throw new Error('the stack has no settings');
  const rollout = {
    rings: [{ name: 'canary', edges: { matchLabels: { ring: 'canary' } }, bake: canaryBake }],
    gates: { denialRateFactor: 2, denialsMin },
    ...more,
  };
  return { ...settings, spec: { ...settings.spec, rollout } };
}

async function settingsFile(): Promise<string> {
  const file = join(dir, 'settings.json');
  await writeFile(file, JSON.stringify(await settingsWith(bake)));
  return file;
}

/** Waits until every edge decides by the configuration at this position. */
async function enforcedEverywhere(position: Position): Promise<number> {
  const { tookMs } = await until('every edge enforces it', async () => {
    const { items } = await api.get<{ items: EdgeRow[] }>('/v1/edges');
    return items.every(({ lanes }) => (lanes['config']?.enforced?.rev ?? 0) >= position.rev);
  });
  return tookMs;
}

/** Status of a page of the wiki on each edge. */
async function statuses(browser: Browser, path = '/'): Promise<readonly number[]> {
  const answers = stack.description.edges.map((_, edge) =>
    browser.ask(pageOn(stack.description, path, { edge }), { headers: json }),
  );
  return (await Promise.all(answers)).map(({ status }) => status);
}

interface Applied {
  readonly version: number;
  readonly state: string;
  readonly position: Position;
}

interface Rollout {
  readonly id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly stage: { readonly ring: string; readonly enforcedAt: string | null } | null;
  readonly rings: readonly { readonly name: string; readonly state: string }[];
}

interface AuditRow {
  readonly verb: string;
  readonly at: string;
  readonly actor: { readonly kind: string };
}

interface Report {
  readonly lost: {
    readonly requests: number;
    readonly byUser: readonly { readonly email: string; readonly examples: readonly string[] }[];
  };
  readonly gained: { readonly requests: number };
}

/** Asked of the API where it is asked again and again: a process is slow to start. */
async function newestRollout(): Promise<Rollout> {
  const { items } = await api.get<{ items: Rollout[] }>('/v1/rollouts?limit=1');
  const [newest] = items;
  if (newest === undefined) throw new Error('there is no rollout');
  return newest;
}

describe('a change of the policy', () => {
  it('is applied as a version, which both edges enforce', async () => {
    const policy = await policyFile('first', {
      groups: ['employees', 'contractors'],
      contractor: 'permit',
    });
    const files = ['-f', policy, '-f', await settingsFile()];
    took('for comparison, a command that asks nobody', (await command('--help')).tookMs);
    const applied = await result<Applied>('apply', ...files, '-m', 'rings, and tests of the wiki');
    took('apply, the command', applied.tookMs);
    took('  and then until both edges enforce it', await enforcedEverywhere(applied.position));
    expect(applied.state).toBe('released');
    versions.first = applied.version;
    for (const name of names)
      expect([name, await statuses(people[name])]).toEqual([name, [200, 200]]);
  });

  it('is refused when a test in the documents fails, and nothing changes', async () => {
    const file = await policyFile('failing', { groups: ['employees'], contractor: 'permit' });
    const offline = await command('policy', 'test', file);
    expect(offline.code).toBe(6);
    const refused = await command('apply', '-f', file);
    took('apply with a failing test, the command', refused.tookMs);
    expect(refused.code).toBe(6);
    for (const said of [offline.stdout, refused.stderr]) {
      expect(said).toMatch(/failing\.yaml:\d+:\d+/);
      expect(said).toContain('a contractor reads the wiki');
      expect(said).toContain('expected permit, got deny');
    }
    const { version } = await api.get<{ version: number }>('/v1/config');
    expect(version).toBe(versions.first);
    expect(await statuses(people.carol)).toEqual([200, 200]);
  });

  it('shows in a shadow the one user who would lose access, who notices nothing', async () => {
    const file = await policyFile('shadow', { groups: ['employees'], contractor: 'deny' });
    const candidate = await result<Applied>('apply', '-f', file, '--candidate');
    expect(candidate.state).toBe('candidate');
    versions.withoutContractors = candidate.version;
    const number = String(candidate.version);
    const shadow = await result<{ position: Position }>('policy', 'shadow', 'start', number);
    await enforcedEverywhere(shadow.position);
    for (const name of names) expect(await statuses(people[name])).toEqual([200, 200]);

    const { tookMs } = await until('both requests are in the report', async () => {
      const found = await api.get<Report>('/v1/shadow/report');
      return found.lost.requests === 2;
    });
    took('shadow, from the requests to the report', tookMs);
    const { lost, gained } = await result<Report>('policy', 'shadow', 'report');
    expect(lost.byUser.map(({ email }) => email)).toEqual(['carol@corp.localhost']);
    expect([lost.requests, gained.requests]).toEqual([2, 0]);
    const example = lost.byUser[0]?.examples[0] ?? '';
    expect((await command('explain', example)).stdout).toContain('in its shadow, DENY');

    const replay = await result<Report>('policy', 'replay', '--version', number, '--route', 'wiki');
    took('replay of all requests so far, the command', replay.tookMs);
    expect(replay.lost.byUser.map(({ email }) => email)).toEqual(['carol@corp.localhost']);
    expect((await command('policy', 'shadow', 'stop')).code).toBe(0);
  });

  it('goes to the canary, the first edge of two, and on to the other when it is promoted', async () => {
    const file = await policyFile('open', {
      groups: ['employees', 'contractors'],
      contractor: 'permit',
      open: true,
    });
    expect(await statuses(anybody, '/headers')).toEqual([401, 401]);
    const staged = await result<Applied & { rollout: Rollout }>('apply', '-f', file, '--staged');
    versions.withOpenPage = staged.version;
    const canary = await until('the canary enforces it', async () => {
      return (await statuses(anybody, '/headers'))[0] === 200;
    });
    took('staged, from the start of the command to the canary', staged.tookMs + canary.tookMs);
    await until('it bakes', async () => (await newestRollout()).stage?.enforcedAt ?? null);
    const status = await result<Rollout>('rollout', 'status');
    expect(status).toMatchObject({ state: 'running', stage: { ring: 'canary' } });
    expect(await statuses(anybody, '/headers')).toEqual([200, 401]);

    const promoted = await result<Rollout>('rollout', 'promote');
    const rest = await until('the other edge has it', async () => {
      return (await statuses(anybody, '/headers'))[1] === 200;
    });
    took('promote, from the start of the command to the other edge', promoted.tookMs + rest.tookMs);
    await until('the rollout is done', async () => (await newestRollout()).state === 'done');
  });

  it('is rolled back by its gate when the canary denies more than the other edge', async () => {
    const file = await policyFile('bad', { groups: ['nobody-is-in-it'], contractor: 'deny' });
    const staged = await result<Applied & { rollout: Rollout }>('apply', '-f', file, '--staged');
    const startedAt = performance.now();
    versions.bad = staged.version;
    const seen: (readonly number[])[] = [];
    const { value } = await until(
      'the gate has taken it back',
      async () => {
        for (const name of names) seen.push(await statuses(people[name]));
        const found = await newestRollout();
        return found.state === 'rolled_back' ? found : null;
      },
      { everyMs: 100 },
    );
    took(
      'bad version, from its release to the rollback by the gate',
      performance.now() - startedAt,
    );
    expect(value.reason).toContain('denial-rate');
    const [onCanary, onOther] = [0, 1].map((edge) => seen.map((both) => both[edge]));
    expect(onCanary?.filter((one) => one === 403).length).toBeGreaterThanOrEqual(denialsMin);
    expect(new Set(onOther)).toEqual(new Set([200]));
    const back = await until('the canary lets people in again', async () => {
      return (await statuses(people.alice))[0] === 200;
    });
    took('  and then until the canary lets in again', back.tookMs);
    const history = await command('policy', 'history');
    expect(history.stdout).toMatch(new RegExp(`^${versions.bad} +rolled_back`, 'm'));
    expect(history.stdout).toMatch(new RegExp(`^${versions.withOpenPage} +live`, 'm'));
  });

  it('is rolled back by hand, with one command, everywhere at once', async () => {
    const to = String(versions.first);
    const back = await result<Applied>('policy', 'rollback', to, '-m', 'the page is not for all');
    took('rollback by hand, the command', back.tookMs);
    took('  and then until both edges enforce it', await enforcedEverywhere(back.position));
    expect(await statuses(anybody, '/headers')).toEqual([401, 401]);
    expect(await statuses(people.carol)).toEqual([200, 200]);
    const diff = await command('policy', 'diff', to, String(back.version));
    expect(diff.stdout).toBe('nothing differs\n');
    const undone = await command('policy', 'diff', String(back.version));
    expect(undone.stdout).toMatch(/^-.*open-page/m);
  });

  it('goes on to the next ring by itself when its bake is over', async () => {
    // One in three users is more than a quarter: that holds for the versions after this one.
    const settings = await settingsWith(`${shortBakeMs / 1000}s`, {
      blastRadius: { usersShare: 0.25, window: '1h' },
    });
    const { body } = await api.post<Applied>('/v1/config:apply', { documents: [settings] });
    await enforcedEverywhere(body.position);
    const file = await policyFile('open-again', {
      groups: ['employees', 'contractors'],
      contractor: 'permit',
      open: true,
    });
    const staged = await result<Applied & { rollout: Rollout }>('apply', '-f', file, '--staged');
    const { value, tookMs } = await until('the rollout has ended', async () => {
      const found = await newestRollout();
      return found.stage === null ? found : null;
    });
    took('staged with a bake of 2 s, from the command to both edges', staged.tookMs + tookMs);
    expect(value).toMatchObject({ id: staged.rollout.id, state: 'done' });
    expect(value.rings.map(({ name, state }) => [name, state])).toEqual([
      ['canary', 'done'],
      ['default', 'done'],
    ]);
    expect(await statuses(anybody, '/headers')).toEqual([200, 200]);
    const { items } = await api.get<{ items: AuditRow[] }>('/v1/audit?resource=rollout&limit=5');
    const [baked, promoted] = items.toReversed().slice(1);
    expect([baked, promoted]).toMatchObject([
      { verb: 'bake', actor: { kind: 'system' } },
      { verb: 'promote', actor: { kind: 'system' } },
    ]);
    const bakedMs = Date.parse(promoted?.at ?? '') - Date.parse(baked?.at ?? '');
    expect(bakedMs).toBeGreaterThanOrEqual(shortBakeMs);
  });

  it('that takes access from too many is meant by one person and approved by another', async () => {
    const { version: live } = await api.get<{ version: number }>('/v1/config');
    const parts = { groups: ['employees'], contractor: 'deny', open: true } as const;
    const file = await policyFile('without-contractors', parts);
    const refused = await command('apply', '-f', file);
    took('apply that takes access from one user of three, refused, the command', refused.tookMs);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('1 of 3 active users would lose access');
    expect(refused.stderr).toContain('carol@corp.localhost');
    expect((await api.get<{ version: number }>('/v1/config')).version).toBe(live);

    const confirmed = await command('apply', '-f', file, '--confirm', '--json');
    expect(confirmed.code).toBe(8);
    const { version, state } = JSON.parse(confirmed.stdout) as Applied;
    expect(state).toBe('proposed');
    const approve = `/v1/config/versions/${version}/approve`;
    await expect(api.post(approve, {})).rejects.toThrow('somebody else than its author');
    expect(await statuses(people.carol)).toEqual([200, 200]);

    const { tokens } = stack.description;
    const other = { ...stack.description, tokens: { ...tokens, owner: tokens.policyAdmin } };
    const approved = await sallyport(other, 'policy', 'approve', String(version), '--json');
    expect([approved.code, approved.stderr]).toEqual([0, '']);
    took('approval by another person, the command', approved.tookMs);
    const { position } = JSON.parse(approved.stdout) as Applied;
    took('  and then until both edges enforce it', await enforcedEverywhere(position));
    expect(await statuses(people.carol)).toEqual([403, 403]);
    expect(await statuses(people.alice)).toEqual([200, 200]);
  });
});
