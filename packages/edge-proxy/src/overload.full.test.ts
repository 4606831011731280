import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { AckStage } from '@sallyport/proto';
import { apiVersion, type ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import type { RevokeOp } from '@sallyport/shared/state/model';
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
import type { ScriptedStream } from './testing/scripted-stream.ts';

/**
 * An edge process that runs out of memory. Health and revocation have to hold: the bounds of the
 * specification, doubled, are all that is asserted of time; what was measured is printed.
 */
const host = 'open.corp.test';
const boundMs = 2 * 2_000;

let plane: ScriptedControlPlane;
let files: EdgeFiles;
let upstream: Server;
let edge: EdgeProcess;
let listening: Listening;

beforeEach(async () => {
  plane = await ScriptedControlPlane.start();
  files = await createEdgeFiles(plane.target, plane.authority.certificatePem);
  upstream = createServer({ keepAliveTimeout: 60_000 });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
});
afterEach(async () => {
  await edge.destroy();
  plane.close();
  upstream.closeAllConnections();
  upstream.close();
  await files.remove();
});

/** An edge with a route that lets anybody through to the upstream of this test. */
async function start(environment: Readonly<Record<string, string>>) {
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
  const documents = sampleDocuments().map((document) =>
    document.kind === 'Settings'
      ? { ...document, spec: { ...document.spec, network: { internal: ['127.0.0.0/8'] } } }
      : document,
  );
  const join = { SALLYPORT_JOIN_TOKEN: plane.joinToken };
  edge = new EdgeProcess({ ...files.environment, ...join, ...environment });
  listening = await edge.listening();
  const { revoke } = await feedState(plane, [...documents, ...more]);
  await untilReady(listening);
  return revoke;
}

/** Sends the next revision of `revoke`; how long it took until no request was permitted on less. */
async function enforcedMs(revoke: ScriptedStream, op: RevokeOp): Promise<number> {
  const startedAt = performance.now();
  revoke.sendFrame('revoke', at(2), [op]);
  await revoke.acked('revoke', at(2), AckStage.ENFORCED);
  return performance.now() - startedAt;
}

async function figure(name: string): Promise<number> {
  const text = await (await fetch(`${listening.ops}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? 0);
}

/** The longest that health and readiness took to answer in ten rounds; both have to say yes. */
async function healthMs(): Promise<number> {
  let worst = 0;
  for (let round = 0; round < 10; round += 1) {
    for (const path of ['healthz', 'readyz']) {
      const startedAt = performance.now();
      expect((await fetch(`${listening.ops}/${path}`)).status).toBe(200);
      worst = Math.max(worst, performance.now() - startedAt);
    }
  }
  return worst;
}

async function warnings(): Promise<readonly string[]> {
  const answer = await fetch(`${listening.ops}/readyz`);
  return ((await answer.json()) as { readonly warnings: string[] }).warnings;
}

function report(fault: string, what: Readonly<Record<string, number>>): void {
  const text = Object.entries(what).map(([name, value]) => `${name} ${Math.round(value)}`);
  process.stdout.write(`\n${fault}: ${text.join(', ')}\n`);
}

it('F28 with little memory and requests that pile up, it turns requests away before there is none, and serves again', async () => {
  const revoke = await start({ NODE_OPTIONS: '--max-old-space-size=64' });
  const clients: TLSSocket[] = [];
  const filler = `X-Filler: ${'f'.repeat(15_000)}\r\n`;
  const requests = `GET / HTTP/1.1\r\nHost: ${host}\r\n${filler}\r\n`.repeat(16);
  const shed = () => figure('sallyport_edge_shed_total{reason="memory"}');
  // As many as one upstream lets wait, and then some.
  for (let at = 0; at < 256; at += 1) {
    if (at % 8 === 0 && (await shed()) > 0) break;
    const { port } = listening;
    const client = connect({ host: '127.0.0.1', port, servername: host, ca: files.publicCa });
    client.on('error', () => undefined);
    client.resume();
    await once(client, 'secureConnect');
    client.write(requests);
    clients.push(client);
  }
  await expect.poll(shed, { timeout: 20_000 }).toBeGreaterThan(0);
  expect(await warnings()).toContain('overloaded');
  const health = await healthMs();
  const block = { op: 'block', revocationId: 'rev_1', expiresAtMs: null } as const;
  const revoked = await enforcedMs(revoke, { ...block, kind: 'user', subjectId: 'usr_a' });
  expect(Math.max(health, revoked)).toBeLessThan(boundMs);
  const open = await figure('sallyport_edge_open_exchanges');
  const endedAt = performance.now();
  for (const client of clients) client.destroy();
  await expect.poll(warnings, { timeout: 30_000 }).not.toContain('overloaded');
  const back = performance.now() - endedAt;
  const wiki = await requestPublic(listening.port, files.publicCa, 'wiki.corp.test');
  expect(wiki.status).toBe(302);
  report('F28', {
    'exchanges that were open': open,
    'health within ms': health,
    'revocation enforced within ms': revoked,
    'serving again after ms': back,
  });
}, 120_000);
