import { once } from 'node:events';
import { rename, rm, stat, writeFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Facts } from '@sallyport/policy';
import { AckStage } from '@sallyport/proto';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { newEd25519KeyPair } from '@sallyport/shared/keys/ed25519';
import { sessionStatementPurpose, signKey } from '@sallyport/shared/keys/root';
import type { SigningKey } from '@sallyport/shared/state/model';
import { writeCityMmdb } from '@sallyport/shared/testing/mmdb';
import { ticketsSent } from '@sallyport/shared/testing/tickets';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sessionCookie } from './request/cookies.ts';
import { seal } from './request/sealed.ts';
import { InMemoryControl } from './request/testing/control.ts';
import { readCookieRing } from './state/2-store/credentials.ts';
import { Collector } from './testing/collector.ts';
import {
  createEdgeFiles,
  type EdgeFiles,
  EdgeProcess,
  requestPublic,
} from './testing/edge-process.ts';
import { at, feedState, readiness, untilReady } from './testing/fed-edge.ts';
import { createRootKey, sampleDocuments } from './testing/sample-state.ts';
import { ScriptedControlPlane } from './testing/scripted-control-plane.ts';

const root = createRootKey();
const host = 'wiki.corp.test';

let plane: ScriptedControlPlane;
let files: EdgeFiles;
let running: EdgeProcess[] = [];

beforeEach(async () => {
  plane = await ScriptedControlPlane.start({ root });
  files = await createEdgeFiles(plane.target, plane.authority.certificatePem);
});
afterEach(async () => {
  await Promise.all(running.map((edge) => edge.destroy()));
  running = [];
  plane.close();
  await files.remove();
});

function start(
  environment: Record<string, string> = {},
  prefix: readonly string[] = [],
): EdgeProcess {
  const join = { SALLYPORT_JOIN_TOKEN: plane.joinToken };
  const edge = new EdgeProcess({ ...files.environment, ...join, ...environment }, prefix);
  running.push(edge);
  return edge;
}

const feed = (documents?: ConfigurationDocument[], signingKey?: SigningKey) =>
  feedState(plane, documents, signingKey);

/** The state is on disk with its acknowledgement; how old it is gets there with the next marks. */
async function marksOnDisk(): Promise<void> {
  const marks = join(files.dir, 'home', 'state', 'marks');
  const ackedAtMs = Date.now();
  while ((await stat(marks)).mtimeMs < ackedAtMs) await delay(50);
}

/** A module that throws in an event of its thread when the process gets SIGUSR2. */
function poison(where: 'main' | 'worker'): string {
  const code = `
    import { BroadcastChannel, isMainThread, workerData } from 'node:worker_threads';
    const fail = () => { throw new Error('poison'); };
    if (isMainThread) {
      process.on('SIGUSR2', () => {
        if (${where === 'main'}) fail();
        else new BroadcastChannel('poison').postMessage('');
      });
    } else if (workerData?.recordRoom !== undefined) {
      const channel = new BroadcastChannel('poison');
      channel.onmessage = fail;
      channel.unref();
    }`;
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

/** The usual documents of an edge that believes X-Forwarded-For from this machine. */
function behindFronts(): ConfigurationDocument[] {
  const frontProxies = [{ networks: ['127.0.0.0/8'], protocol: 'x-forwarded-for' as const }];
  return sampleDocuments().map((document) =>
    document.kind === 'Settings'
      ? { ...document, spec: { ...document.spec, network: { frontProxies } } }
      : document,
  );
}

/** The records that the control plane was sent, a line each. */
function sentLines(): string[] {
  return plane.records.all.flatMap(({ recordsJson }) =>
    recordsJson.flatMap((json) => Buffer.from(json).toString().trimEnd().split('\n')),
  );
}

/** Why an edge is not ready that was told nothing. */
const nothingYet = [
  'revoke_missing',
  'signals_missing',
  'config_missing',
  'directory_missing',
  'release_missing',
  'statement_key_missing',
  'cookie_ring_missing',
  'assertion_key_unpublished',
];

describe('an edge process', () => {
  it('is alive but not ready without state, and ready with it until its ring is withdrawn; tells of each request in one line', async () => {
    const collector = await Collector.start();
    const edge = start({ SALLYPORT_OTLP_ENDPOINT: collector.url });
    const listening = await edge.listening();
    expect(listening).toMatchObject({ listening: true, edgeId: plane.edgeId });
    expect((await fetch(`${listening.ops}/healthz`)).status).toBe(200);
    expect(await readiness(listening)).toEqual({ status: 503, reasons: nothingYet });
    const early = await requestPublic(listening.port, files.publicCa, host);
    expect(early.status).toBe(503);
    expect(early.headers['content-type']).toContain('text/html');
    const { port, pid } = listening;
    expect(await ticketsSent({ port, host: '127.0.0.1', servername: host })).toBe(0);
    // It set that for itself, in its own place.
    expect(pid).toBe(edge.pid);
    const { bulk } = await feed();
    await untilReady(listening);
    const answer = await requestPublic(listening.port, files.publicCa, host);
    expect(answer.status).toBe(302);
    const line = await edge.lines.next((one) => one['outcome'] === 'sign_in');
    const traces = () =>
      collector.requests.all.flatMap(({ spans }) =>
        spans.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`),
      );
    await expect.poll(() => traces().filter((one) => one === line['traceparent'])).toHaveLength(1);
    collector.stop();
    expect(line).toMatchObject({ edge: plane.edgeId, region: 'eu', host, outcome: 'sign_in' });
    const recorded = () => sentLines().map((one) => JSON.parse(one) as unknown);
    await expect.poll(recorded).toContainEqual(line);
    const metrics = await (await fetch(`${listening.ops}/metrics`)).text();
    expect(metrics).toMatch(/^sallyport_edge_requests_total\{outcome="sign_in",[^}]*\} 1$/m);
    expect(metrics).toMatch(/^sallyport_edge_decision_seconds_count 1$/m);
    expect(metrics).toMatch(/^sallyport_edge_lane_revision\{lane="revoke",stage="enforced"\} 1$/m);
    expect(metrics).toMatch(/^sallyport_edge_workers 1$/m);
    expect(metrics).toMatch(
      /^sallyport_edge_records_dropped_total\{place="output",kind="denial"\} 0$/m,
    );
    bulk.sendFrame('config', at(2), [{ op: 'deleted_secret', id: 'cookie-ring' }]);
    await bulk.acked('config', at(2), AckStage.ENFORCED);
    const missing = { status: 503, reasons: ['cookie_ring_missing'] };
    await expect.poll(() => readiness(listening)).toEqual(missing);
  });

  it('F44: knows where clients are from the file of places that is there, once it is ready', async () => {
    const places = join(files.dir, 'city.mmdb');
    await writeFile(places, writeCityMmdb([{ network: '198.51.100.0/24', country: 'DE' }]));
    const edge = start({ SALLYPORT_PLACES_CITY_FILES: places });
    const listening = await edge.listening();
    await feed(behindFronts());
    await untilReady(listening);
    const country = async () => {
      const from = { 'x-forwarded-for': '198.51.100.7' };
      await requestPublic(listening.port, files.publicCa, host, '/', false, from);
      const line = await edge.lines.next((one) => one['kind'] === 'access');
      expect(line['sourceAddress']).toBe('198.51.100.7');
      return (line['facts'] as Facts | null)?.place?.country;
    };
    await expect.poll(country).toBe('DE');
    await writeFile(
      `${places}.new`,
      writeCityMmdb([{ network: '198.51.100.0/24', country: 'FR' }]),
    );
    await rename(`${places}.new`, places);
    edge.signal('SIGHUP');
    await expect.poll(country).toBe('FR');
    await rm(places);
    edge.signal('SIGHUP');
    await edge.logs.next((line) => line.includes('places.refused'));
    expect(await country()).toBe('FR');
    const metrics = await (await fetch(`${listening.ops}/metrics`)).text();
    expect(metrics).toMatch(/^sallyport_edge_place_files\{kind="city",state="loaded"\} 1$/m);
    expect(metrics).toMatch(/^sallyport_edge_place_files\{kind="city",state="current"\} 0$/m);
    expect(metrics).toMatch(
      /^sallyport_edge_place_files_refused_total\{kind="city",code="missing"\} 1$/m,
    );
    expect(metrics).toMatch(/^sallyport_edge_place_data_age_seconds\{kind="city"\} \d+/m);
    expect(metrics).toMatch(/^sallyport_edge_place_lookups_total\{result="found"\} \d+$/m);
  });

  it('serves with several workers on one port, each with the whole state', async () => {
    const edge = start({
      SALLYPORT_WORKERS: '2',
      SALLYPORT_FORWARD_AUTH_LISTEN: '127.0.0.1:0',
    });
    const listening = await edge.listening();
    const { revoke } = await feed();
    await untilReady(listening);
    const answers = await Promise.all(
      Array.from({ length: 16 }, () => requestPublic(listening.port, files.publicCa, host)),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([302]));
    // Nobody is registered to ask for verdicts, so nobody is heard there.
    await expect(requestPublic(listening.verdicts ?? 0, files.publicCa, host)).rejects.toThrow();
    const block = { kind: 'everyone', subjectId: '', expiresAtMs: null } as const;
    revoke.sendFrame('revoke', at(2), [{ op: 'block', revocationId: 'rev_1', ...block }]);
    await revoke.acked('revoke', at(2), AckStage.ENFORCED);
    const denied = await Promise.all(
      Array.from({ length: 16 }, () => requestPublic(listening.port, files.publicCa, host)),
    );
    expect(new Set(denied.map(({ status }) => status))).toEqual(new Set([403]));
    // A request is counted when its exchange has ended, which its client may know first.
    const counted = async () => {
      const metrics = await (await fetch(`${listening.ops}/metrics`)).text();
      return [...metrics.matchAll(/^sallyport_edge_requests_total\{outcome="(\w+)".*\} (\d+)$/gm)]
        .map(([, outcome, count]) => `${outcome} ${count}`)
        .sort();
    };
    await expect.poll(counted).toEqual(['deny 16', 'refused 1', 'sign_in 16']);
  });

  it('tells where a user is seen, lives on when nobody reads its output, and serves when the control plane is gone', async () => {
    const edge = start();
    const listening = await edge.listening();
    const { publicKey, privateKeyPem } = newEd25519KeyPair();
    const [keyId, purpose] = ['statement-2', sessionStatementPurpose];
    const life = { notBeforeMs: 0, notAfterMs: Date.now() + 1e9 };
    const key = signKey({ keyId, purpose, publicKey, ...life }, root.privateKey);
    await feed(sampleDocuments('others'), key);
    await untilReady(listening);
    const { statement, jws } = await new InMemoryControl(privateKeyPem, keyId).statement(
      'usr_a',
      null,
    );
    const ring = readCookieRing(plane.secrets.get('cookie-ring') ?? new Uint8Array());
    const cookie = `${sessionCookie}=${await seal(ring, 'session', host, jws)}`;
    for (let round = 0; round < 2; round += 1) {
      const answer = await requestPublic(listening.port, files.publicCa, host, '/', false, {
        cookie,
      });
      expect(answer.status).toBe(403);
    }
    const { sightings } = await plane.sightings.next();
    const { sid } = statement;
    const seen = { userId: 'usr_a', sid, deviceId: '', sourceAddress: '127.0.0.1', route: 'wiki' };
    expect(sightings).toEqual([expect.objectContaining(seen)]);
    expect((await edge.lines.next(({ kind }) => kind === 'access'))['correlationId']).toBe(
      sightings[0]?.id,
    );
    const backlog = async () =>
      /^sallyport_edge_sightings_backlog (\d+)$/m.exec(
        await (await fetch(`${listening.ops}/metrics`)).text(),
      )?.[1];
    await expect.poll(backlog).toBe('0');
    expect(plane.sightings.all).toHaveLength(1);

    edge.closeOutput();
    for (let round = 0; round < 3; round += 1) {
      const recorded = plane.records.all.length;
      expect((await requestPublic(listening.port, files.publicCa, host)).status).toBe(302);
      await expect.poll(() => plane.records.all.length).toBeGreaterThan(recorded);
    }
    expect((await readiness(listening)).status).toBe(200);

    plane.close();
    await edge.logs.next((line) => line.includes('sync.stream_ended'));
    expect((await requestPublic(listening.port, files.publicCa, host)).status).toBe(302);
    expect((await readiness(listening)).status).toBe(200);
    await plane.open();
    const again = await plane.streams.next((stream) => stream.lanes.includes('revoke'));
    expect(again.have('revoke')?.position).toEqual(at(1));
    again.resume('revoke', 'tail', at(1));
    await again.acked('revoke', at(1), AckStage.ENFORCED);
  });

  it('lets no second process work in its directory, and keeps its identity over a restart, without a token', async () => {
    const first = start();
    await first.listening();
    const beside = start();
    expect(await beside.exited).toBe(1);
    const failure = beside.logs.all.find((line) => line.includes('edge.start_failed')) ?? '{}';
    const { problem, error } = JSON.parse(failure) as Record<string, unknown>;
    expect([problem, error]).toEqual([expect.stringContaining('another edge runs in'), undefined]);
    first.signal('SIGTERM');
    expect(await first.exited).toBe(0);
    const second = start({ SALLYPORT_JOIN_TOKEN: '' });
    expect((await second.listening()).edgeId).toBe(plane.edgeId);
    expect(plane.joins.all).toHaveLength(1);
  });

  it('is not ready, and says so, as long as every request is denied for the age of its state', async () => {
    const edge = start();
    const listening = await edge.listening();
    const revoke = { stepUpAfter: '1s', denyNewSessionsAfter: '2s', denyAfter: '3s' };
    const documents = sampleDocuments().map((document) =>
      document.kind === 'Settings'
        ? { ...document, spec: { ...document.spec, staleness: { revoke } } }
        : document,
    );
    await feed(documents);
    await untilReady(listening);
    plane.close();
    const ready = async () => (await (await fetch(`${listening.ops}/readyz`)).json()) as unknown;
    await expect.poll(ready, { timeout: 15_000 }).toEqual({
      ready: false,
      reasons: ['state_too_old:revoke'],
      warnings: ['control_plane_unreachable'],
    });
    const answer = await requestPublic(listening.port, files.publicCa, host);
    expect([answer.status, answer.body]).toEqual([503, expect.stringContaining('state_too_old')]);
    await edge.logs.next((line) => line.includes('edge.not_ready'));
    await plane.open();
    const again = await plane.streams.next((stream) => stream.lanes.includes('revoke'));
    again.resume('revoke', 'tail', at(1));
    again.sendHeartbeat([['revoke', at(1)]]);
    await expect
      .poll(ready, { timeout: 15_000 })
      .toEqual({ ready: true, reasons: [], warnings: [] });
  });

  it('F42 drains on SIGTERM: says that it is not ready, goes on for a moment, takes no more connections, writes the last records, exit 0', async () => {
    const edge = start({ SALLYPORT_DRAIN_NOTICE_SECONDS: '1' });
    const listening = await edge.listening();
    await feed();
    await untilReady(listening);
    plane.acknowledgesRecords = false;
    edge.signal('SIGTERM');
    const draining = { status: 503, reasons: ['draining'] };
    await expect.poll(() => readiness(listening), { interval: 20 }).toEqual(draining);
    expect((await requestPublic(listening.port, files.publicCa, host)).status).toBe(302);
    await plane.records.next();
    expect(await edge.exited).toBe(0);
    expect(edge.lines.all.at(-1)).toMatchObject({ kind: 'access', host });
    const socket = connect(listening.port, '127.0.0.1');
    await expect(once(socket, 'connect')).rejects.toThrow('ECONNREFUSED');
    expect(edge.logs.all.some((line) => line.includes('"level":"error"'))).toBe(false);
  });

  it.each(['main', 'worker'] as const)(
    'F43 ends where something fails that nobody expected (%s), writes down what it has, and serves from its disk when it is started again',
    async (where) => {
      const edge = start({ NODE_OPTIONS: `--import=${poison(where)}` });
      const listening = await edge.listening();
      await feed();
      await untilReady(listening);
      await marksOnDisk();
      plane.close();
      await edge.logs.next((line) => line.includes('records.stream_ended'));
      expect((await requestPublic(listening.port, files.publicCa, host, '/last')).status).toBe(302);
      edge.signal('SIGUSR2');
      expect(await edge.exited).toBe(1);
      expect(edge.lines.all.at(-1)).toMatchObject({ kind: 'access', path: '/last' });
      expect(edge.logs.all.filter((line) => line.includes('Error: poison'))).toHaveLength(1);
      const again = start({ SALLYPORT_JOIN_TOKEN: '' });
      const started = await again.listening();
      await untilReady(started);
      expect((await requestPublic(started.port, files.publicCa, host)).status).toBe(302);
      await plane.open();
      const { recordsJson } = await plane.records.next();
      expect(recordsJson.map((json) => Buffer.from(json).toString()).join('')).toContain('"/last"');
    },
  );

  it('renews its certificates in time, without ending a connection or losing a position', async () => {
    plane.certificateLifeMs = 15_000;
    const edge = start();
    const listening = await edge.listening();
    await feed();
    await untilReady(listening);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const first = await requestPublic(listening.port, files.publicCa, host, '/', agent);
    const renewal = await plane.renewals.next();
    expect(renewal.assertionJwks).toHaveLength(2);
    const again = await plane.streams.next((one) => one.lanes.includes('revoke'));
    expect(again.have('revoke')?.position).toEqual(at(1));
    const second = await requestPublic(listening.port, files.publicCa, host, '/', agent);
    expect([first.status, second.status]).toEqual([302, 302]);
    expect(second.localPort).toBe(first.localPort);
    agent.destroy();
  });

  it('F26 decides while its output is stuck and nobody takes its records; killed, it has them and its state on disk, also where nobody can be asked', async () => {
    const edge = start();
    const listening = await edge.listening();
    const { revoke } = await feed();
    await untilReady(listening);
    const block = { kind: 'everyone', subjectId: '', expiresAtMs: null } as const;
    revoke.sendFrame('revoke', at(2), [{ op: 'block', revocationId: 'rev_1', ...block }]);
    await revoke.acked('revoke', at(2), AckStage.ENFORCED);
    await marksOnDisk();
    plane.close();
    await edge.logs.next((line) => line.includes('records.stream_ended'));
    edge.pauseOutput();
    const paths = Array.from({ length: 200 }, (_, at) => `/at/${at}`);
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    const answers = paths.map((path) =>
      requestPublic(listening.port, files.publicCa, host, path, agent),
    );
    for (const answer of await Promise.all(answers)) expect(answer.status).toBe(403);
    agent.destroy();
    // Once they are on disk, which only the kernel waits for.
    const figure = async (name: string) => {
      const text = await (await fetch(`${listening.ops}/metrics`)).text();
      return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
    };
    await expect.poll(() => figure('sallyport_edge_records_backlog')).toBe(200);
    await expect
      .poll(() => figure('sallyport_edge_records_spooled'), { timeout: 15_000 })
      .toBe(200);
    await edge.destroy();
    const again = start({ SALLYPORT_JOIN_TOKEN: '' });
    const started = await again.listening();
    await untilReady(started);
    const last = '/at/last';
    expect((await requestPublic(started.port, files.publicCa, host, last)).status).toBe(403);
    await plane.open();
    await expect.poll(() => sentLines().length, { timeout: 15_000 }).toBe(201);
    const recorded = sentLines().map((line) => (JSON.parse(line) as { path: string }).path);
    expect(new Set(recorded)).toEqual(new Set([...paths, last]));
  });

  it('F27 answers with 256 file descriptors, and lets in as many as these are enough for (row 145)', async () => {
    const edge = start({}, ['prlimit', '--nofile=256:256']);
    const listening = await edge.listening();
    const sockets = Array.from({ length: 400 }, () => connect(listening.port, '127.0.0.1'));
    await Promise.all(
      sockets.map(async (socket) => {
        socket.on('error', () => undefined);
        await new Promise((resolve) => {
          socket.once('connect', resolve);
          socket.once('close', resolve);
        });
      }),
    );
    const refusedFor = async (reason: string) => {
      const text = await (await fetch(`${listening.ops}/metrics`)).text();
      const name = `sallyport_edge_connections_refused_total{reason="${reason}"}`;
      return Number(
        text
          .split('\n')
          .find((line) => line.startsWith(name))
          ?.slice(name.length),
      );
    };
    // Two thirds of them, by half, for clients; the others are for upstreams and for itself.
    await expect.poll(() => refusedFor('descriptors'), { timeout: 10_000 }).toBe(400 - 85);
    expect(await refusedFor('address')).toBe(0);
    expect((await fetch(`${listening.ops}/healthz`)).status).toBe(200);
    for (const socket of sockets) socket.destroy();
    const answered = () =>
      requestPublic(listening.port, files.publicCa, host).then(
        ({ status }) => status,
        () => 0,
      );
    await expect.poll(answered, { timeout: 10_000 }).toBe(503);
    edge.signal('SIGTERM');
    expect(await edge.exited).toBe(0);
  });
});

describe('an edge process that cannot start', () => {
  it('names every problem of its configuration and exits before it listens', async () => {
    const edge = start({ SALLYPORT_WORKERS: 'many', SALLYPORT_LISTEN: '' });
    expect(await edge.exited).toBe(2);
    expect(edge.lines.all).toEqual([]);
    const text = edge.logs.all.join('\n');
    expect(text).toContain('SALLYPORT_WORKERS');
    expect(text).toContain('SALLYPORT_LISTEN');
  });

  it('sets no flag that this V8 does not know, for any version may do without it', async () => {
    const edge = start({ SALLYPORT_WORKERS: 'many' });
    await edge.exited;
    expect(edge.logs.all.join('\n')).not.toContain('unrecognized flag');
  });

  it('exits where OpenSSL was told otherwise, rather than send session tickets', async () => {
    const edge = start({ OPENSSL_CONF: '/dev/null' });
    expect(await edge.exited).toBe(1);
    expect(edge.lines.all).toEqual([]);
    expect(edge.logs.all.join('\n')).toContain('NumTickets = 0');
  });

  it('exits when its join token is refused', async () => {
    const edge = start({ SALLYPORT_JOIN_TOKEN: 'sp_join_other' });
    expect(await edge.exited).toBe(1);
    expect(edge.logs.all.join('\n')).toContain('the join token is not valid');
    expect(edge.logs.all.join('\n')).not.toContain('sp_join_other');
  });
});
