import { type ChildProcess, spawn } from 'node:child_process';
import type { TLSSocket } from 'node:tls';
import type { DirectoryOp } from '@sallyport/shared/state/model';
import { afterEach, expect, it } from 'vitest';
import { type OfferedState, offeredState } from './testing/offered-state.ts';
import { OpenEdge, openHost, report } from './testing/open-edge.ts';

/**
 * An edge process that runs out of memory, or of processor. Health and revocation have to hold: the
 * bounds of the specification, doubled, are all that is asserted of time; what was measured is
 * printed.
 */
const boundMs = 2 * 2_000;

let edge: OpenEdge;
let clients: TLSSocket[] = [];
let loops: ChildProcess[] = [];
afterEach(async () => {
  for (const loop of loops) loop.kill('SIGKILL');
  loops = [];
  for (const client of clients) client.destroy();
  clients = [];
  await edge.stop();
});

/** The longest that health and readiness took to answer in ten rounds; both have to say yes. */
async function healthMs(): Promise<number> {
  let worst = 0;
  for (let round = 0; round < 10; round += 1) {
    for (const path of ['healthz', 'readyz']) {
      const startedAt = performance.now();
      expect(await edge.ops(path)).toBe(200);
      worst = Math.max(worst, performance.now() - startedAt);
    }
  }
  return worst;
}

const warnings = () => edge.warnings();
const shed = (reason: string) => edge.figure(`sallyport_edge_shed_total{reason="${reason}"}`);

async function expectWell(): Promise<number> {
  const endedAt = performance.now();
  await expect.poll(warnings, { timeout: 60_000 }).not.toContain('overloaded');
  expect(await edge.ask()).toBe(200);
  return performance.now() - endedAt;
}

const devices = 100_000;

/** Each with a certificate and a kilobyte of posture, which is another at each revision. */
function manyDevices(rev: number): OfferedState {
  const posture = [{ name: 'disk', value: `${rev}`.padEnd(1_000, '.'), observedAtMs: 0 }];
  const of = (index: number): DirectoryOp[] => {
    const id = `dev_${index}`;
    const sha256 = index.toString(16).padStart(64, '0');
    return [
      { op: 'device', id, name: `laptop ${index}`, managed: true, ownerUserId: 'usr_a', posture },
      {
        ...{ op: 'device_certificate', sha256, deviceId: id },
        ...{ notBeforeMs: 0, notAfterMs: 4_102_444_800_000 },
      },
    ];
  };
  const ops = Array.from({ length: devices }, (_, index) => of(index)).flat();
  return offeredState('directory', { epoch: 1, rev }, ops);
}

it('F28 with 256 MiB of heap, 100,000 devices and requests with large bodies that pile up, it turns requests away before there is none, takes a new state without a third copy, and serves again', async () => {
  const [first, second] = [manyDevices(2), manyDevices(3)];
  const copyMib = first.shards.reduce((sum, { bytes }) => sum + bytes.length, 0) / 2 ** 20;
  edge = await OpenEdge.start({
    // Whoever asks for /held waits, and nobody reads what comes with it.
    upstream: (request, response) => {
      if (request.url !== '/held') response.end('ok');
    },
    limits: { connections: 2_048, queue: 65_535 },
    environment: { NODE_OPTIONS: '--max-old-space-size=256' },
  });
  await edge.replaceDirectory(first);
  const header = `Host: ${openHost}\r\nX-Filler: ${'f'.repeat(15_000)}\r\n`;
  const requests = `GET /held HTTP/1.1\r\n${header}\r\n`.repeat(15);
  const upload = `POST /held HTTP/1.1\r\n${header}Content-Length: ${2 ** 30}\r\n\r\n`;
  const piece = Buffer.alloc(2 ** 18, 'b');
  for (let at = 0; at < 2_048; at += 1) {
    if (at % 8 === 0 && (await shed('memory')) > 0) break;
    // From an address of its own, for nobody gets all that an upstream lets wait.
    const client = await edge.connect(
      'http/1.1',
      `127.0.${2 + Math.floor(at / 250)}.${1 + (at % 250)}`,
    );
    client.resume();
    client.write(requests);
    client.write(upload);
    client.write(piece);
    clients.push(client);
  }
  await expect.poll(() => shed('memory'), { timeout: 20_000 }).toBeGreaterThan(0);
  await expect.poll(warnings).toContain('overloaded');
  const open = await edge.figure('sallyport_edge_open_exchanges');
  const before = edge.residentMib();
  edge.forgetPeak();
  const swap = edge.replaceDirectory(second);
  const health = await healthMs();
  const revoked = await edge.enforcedMs();
  await swap;
  const more = edge.peakMib() - before;
  expect(Math.max(health, revoked)).toBeLessThan(boundMs);
  expect(more).toBeLessThan(2 * copyMib);
  for (const client of clients) client.destroy();
  const back = await expectWell();
  report('F28', {
    'exchanges that were open': open,
    'health within ms': health,
    'revocation enforced within ms': revoked,
    'a copy of the state, MiB': copyMib,
    'MiB more while it was replaced': more,
    'serving again after ms': back,
  });
}, 240_000);

/** Asks again and again, sixteen requests at a time, as soon as the sixteen before are answered. */
function keepAsking(client: TLSSocket, answered: (status: string) => void): void {
  const request = `GET / HTTP/1.1\r\nHost: ${openHost}\r\n\r\n`;
  let left = 0;
  const ask = (): void => {
    left = 16;
    if (!client.destroyed) client.write(request.repeat(left));
  };
  client.setEncoding('latin1').on('data', (text: string) => {
    for (const [, status = ''] of text.matchAll(/HTTP\/1\.1 (\d{3})/g)) {
      answered(status);
      left -= 1;
      if (left === 0) ask();
    }
  });
  ask();
}

it('F29 with two busy loops on its one core and more requests than it can serve, it sheds load, is healthy, enforces, and serves all again', async () => {
  const environment = { SALLYPORT_OVERLOAD_LAG_MS: '100' };
  edge = await OpenEdge.start({ prefix: ['taskset', '-c', '0'], environment });
  const quiet = { health: await healthMs(), revoked: await edge.enforcedMs('usr_b') };
  loops = [1, 2].map(() =>
    spawn('taskset', ['-c', '0', process.execPath, '-e', 'for (;;);'], { stdio: 'ignore' }),
  );
  const statuses = new Map<string, number>();
  const count = (status: string) => statuses.set(status, (statuses.get(status) ?? 0) + 1);
  for (let at = 0; at < 400; at += 1) {
    const client = await edge.connect();
    clients.push(client);
    keepAsking(client, count);
  }
  await expect.poll(() => shed('lag'), { timeout: 60_000 }).toBeGreaterThan(100);
  await expect.poll(warnings).toContain('overloaded');
  const health = await healthMs();
  const revoked = await edge.enforcedMs();
  expect(Math.max(health, revoked)).toBeLessThan(boundMs);
  // Those that are not turned away are served, all of them.
  await expect.poll(() => statuses.get('503') ?? 0, { timeout: 20_000 }).toBeGreaterThan(100);
  expect(new Set(statuses.keys())).toEqual(new Set(['200', '503']));
  for (const client of clients) client.destroy();
  const back = await expectWell();
  report('F29', {
    'served meanwhile': statuses.get('200') ?? 0,
    'turned away': statuses.get('503') ?? 0,
    'health before, ms': quiet.health,
    'health, ms': health,
    'revocation before, ms': quiet.revoked,
    'revocation, ms': revoked,
    'all served again after ms, the loops still there': back,
  });
}, 180_000);
