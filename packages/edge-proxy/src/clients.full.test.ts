import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { Agent } from 'node:https';
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { connect } from 'node:tls';
import { AckStage } from '@sallyport/proto';
import { apiVersion, type ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  createEdgeFiles,
  type EdgeFiles,
  EdgeProcess,
  type Listening,
  requestPublic,
} from './testing/edge-process.ts';
import { at, feedState, untilReady } from './testing/fed-edge.ts';
import { sampleDocuments } from './testing/sample-state.ts';
import { ScriptedControlPlane } from './testing/scripted-control-plane.ts';

/** An edge process with clients that take up its connections; what was measured is printed. */
const host = 'open.corp.test';
const answerMib = 64;

let plane: ScriptedControlPlane;
let files: EdgeFiles;
let upstream: Server;
let edge: EdgeProcess;
let listening: Listening;
let clients: Socket[] = [];
/** Answers that the upstream has not given yet. */
let held: ServerResponse[] = [];

beforeEach(async () => {
  plane = await ScriptedControlPlane.start();
  files = await createEdgeFiles(plane.target, plane.authority.certificatePem);
  upstream = createServer((request, response) => {
    if (request.url === '/large') Readable.from(large()).pipe(response);
    else if (request.url === '/held') held.push(response);
    else response.end('ok');
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
});
afterEach(async () => {
  for (const client of clients) client.destroy();
  clients = [];
  held = [];
  await edge.destroy();
  plane.close();
  upstream.closeAllConnections();
  upstream.close();
  await files.remove();
});

function* large(): Generator<Buffer> {
  const chunk = Buffer.alloc(2 ** 20, 'z');
  for (let mib = 0; mib < answerMib; mib += 1) yield chunk;
}

/** An edge with a route that lets anybody through to the upstream of this test. */
async function start(prefix: readonly string[] = []) {
  const { port } = upstream.address() as AddressInfo;
  const more: ConfigurationDocument[] = [
    {
      apiVersion,
      kind: 'Policy',
      metadata: { name: 'open' },
      spec: { allow: [{ name: 'anyone', anonymous: true }] },
    },
    {
      apiVersion,
      kind: 'Route',
      metadata: { name: 'open' },
      spec: {
        match: [{ host }],
        policies: ['open'],
        upstream: { url: `http://127.0.0.1:${port}`, plainHttp: true },
      },
    },
  ];
  const network = { internal: ['127.0.0.0/8'] };
  const listener = { slowClients: { responseIdle: '5s' } };
  const documents = sampleDocuments().map((document) =>
    document.kind === 'Settings'
      ? { ...document, spec: { ...document.spec, network, listener } }
      : document,
  );
  edge = new EdgeProcess({ ...files.environment, SALLYPORT_JOIN_TOKEN: plane.joinToken }, prefix);
  listening = await edge.listening();
  const { revoke } = await feedState(plane, [...documents, ...more]);
  await untilReady(listening);
  return revoke;
}

const proc = (file: string) => readFileSync(`/proc/${listening.pid}/${file}`, 'utf8');
const residentMib = () => Number(/^VmRSS:\s+(\d+)/m.exec(proc('status'))?.[1]) / 1_024;

/** Of a processor, of all threads (proc_pid_stat.5: utime and stime, in hundredths). */
function processorSeconds(): number {
  const fields = proc('stat')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function figure(name: string): Promise<number> {
  const text = await (await fetch(`${listening.ops}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? 0);
}

const ask = (agent: Agent | false = false) =>
  requestPublic(listening.port, files.publicCa, host, '/', agent).then(
    ({ status }) => status,
    () => 0,
  );

it('F27 with its file descriptors used up, it answers who is there, enforces, and lets others in again (row 145)', async () => {
  const revoke = await start(['prlimit', '--nofile=256:256']);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  expect(await ask(agent)).toBe(200);
  const used = processorSeconds();
  // They come again and again, as many as are turned away.
  for (let round = 1; round <= 5; round += 1) {
    const sockets = Array.from({ length: 300 }, () => connectTcp(listening.port, '127.0.0.1'));
    for (const socket of sockets) socket.on('error', () => undefined);
    clients.push(...sockets);
    const refused = () => figure('sallyport_edge_connections_refused_total{reason="descriptors"}');
    await expect.poll(refused, { timeout: 10_000 }).toBeGreaterThan(200 * round);
    expect(await ask(agent)).toBe(200);
    for (const path of ['healthz', 'readyz']) {
      expect((await fetch(`${listening.ops}/${path}`)).status).toBe(200);
    }
  }
  expect(await ask()).toBe(0);
  const block = { op: 'block', revocationId: 'rev_1', expiresAtMs: null } as const;
  revoke.sendFrame('revoke', at(2), [{ ...block, kind: 'user', subjectId: 'usr_a' }]);
  await revoke.acked('revoke', at(2), AckStage.ENFORCED);
  process.stdout.write(`\nF27: ${(processorSeconds() - used).toFixed(2)} s of a processor\n`);
  agent.destroy();
  for (const client of clients) client.destroy();
  await expect.poll(() => ask(), { timeout: 20_000 }).toBe(200);
}, 120_000);

it('F27 with requests that take every connection to upstreams, it lets clients in, is healthy and enforces', async () => {
  const revoke = await start(['prlimit', '--nofile=256:256']);
  const sessions = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const options = { servername: host, ca: files.publicCa };
      const session = connectHttp2(`https://127.0.0.1:${listening.port}`, options);
      session.on('error', () => undefined);
      await once(session, 'connect');
      return session;
    }),
  );
  const statuses = sessions.flatMap((session) =>
    Array.from({ length: 80 }, async () => {
      const stream = session.request({ ':path': '/held', ':authority': host });
      const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
      stream.resume();
      return headers[':status'];
    }),
  );
  // A third is its own, and half of the others for upstreams.
  const connections = () => figure('sallyport_edge_upstream_connections');
  await expect.poll(() => held.length, { timeout: 20_000 }).toBe(85);
  expect(await connections()).toBe(85);
  const busy = () => figure('sallyport_edge_upstream_busy_total{reason="connections"}');
  await expect.poll(busy, { timeout: 20_000 }).toBe(3 * 80 - 85);
  for (const path of ['healthz', 'readyz']) {
    expect((await fetch(`${listening.ops}/${path}`)).status).toBe(200);
  }
  expect(await ask()).toBe(503);
  const block = { op: 'block', revocationId: 'rev_1', expiresAtMs: null } as const;
  revoke.sendFrame('revoke', at(2), [{ ...block, kind: 'user', subjectId: 'usr_a' }]);
  await revoke.acked('revoke', at(2), AckStage.ENFORCED);
  for (const response of held) response.end('ok');
  const all = await Promise.all(statuses);
  expect([200, 503].map((status) => all.filter((one) => one === status).length)).toEqual([85, 155]);
  for (const session of sessions) session.destroy();
  expect(await ask()).toBe(200);
}, 120_000);

it('F33 with clients that read nothing of large answers, it holds little, serves others, and ends them', async () => {
  await start();
  expect(await ask()).toBe(200);
  const before = residentMib();
  const { port } = listening;
  await Promise.all(
    Array.from({ length: 100 }, async () => {
      const client = connect({ host: '127.0.0.1', port, servername: host, ca: files.publicCa });
      clients.push(client);
      client.on('error', () => undefined);
      await once(client, 'secureConnect');
      client.write(`GET /large HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      client.pause();
    }),
  );
  const open = () => figure('sallyport_edge_open_exchanges');
  await expect.poll(open, { timeout: 10_000 }).toBe(100);
  let most = residentMib();
  await expect
    .poll(
      async () => {
        most = Math.max(most, residentMib());
        expect(await ask()).toBe(200);
        return open();
      },
      { timeout: 60_000, interval: 200 },
    )
    .toBe(0);
  const grown = Math.round(most - before);
  process.stdout.write(`\nF33: 100 answers of ${answerMib} MiB made it grow by ${grown} MiB\n`);
  // Of 6,400 that were asked for.
  expect(grown).toBeLessThan(640);
}, 120_000);
