import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { createLog } from '@sallyport/shared/log';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sampleBundle } from '../../testing/sample-state.ts';
import { call } from '../testing/client.ts';
import { testDocuments } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';
import { ShadowDecisions } from './shadow.ts';

const host = 'app.corp.test';
const rules = { query: 'drop', redact: [], required: false } as const;
const live = 1;
const shadow = 9;

let edge: TestEdge;
let alice: string;
let adam: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  alice = await edge.session('usr_alice', 'dev_laptop', host);
  adam = await edge.session('usr_adam', 'dev_laptop', host);
});
afterAll(() => edge.stop());

/** Where members are admins alone. */
function stricter(): ConfigurationDocument[] {
  return testDocuments(edge.pki, edge.upstream.port).map((document) =>
    document.kind === 'Policy' && document.metadata.name === 'staff'
      ? { ...document, spec: { allow: [{ name: 'members', groups: ['admins'] }] } }
      : document,
  );
}

const release = (shadowVersion: number | null) =>
  ({ op: 'release', ring: 'default', version: live, shadowVersion }) as const;

async function recordOf(cookie: string) {
  const response = await call(edge, { device: edge.laptop, cookie });
  const id = response.header('sallyport-request-id');
  const record = await edge.records.first((one) => one.correlationId === id);
  return { status: response.status, record };
}

it('what is tried out is recorded where it differs, counted where not, and changes nothing', async () => {
  const before = await recordOf(alice);
  expect([before.status, before.record.shadow]).toEqual([200, null]);
  expect(edge.shadowed).toEqual([]);
  await edge.apply('config', sampleBundle(shadow, stricter()), release(shadow));
  const loses = await recordOf(alice);
  expect(loses).toMatchObject({
    status: 200,
    record: {
      outcome: 'permit',
      configVersion: live,
      shadow: { version: shadow, outcome: 'deny', reasons: ['group_missing'], ruleIds: [] },
    },
  });
  const keeps = await recordOf(adam);
  expect([keeps.status, keeps.record.shadow]).toEqual([200, null]);
  expect(edge.shadowed).toEqual(['differs', 'same']);
  await edge.apply('config', release(null));
  expect((await recordOf(alice)).record.shadow).toBeNull();
  expect(edge.shadowed).toHaveLength(2);
});

it('nothing waits without bound, and nothing is lost when the process ends', async () => {
  const { record } = await recordOf(alice);
  await edge.apply('config', release(shadow));
  const bundle = edge.state.current.bundle();
  if (bundle === null || bundle.shadow === null) throw new Error('there is no shadow');
  const emitted: unknown[] = [];
  const counted: string[] = [];
  const shadows = new ShadowDecisions({
    emitRecord: (one) => emitted.push(one),
    count: (result) => counted.push(result),
    log: createLog('error', {}, () => undefined),
  });
  const decision = { outcome: 'deny', route: 'app', reasons: [], ruleIds: [] } as const;
  for (let at = 0; at < 1_500; at += 1) shadows.take(record, { decision, bundle }, rules);
  // Those for which there was no room went on at once.
  expect([emitted.length, counted.length]).toEqual([476, 476]);
  shadows.flush();
  expect(emitted).toHaveLength(1_500);
  expect(counted.filter((result) => result === 'same')).toHaveLength(1_024);
});

it('facts that cannot be decided on cost the verdict, never the record', async () => {
  const { record } = await recordOf(alice);
  const bundle = edge.state.current.bundle();
  if (bundle === null) throw new Error('there is no bundle');
  const emitted: unknown[] = [];
  const counted: string[] = [];
  const shadows = new ShadowDecisions({
    emitRecord: (one) => emitted.push(one),
    count: (result) => counted.push(result),
    log: createLog('error', {}, () => undefined),
  });
  const broken = { ...record, shadow: null, facts: { ...record.facts, request: null } } as never;
  const decision = { outcome: 'deny', route: 'app', reasons: [], ruleIds: [] } as const;
  shadows.take(broken, { decision, bundle }, rules);
  shadows.flush();
  expect(counted).toEqual(['failed']);
  expect(emitted).toEqual([expect.objectContaining({ shadow: null })]);
});
