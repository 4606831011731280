import { afterAll, beforeAll, expect, it } from 'vitest';
import { sampleBundle } from '../../testing/sample-state.ts';
import { call } from '../testing/client.ts';
import { testDocuments } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';

const host = 'app.corp.test';
let edge: TestEdge;
let cookie: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', host);
});
afterAll(() => edge.stop());

async function ask(sent: string) {
  const response = await call(edge, { device: edge.laptop, cookie: sent });
  const id = response.header('sallyport-request-id');
  const record = await edge.records.first((one) => one.correlationId === id);
  return { status: response.status, record };
}

it('what rules would deny is let through and written down while the route watches them', async () => {
  expect((await ask(cookie)).record.wouldDeny).toBeNull();
  const documents = testDocuments(edge.pki, edge.upstream.port).map((document) => {
    if (document.kind === 'Policy' && document.metadata.name === 'staff') {
      return { ...document, spec: { deny: [{ name: 'all', groups: ['employees'] }] } };
    }
    if (document.kind !== 'Route' || document.metadata.name !== 'app') return document;
    return { ...document, spec: { ...document.spec, monitor: { until: '2100-01-01T00:00:00Z' } } };
  });
  await edge.apply('config', sampleBundle(7, documents), {
    op: 'release',
    ring: 'default',
    version: 7,
    shadowVersion: null,
  });
  const watched = await ask(cookie);
  expect(watched).toMatchObject({
    status: 200,
    record: {
      outcome: 'permit',
      reasons: ['monitor_mode'],
      ruleIds: [],
      wouldDeny: { reasons: ['rule_denied'], ruleIds: ['staff/deny/all'] },
    },
  });
  // Somebody unknown is not let in by that.
  expect((await ask('')).record).toMatchObject({ outcome: 'sign_in', wouldDeny: null });
});
