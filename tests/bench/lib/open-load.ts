import { readClient } from './client.ts';
import { KeepAlive } from './keep-alive.ts';
import type { LoadResult } from './load.ts';
import { startMeter } from './meter.ts';
import { percentile } from './report.ts';

/**
 * An open-loop client: so many requests a second (`RATE`) whether or not the ones before have been
 * answered. One that finds every connection busy waits for one, and the wait is part of its
 * latency. Prints one JSON object: see `LoadResult`.
 */
const environment = process.env;
const rate = Number(environment['RATE'] ?? '1000');
const connections = Number(environment['CONNECTIONS'] ?? '32');
const warmupMs = Number(environment['WARMUP_MS'] ?? '1000');
const durationMs = Number(environment['SECONDS'] ?? '5') * 1000;
const waitingMax = rate;
const client = readClient(environment);
const request = client.request('GET /');

const samples: number[] = [];
let failures = 0;
let measuring = false;
const idle: KeepAlive[] = [];
/** When each was due. */
const waiting: number[] = [];

for (let index = 0; index < connections; index++) {
  new KeepAlive(client, request, {
    ready: (connection) => {
      const due = waiting.shift();
      if (due !== undefined) connection.ask(due);
      // It may have been closed and opened again while it had nothing to do.
      else if (!idle.includes(connection)) idle.push(connection);
    },
    answered: ({ askedAt }, ok) => {
      if (!measuring) return;
      if (ok) samples.push(performance.now() - askedAt);
      else failures += 1;
    },
  });
}

const startedAt = performance.now();
let sent = 0;
// Requests of one millisecond leave together: what the timer is late is not the server's.
setInterval(() => {
  const now = performance.now();
  for (const due = ((now - startedAt) * rate) / 1000; sent < due; sent += 1) {
    // The one that has been idle for longest, so that none is closed for being idle.
    const connection = idle.shift();
    if (connection !== undefined) connection.ask(now);
    else if (waiting.push(now) > waitingMax) throw new Error('the server cannot keep up');
  }
}, 1);

setTimeout(() => {
  measuring = true;
  const used = startMeter(client.serverPids);
  setTimeout(() => {
    const result: LoadResult = {
      ...used(),
      requests: samples.length,
      failures,
      p50Ms: percentile(samples, 0.5),
      p99Ms: percentile(samples, 0.99),
    };
    process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
  }, durationMs);
}, warmupMs);
