import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AccessRecord } from '@sallyport/shared/access-record';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { writeCityMmdb } from '@sallyport/shared/testing/mmdb';
import { type AdminApi, Browser, type Stack, startStack } from '@sallyport/stack';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { json, openAdmin, pageOn, userOf } from '../support/cast.ts';
import { until } from '../support/until.ts';

/** One cookie on two continents, by edges that see addresses through the stack's front proxy. */

const hamburg = '198.51.100.7';
const tokyo = '203.0.113.7';
const places = writeCityMmdb([
  { network: '198.51.100.0/24', country: 'DE', region: 'Hamburg', latitude: 53.55, longitude: 10 },
  { network: '203.0.113.0/24', country: 'JP', region: 'Tokyo', latitude: 35.68, longitude: 139.7 },
]);
const told: (readonly [string, string])[] = [];
const milliseconds = (from: number, to: number) => `${(to - from).toFixed(0)} ms`;

let folder: string;
let stack: Stack;
let api: AdminApi;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-places-'));
  const file = join(folder, 'city.mmdb');
  await writeFile(file, places);
  stack = await startStack({ edges: 2, edgeEnvironment: { SALLYPORT_PLACES_CITY_FILES: file } });
  api = await openAdmin(stack.description);
});
afterAll(async () => {
  await api?.close();
  await stack?.stop();
  await rm(folder, { recursive: true, force: true });
  if (told.length === 0) return;
  console.info('\nOne cookie on two continents: what was measured');
  for (const [what, value] of told) console.info(`  ${what.padEnd(68)}${value}`);
});

interface Finding {
  readonly id: string;
  readonly detector: string;
  readonly userEmail: string;
  readonly reason: string;
  readonly evidence: {
    readonly event: string;
    readonly correlationId: string;
    readonly here: { country: string };
  };
  readonly revocationId: string | null;
}

const findingsOf = async (email: string): Promise<readonly Finding[]> => {
  const { items } = await api.get<{ items: Finding[] }>(
    `/v1/signals?detector=impossible-travel&user=${encodeURIComponent(email)}`,
  );
  return items;
};

interface EdgeItem {
  readonly lanes: { readonly config: { readonly enforced: { readonly rev: number } | null } };
}

/** Applies documents in place of those of their names, and waits until both edges enforce them. */
async function apply(change: (documents: ConfigurationDocument[]) => ConfigurationDocument[]) {
  const revisions = async () => {
    const { items } = await api.get<{ items: EdgeItem[] }>('/v1/edges');
    return items.map(({ lanes }) => lanes.config.enforced?.rev ?? 0);
  };
  const before = Math.max(...(await revisions()));
  const { documents } = await api.get<{ documents: ConfigurationDocument[] }>('/v1/config');
  await api.post('/v1/config:apply', { documents: change(documents) });
  await until('both edges enforce the version', async () =>
    (await revisions()).every((rev) => rev > before),
  );
}

/** A person who was just seen in Hamburg, by everybody, and the same cookies in Tokyo. */
async function travellerNamed(name: string, path = '/') {
  const user = userOf(stack.description, name);
  const from = (address: string, jar?: Browser['jar']) =>
    Browser.open(stack.description, user.device, jar, { stack: stack.description, address });
  const home = await from(hamburg);
  const away = await from(tokyo, home.jar);
  expect((await home.signIn(pageOn(stack.description, path), user)).status).toBe(200);
  const { items } = await api.get<{ items: { id: string; email: string }[] }>(
    `/v1/users?search=${encodeURIComponent(user.email)}`,
  );
  const id = items.find(({ email }) => email === user.email)?.id ?? '';
  await until('everybody knows that they are in Germany', async () => {
    await home.ask(pageOn(stack.description, path), { headers: json });
    const risk = await api.get<{ lastPlace: { country: string } | null }>(`/v1/users/${id}/risk`);
    return risk.lastPlace?.country === 'DE';
  });
  return {
    user,
    close: () => Promise.all([home.close(), away.close()]),
    atHome: () => home.ask(pageOn(stack.description, path, { edge: 0 }), { headers: json }),
    abroad: () => away.ask(pageOn(stack.description, path, { edge: 1 }), { headers: json }),
  };
}

it('is refused by policy where it cannot be, and the finding and the record say so', async () => {
  await apply((documents) => [
    ...documents
      .filter(({ kind, metadata }) => kind === 'Route' && metadata.name === 'wiki')
      .map((route) =>
        route.kind === 'Route'
          ? { ...route, spec: { ...route.spec, policies: [...route.spec.policies, 'places'] } }
          : route,
      ),
    {
      apiVersion: 'sallyport.dev/v1',
      kind: 'Policy',
      metadata: { name: 'places' },
      spec: { deny: [{ name: 'impossible', risk: { signals: ['impossible-travel'] } }] },
    },
  ]);
  const alice = await travellerNamed('alice');
  expect((await alice.atHome()).status).toBe(200);

  const sentAt = performance.now();
  let refused = await alice.abroad();
  const answeredAt = performance.now();
  const first = refused.status;
  await until('the second edge refuses', async () => {
    if (refused.status !== 403) refused = await alice.abroad();
    return refused.status === 403;
  });
  expect(JSON.parse(refused.text)).toMatchObject({ code: 'rule_denied' });
  told.push([
    `the request from Tokyo is answered with ${first} after`,
    milliseconds(sentAt, answeredAt),
  ]);

  let findings: readonly Finding[] = [];
  await until('the finding is there', async () => {
    findings = await findingsOf(alice.user.email);
    return findings.length > 0;
  });
  told.push([
    'from its sending until the finding can be read',
    milliseconds(sentAt, performance.now()),
  ]);
  expect(findings).toHaveLength(1);
  expect(findings[0]).toMatchObject({ evidence: { here: { country: 'JP' } }, revocationId: null });

  await until('the first edge refuses too', async () => (await alice.atHome()).status === 403);
  told.push([
    'and until the first edge refuses the same session',
    milliseconds(sentAt, performance.now()),
  ]);

  const id = refused.headers['sallyport-request-id'];
  await until('the record is there', async () => {
    const { items } = await api.get<{ items: AccessRecord[] }>('/v1/decisions?outcome=deny');
    const record = items.find(({ correlationId }) => correlationId === id);
    if (record === undefined) return false;
    expect(record).toMatchObject({
      sourceAddress: tokyo,
      outcome: 'deny',
      facts: { place: { country: 'JP' }, risk: { signals: ['impossible-travel'] } },
    });
    return true;
  });

  const [{ id: finding }] = findings as readonly [Finding];
  await api.post(`/v1/signals/${finding}/dismiss`, { reason: 'she was on the telephone' });
  await until('she is let in again where she is', async () => {
    return (await alice.abroad()).status === 200;
  });
  await alice.close();
});

it('is found too for two who sign in as one person, each on a continent, at the same time', async () => {
  const user = userOf(stack.description, 'adam');
  const by = (address: string) =>
    Browser.open(stack.description, user.device, undefined, { stack: stack.description, address });
  const [one, two] = [await by(hamburg), await by(tokyo)];
  // Signing in is enough: neither goes on to a page that a rule lets them see.
  await Promise.all([one, two].map((each) => each.signIn(pageOn(stack.description, '/'), user)));
  await until('the finding is there', async () => {
    const found = await findingsOf(user.email);
    return found.some(({ evidence }) => evidence.event === 'signed_in');
  });
  await Promise.all([one.close(), two.close()]);
});

it('ends the session where the settings say so', async () => {
  await apply((documents) =>
    documents
      .filter(({ kind }) => kind === 'Settings')
      .map((settings) =>
        settings.kind === 'Settings'
          ? {
              ...settings,
              spec: {
                ...settings.spec,
                signals: { detectors: { 'impossible-travel': { outcome: 'revoke' as const } } },
              },
            }
          : settings,
      ),
  );
  const carol = await travellerNamed('carol');
  const sentAt = performance.now();
  await carol.abroad();
  await until('the session has ended', async () => (await carol.atHome()).status === 401);
  told.push([
    'revoke: until the first edge takes the session for ended',
    milliseconds(sentAt, performance.now()),
  ]);
  const [finding] = await findingsOf(carol.user.email);
  expect(finding?.revocationId).toMatch(/^rev_/);
  await carol.close();
});
