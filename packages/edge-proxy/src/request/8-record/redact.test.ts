import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sampleBundle } from '../../testing/sample-state.ts';
import { call } from '../testing/client.ts';
import { testDocuments } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';
import { redactRecord } from './redact.ts';

const host = 'app.corp.test';
let edge: TestEdge;
let cookie: string;
let version = 10;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', host);
});
afterAll(() => edge.stop());
beforeEach(() => edge.settle());

/** Makes the route, or all of them, write down requests like this. */
async function configure(ofRoute: object | null, ofAll: object = {}): Promise<void> {
  version += 1;
  const documents = testDocuments(edge.pki, edge.upstream.port).map((document) => {
    if (document.kind === 'Settings') {
      return { ...document, spec: { ...document.spec, records: ofAll } };
    }
    if (document.kind !== 'Route' || document.metadata.name !== 'app') return document;
    return {
      ...document,
      spec: { ...document.spec, ...(ofRoute === null ? {} : { records: ofRoute }) },
    };
  });
  const release = { op: 'release', ring: 'default', version, shadowVersion: null } as const;
  await edge.apply('config', sampleBundle(version, documents), release);
}

async function ask(path = '/team/page') {
  const response = await call(edge, { cookie, path, headers: ['User-Agent: Tool/1.2 (alice)'] });
  const id = response.header('sallyport-request-id');
  expect(response.status).toBe(200);
  return edge.records.first((one) => one.correlationId === id);
}

const all = (as: string) =>
  ['sourceAddress', 'userAgent', 'userEmail', 'path'].map((field) => ({ field, as }));

describe('what a record leaves out', () => {
  it('is taken out of the headers and the place that were decided on', async () => {
    await configure(null);
    const record = await ask();
    if (record.facts === null) throw new Error('nothing was decided');
    const request = { ...record.facts.request, headers: { 'user-agent': ['Tool/1.2 (alice)'] } };
    const place = { ...record.facts.place, country: 'DE', asn: 7 } as typeof record.facts.place;
    const seen = { ...record, facts: { ...record.facts, request, place } };
    const rules = (as: 'remove' | 'truncate') =>
      ({
        query: 'drop',
        required: false,
        redact: [
          { field: 'userAgent', as },
          { field: 'place', as },
        ],
      }) as const;
    const redacted = ['userAgent', 'headers', 'place'];
    expect(redactRecord(seen, rules('remove'), null)).toMatchObject({
      redacted,
      facts: { request: { headers: { 'user-agent': [''] } }, place: null },
    });
    expect(redactRecord(seen, rules('truncate'), null)).toMatchObject({
      redacted,
      facts: {
        request: { headers: { 'user-agent': ['Tool/1.2'] } },
        place: { country: 'DE', asn: null },
      },
    });
    const nowhere = { ...record, facts: { ...record.facts, place: null } };
    expect(redactRecord(nowhere, rules('remove'), null).redacted).toEqual(['userAgent']);
  });

  it('is taken out of headers that say the same', async () => {
    await configure(null);
    const record = await ask();
    if (record.facts === null) throw new Error('nothing was decided');
    const headers = {
      'x-forwarded-for': ['198.51.100.7, 10.0.0.1', '192.0.2.1'],
      'x-real-ip': ['198.51.100.7'],
      referer: ['https://app.corp.test/team/page?q=1'],
      'x-auth-request-email': ['usr_alice@corp.test'],
      'x-remote-user': ['alice'],
      'x-team': ['blue'],
    };
    const request = { ...record.facts.request, headers };
    const seen = { ...record, facts: { ...record.facts, request } };
    const shown = (as: 'remove' | 'truncate') => {
      const redact = (['sourceAddress', 'userEmail', 'path'] as const).map((field) => ({
        field,
        as,
      }));
      return redactRecord(seen, { query: 'drop', required: false, redact }, null);
    };
    const removed = shown('remove');
    expect(removed.redacted).toEqual(['sourceAddress', 'headers', 'userEmail', 'path']);
    expect(JSON.stringify(removed)).not.toMatch(/198\.51|192\.0|alice@|"alice"|team\/page/);
    expect(removed.facts?.request.headers['x-team']).toEqual(['blue']);
    expect(shown('truncate').facts?.request.headers).toEqual({
      'x-forwarded-for': ['', '192.0.2.0/24'],
      'x-real-ip': ['198.51.100.0/24'],
      referer: [''],
      'x-auth-request-email': ['@corp.test'],
      'x-remote-user': [''],
      'x-team': ['blue'],
    });
  });

  it('is nothing but the query, if nothing is said', async () => {
    await configure(null);
    const record = await ask('/team/page?q=1');
    expect(record).toMatchObject({ query: null, queryRedacted: true, redacted: [] });
  });

  it('is taken out of the facts too, and named', async () => {
    await configure({ redact: all('remove') });
    const record = await ask();
    expect(record).toMatchObject({
      sourceAddress: '',
      userAgent: '',
      userEmail: null,
      path: '',
      userId: 'usr_alice',
      redacted: ['sourceAddress', 'userAgent', 'userEmail', 'path'],
      facts: { sourceAddress: '', request: { path: '' }, user: { email: '' } },
    });
    expect(JSON.stringify(record)).not.toMatch(/127\.0\.0\.1|Tool|usr_alice@|team/);
  });

  it('can be truncated to what is less than a person', async () => {
    await configure(null, { redact: all('truncate') });
    expect(await ask()).toMatchObject({
      sourceAddress: '127.0.0.0/24',
      userAgent: 'Tool/1.2',
      userEmail: '@corp.test',
      path: '/team',
      facts: {
        sourceAddress: '127.0.0.0/24',
        request: { path: '/team' },
        user: { email: '@corp.test' },
      },
    });
  });

  it('can be a hash, the same for the same text, of no use without the key', async () => {
    await configure(null, { redact: all('hash') });
    const [one, other] = [await ask('/a'), await ask('/b')];
    expect(one.sourceAddress).toMatch(/^hmac:[A-Za-z0-9_-]{22}$/);
    expect([one.sourceAddress, one.userEmail]).toEqual([other.sourceAddress, other.userEmail]);
    expect(one.path).not.toBe(other.path);
    expect(one.facts?.sourceAddress).toBe(one.sourceAddress);
    // The same text as another field is another hash.
    expect(new Set([one.sourceAddress, one.userAgent, one.userEmail, one.path]).size).toBe(4);
    edge.setCredentials({ cookieRing: null });
    const response = await call(edge, { cookie, path: '/a' });
    const id = response.header('sallyport-request-id');
    const keyless = await edge.records.first((record) => record.correlationId === id);
    expect(keyless.sourceAddress).not.toMatch(/127|hmac/);
  });
});
