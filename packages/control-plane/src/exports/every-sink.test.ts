import { createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import type { AccessRecord } from '@sallyport/shared/access-record';
import { beforeAll, expect, test, vi } from 'vitest';
import { insertAccessRecords } from '../store/access-records.ts';
import {
  type ExportWorld,
  exportWorld,
  keyOf,
  type RunningExports,
  readRows,
} from '../testing/export-world.ts';
import { httpsServer } from '../testing/https-server.ts';
import { accessRecord } from '../testing/records.ts';
import { factsOf } from '../testing/rehearsed.ts';
import { berlin, newYork, replicaSignals, sightedAt, signedInUser } from '../testing/signals.ts';
import { type SyslogReceiver, syslogReceiver } from '../testing/syslog-receiver.ts';

vi.setConfig({ testTimeout: 60_000 });

interface LogRecord {
  readonly eventName: string;
  readonly body: { readonly stringValue: string };
  readonly attributes: readonly {
    readonly key: string;
    readonly value: { readonly stringValue?: string };
  }[];
}

let world: ExportWorld;
let running: RunningExports;
let syslog: SyslogReceiver;
let file = '';
const logs: LogRecord[] = [];
const told: { headers: IncomingHttpHeaders; body: string }[] = [];

beforeAll(async () => {
  world = await exportWorld();
  const { authority, folder } = world;
  const host = 'siem.corp.localhost';
  syslog = await syslogReceiver(authority, host);
  file = join(folder, 'all.jsonl');
  const { origin } = await httpsServer(authority, host, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      if (request.url === '/hook') told.push({ headers: request.headers, body });
      else logs.push(...logRecordsOf(body));
      response.writeHead(200).end('{}');
    });
  });
  const trustBundle = 'siem';
  const what = ['decisions', 'signals'] as const;
  await world.configure({
    exports: [
      { name: 'archive', what: [...what], file: { path: file } },
      { name: 'siem', what: [...what], syslog: { host, port: syslog.port, trustBundle } },
      { name: 'otel', what: [...what], otlp: { url: `${origin}/v1/logs`, trustBundle } },
    ],
    webhooks: [
      { name: 'soc', url: `${origin}/hook`, events: ['signal'], trustBundle, secret: 'hook-key' },
    ],
  });
  running = world.start();
  await until(async () => {
    const { body } = await world.admin.send('GET', '/v1/exports');
    for (const { progress } of body.items) expect(progress).toHaveLength(2);
  });
});

function logRecordsOf(body: string): readonly LogRecord[] {
  const { resourceLogs } = JSON.parse(body) as {
    resourceLogs: { scopeLogs: { logRecords: LogRecord[] }[] }[];
  };
  return resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap((scope) => scope.logRecords));
}

async function until(look: () => Promise<void> | void): Promise<void> {
  await vi.waitFor(
    async () => {
      await running.runNow();
      await look();
    },
    { timeout: 20_000, interval: 50 },
  );
}

test('a finding reaches every sink and a signed webhook once, with what it rests on', async () => {
  const { database } = world.admin;
  const signals = replicaSignals(database);
  const alice = await signedInUser(database);
  const atMs = Date.now();
  const there = sightedAt(alice, newYork, atMs);
  await signals.take([sightedAt(alice, berlin, atMs - 60_000), there]);
  const { body } = await world.admin.send('GET', '/v1/signals');
  const expected = (body.items as { id: string; detector: string }[])
    .map(({ id }) => id)
    .toSorted();
  expect(expected.length).toBeGreaterThan(1);

  const idsOf = (values: readonly Readonly<Record<string, unknown>>[]) =>
    values
      .filter(({ kind }) => kind === 'signal')
      .map(({ id }) => String(id))
      .toSorted();
  const parsed = (texts: readonly string[]) =>
    texts.map((text) => JSON.parse(text) as Readonly<Record<string, unknown>>);
  await until(async () => {
    expect(idsOf(await readRows(file))).toEqual(expected);
    expect(idsOf(parsed(syslog.messages.map(({ text }) => text)))).toEqual(expected);
    expect(idsOf(parsed(logs.map((log) => log.body.stringValue)))).toEqual(expected);
    expect(told).toHaveLength(expected.length);
  });
  const rows = await readRows(file);
  const travel = rows.find(({ detector }) => detector === 'impossible-travel');
  expect(travel).toMatchObject({
    position: expect.any(Number),
    time: new Date(atMs).toISOString(),
    subject: { kind: 'user', id: alice.userId },
    userEmail: expect.stringContaining('@corp.test'),
    reason: expect.stringContaining('DE and US'),
    sid: alice.sid,
    evidence: {
      event: 'sighted',
      correlationId: there.id,
      sourceAddress: '203.0.113.7',
      here: { at: new Date(atMs).toISOString(), country: 'US', asn: 7018 },
      before: { country: 'DE' },
    },
  });
  expect(syslog.messages.find(({ id }) => id === 'signal')).toMatchObject({
    priority: 132,
    parameters: { userId: alice.userId, sourceAddress: '203.0.113.7', correlationId: there.id },
  });
  const log = logs.find(({ eventName }) => eventName === 'sallyport.signal');
  const attributes = log?.attributes.map(({ key, value }) => [key, value.stringValue]);
  expect(attributes).toEqual(
    expect.arrayContaining([
      ['user.id', alice.userId],
      ['client.address', '203.0.113.7'],
      ['sallyport.correlation_id', there.id],
    ]),
  );
  const key = Buffer.from(keyOf('hook-key').slice('whsec_'.length), 'base64');
  for (const one of told) {
    const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': given } = one.headers;
    const content = `${String(id)}.${String(at)}.${one.body}`;
    expect(given).toBe(`v1,${createHmac('sha256', key).update(content).digest('base64')}`);
  }
  const events = told.map((one) => JSON.parse(one.body) as { type: string; data: object });
  expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['signal.raised']));
  const { kind: _, ...data } = travel ?? {};
  expect(events.map((event) => event.data)).toContainEqual(data);
});

/** As edges write them (docs/protocol.md, Redaction). */
const hash = 'hmac:AbCdEf0123456789_-wxyz';
const ways: readonly (readonly [way: string, taken: Partial<AccessRecord>])[] = [
  ['removed', { sourceAddress: '', userEmail: null, path: '', userAgent: '' }],
  ['hashed', { sourceAddress: hash, userEmail: hash, path: hash, userAgent: hash }],
  ['cut to an IPv4 network', { sourceAddress: '203.0.113.0/24', userEmail: '@corp.test' }],
  [
    'cut to an IPv6 network',
    { sourceAddress: '2001:db8:7::/48', path: '/wiki', userAgent: 'curl' },
  ],
];

test('records of which something was taken reach every sink as they are', async () => {
  const sent = ways.map(([, taken]) => {
    const { sourceAddress = '' } = taken;
    const facts = { ...factsOf('usr_alice'), sourceAddress, place: null };
    return accessRecord({ ...taken, facts, redacted: ['sourceAddress', 'place'] });
  });
  await insertAccessRecords(world.admin.database, 'edg_test', sent, Date.now());
  const ours = new Set(sent.map(({ correlationId }) => correlationId));
  const those = (values: readonly unknown[]) =>
    (values as AccessRecord[]).filter(({ correlationId }) => ours.has(correlationId));
  await until(async () => {
    expect(those(await readRows(file))).toMatchObject(sent);
    expect(those(logs.map((log) => JSON.parse(log.body.stringValue)))).toMatchObject(sent);
    expect(those(syslog.messages.map(({ text }) => JSON.parse(text)))).toMatchObject(sent);
  });
  const addresses = sent.map(({ sourceAddress }) =>
    sourceAddress === '' ? undefined : sourceAddress,
  );
  const messages = syslog.messages.filter(({ parameters }) =>
    ours.has(String(parameters['correlationId'])),
  );
  expect(messages.map(({ parameters }) => parameters['sourceAddress'])).toEqual(addresses);
  const shown = logs
    .filter(({ body }) => those([JSON.parse(body.stringValue)]).length > 0)
    .map(({ attributes }) => attributes.find(({ key }) => key === 'client.address')?.value);
  expect(shown.map((value) => value?.stringValue)).toEqual(addresses);
});
