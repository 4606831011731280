import type { SessionStatement } from '@sallyport/shared/session/statement';
import type { BlockKind } from '@sallyport/shared/state/model';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sampleCookieRing } from '../../testing/sample-state.ts';
import { RawClient } from '../testing/client.ts';
import { testDocuments } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';
import type { RecordedConnection } from '../testing/recorder.ts';
import { setUpstream } from '../testing/upstream-spec.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());
beforeEach(async () => {
  await edge.settle();
  edge.upstream.script = () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n';
});

/** A download that has begun and does not end. */
async function download(cookie: string, device = edge.laptop, host = 'app.corp.test') {
  const client = await RawClient.connect(edge, host, device);
  client.send(`GET /download HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookie}\r\n\r\n`);
  await client.until(/part\r\n/);
  return client;
}

async function session(sid?: string, more: Partial<SessionStatement> = {}) {
  const now = edge.state.current.generations('usr_alice', 'dev_laptop');
  return edge.session('usr_alice', 'dev_laptop', 'app.corp.test', {
    generations: now,
    ...more,
    ...(sid === undefined ? {} : { sid }),
  });
}

async function expectCut(client: RawClient, ending = 'revoked', others = 0) {
  await client.closed();
  await expect.poll(() => edge.records.all.length).toBe(1);
  expect(edge.records.all[0]).toMatchObject({ outcome: 'permit', status: 200, ending });
  expect(edge.worker.openExchanges()).toBe(others);
}

const block = { op: 'block', revocationId: 'rev_open', expiresAtMs: null } as const;
const lift = (kind: BlockKind, subjectId: string) =>
  ({ op: 'lifted_block', revocationId: 'rev_open', kind, subjectId }) as const;

describe('an exchange that is under way', () => {
  it.each([
    ['its user is blocked', { ...block, kind: 'user', subjectId: 'usr_alice' } as const],
    ['its device is blocked', { ...block, kind: 'device', subjectId: 'dev_laptop' } as const],
    ['everyone is blocked', { ...block, kind: 'everyone', subjectId: '' } as const],
    ['this edge is blocked', { ...block, kind: 'edge', subjectId: 'edg_test' } as const],
  ])('is destroyed when %s', async (_name, op) => {
    const client = await download(await session());
    await edge.apply('revoke', op);
    await expectCut(client);
    expect(edge.records.all[0]?.reasons[0]).toBe('rule_allowed');
    await edge.apply('revoke', lift(op.kind, op.subjectId));
  });

  it('is destroyed when its certificate is blocked, its session ends or a generation rises', async () => {
    const one = await download(await session());
    const subjectId = edge.laptop.sha256;
    await edge.apply('revoke', { ...block, kind: 'certificate', subjectId });
    await expectCut(one);
    await edge.apply('revoke', lift('certificate', subjectId));
    edge.records.all.length = 0;
    const sid = `ses_${'2'.repeat(26)}`;
    const two = await download(await session(sid));
    await edge.apply('revoke', { op: 'ended_session', sid, expiresAtMs: Date.now() + 1e7 });
    await expectCut(two);
    edge.records.all.length = 0;
    const three = await download(await session());
    const generation = {
      op: 'generation',
      scope: 'user',
      subjectId: 'usr_alice',
      value: 1,
    } as const;
    await edge.apply('revoke', generation);
    await expectCut(three);
  });

  it('is destroyed when a group goes, or a new configuration does not permit it', async () => {
    const one = await download(await session());
    const alice = edge.state.current.user('usr_alice');
    if (alice === null) throw new Error('no alice');
    await edge.apply('directory', { ...alice, groups: [] });
    await expectCut(one);
    await edge.apply('directory', alice);
    edge.records.all.length = 0;
    const two = await download(await session());
    const stricter = testDocuments(edge.pki, edge.upstream.port).map((document) =>
      document.kind === 'Policy' && document.metadata.name === 'staff'
        ? { ...document, spec: { deny: [{ name: 'closed' }] } }
        : document,
    );
    await edge.apply('config', ...edge.configuration(stricter));
    await expectCut(two);
    await edge.apply('config', ...edge.configuration(testDocuments(edge.pki, edge.upstream.port)));
  });

  it.each([
    ['another upstream', { upstream: { host: 'upstream' } }, 'app'],
    ['other origins of WebSockets', { webSocket: { origins: ['https://else.corp.test'] } }, 'app'],
    ['another route in its place', {}, 'app-too'],
  ])('is destroyed when a new configuration has %s', async (_name, more, name) => {
    const usual = testDocuments(edge.pki, edge.upstream.port);
    const other = usual.map((document) =>
      document.kind === 'Route' && document.metadata.name === 'app'
        ? {
            ...document,
            metadata: { name },
            spec: {
              ...document.spec,
              ...more,
              upstream: { ...document.spec.upstream, ...('upstream' in more ? more.upstream : {}) },
            },
          }
        : document,
    ) as typeof usual;
    const client = await download(await session());
    await edge.apply('config', ...edge.configuration(other));
    await expectCut(client);
    await edge.apply('config', ...edge.configuration(usual));
  });

  it('is destroyed when the key of its cookie is withdrawn', async () => {
    const client = await download(await session());
    edge.setCredentials({ cookieRing: sampleCookieRing() });
    await edge.worker.redecide({ subjects: null });
    await expectCut(client);
  });

  it('ends when the certificate of its device ends, though its session goes on', async () => {
    const device = await edge.pki.deviceNamed('dev_laptop', {
      notAfter: new Date(Date.now() + 60_000),
    });
    const client = await download(await session(), device);
    const lasting = await download(await session());
    edge.clock.offsetMs = 61_000;
    await expectCut(client, 'expired', 1);
    expect(edge.records.all[0]?.reasons).toContain('device_certificate_expired');
    edge.clock.offsetMs = 0;
    lasting.close();
    await expect.poll(() => edge.worker.openExchanges()).toBe(0);
  });

  it('ends when the key of its session statement ends', async () => {
    const client = await download(await session());
    await edge.apply('config', { ...edge.signingKey, notAfterMs: Date.now() + 60_000 });
    expect(edge.worker.openExchanges()).toBe(1);
    edge.clock.offsetMs = 61_000;
    await expectCut(client, 'expired');
    edge.clock.offsetMs = 0;
    await edge.apply('config', edge.signingKey);
  });

  it('goes on when somebody else is revoked, or nothing changes for it', async () => {
    const client = await download(await session());
    await edge.apply('revoke', { ...block, kind: 'user', subjectId: 'usr_bob' });
    await edge.apply('config', ...edge.configuration(testDocuments(edge.pki, edge.upstream.port)));
    const upstream = edge.upstream.connections.findLast(({ bytes }) => bytes.includes('/download'));
    upstream?.socket.write('4\r\nmore\r\n0\r\n\r\n');
    await client.until(/more\r\n0\r\n\r\n/);
    await edge.apply('revoke', lift('user', 'usr_bob'));
    client.close();
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]).toMatchObject({ ending: 'complete' });
  });

  it.each([
    { timeouts: { headers: '9s', idle: '9s' } },
    { limits: { connections: 2, queue: 7, queueWait: '2s' } },
    { ejection: { failures: 9 } },
  ])('goes on when its route changes in what leads nowhere else: %j', async (upstream) => {
    const client = await download(await session());
    await setUpstream(edge, upstream);
    const { socket } = edge.upstream.connections.findLast(({ bytes }) =>
      bytes.includes('/download'),
    ) as RecordedConnection;
    socket.write('4\r\nmore\r\n0\r\n\r\n');
    await client.until(/more\r\n0\r\n\r\n/);
    client.close();
    await setUpstream(edge, {});
  });

  it('goes on beside a target that is added, and ends with its own', async () => {
    const url = (name: string) => `https://${name}.corp.localhost:${edge.upstream.port}`;
    const client = await download(await session());
    await setUpstream(edge, {
      url: undefined,
      targets: [{ url: url('upstream') }, { url: url('b') }],
    });
    await setUpstream(edge, { url: undefined, targets: [{ url: url('upstream'), weight: 7 }] });
    expect(edge.worker.openExchanges()).toBe(1);
    await setUpstream(edge, { url: undefined, targets: [{ url: url('b') }] });
    await expectCut(client);
    await setUpstream(edge, {});
  });

  it('is answered with the refusal where the upstream has not answered yet', async () => {
    edge.upstream.script = () => null;
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    client.send(
      `GET /waiting HTTP/1.1\r\nHost: app.corp.test\r\nCookie: ${await session()}\r\n\r\n`,
    );
    await expect.poll(() => edge.upstream.bytes).toContain('/waiting');
    await edge.apply('revoke', { ...block, kind: 'user', subjectId: 'usr_alice' });
    const response = await client.response();
    expect([response.status, response.body.includes('user_revoked')]).toEqual([403, true]);
    await client.closed();
    await edge.apply('revoke', lift('user', 'usr_alice'));
    expect(edge.records.all[0]).toMatchObject({ status: 403, ending: 'revoked' });
  });

  it('is decided again with all others before the change counts as enforced', async () => {
    const cookie = await session();
    const clients = await Promise.all(Array.from({ length: 60 }, () => download(cookie)));
    expect(edge.worker.openExchanges()).toBe(60);
    await edge.apply('revoke', { ...block, kind: 'user', subjectId: 'usr_alice' });
    // Enforced: not one of them has anything at the upstream any more.
    await Promise.all(clients.map((client) => client.closed()));
    await expect.poll(() => edge.worker.openExchanges()).toBe(0);
    expect(edge.records.all.every(({ ending }) => ending === 'revoked')).toBe(true);
    await edge.apply('revoke', lift('user', 'usr_alice'));
  });

  // From here on the clock moves, and that it was set back is seen a moment later.
  it('ends when its time is over, though nothing has changed', async () => {
    const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test', {
      expiresAtMs: Date.now() + 60_000,
      generations: edge.state.current.generations('usr_alice', 'dev_laptop'),
    });
    const client = await download(cookie);
    edge.clock.offsetMs = 61_000;
    await expectCut(client, 'expired');
    edge.clock.offsetMs = 0;
  });

  it('ends when the state under it is too old, and says why', async () => {
    const client = await download(await session(undefined, { authenticatedAtMs: 1 }));
    edge.hear('revoke', 130_000);
    edge.clock.offsetMs = 130_000;
    await expectCut(client, 'expired');
    expect(edge.records.all[0]?.reasons).toEqual(['rule_allowed', 'state_stale']);
    edge.clock.offsetMs = 0;
    edge.hear('revoke');
  });
});
