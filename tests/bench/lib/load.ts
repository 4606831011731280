import { readClient } from './client.ts';
import { KeepAlive } from './keep-alive.ts';
import { startMeter, type Used } from './meter.ts';
import { percentile } from './report.ts';

/**
 * A closed-loop HTTP/1.1 client over mutual TLS: a fixed number of keep-alive connections, one
 * request in flight on each. Prints one JSON object: see `LoadResult`.
 */
export interface LoadResult extends Used {
  readonly requests: number;
  readonly failures: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const environment = process.env;
const connections = Number(environment['CONNECTIONS'] ?? '32');
const warmupMs = Number(environment['WARMUP_MS'] ?? '1000');
const durationMs = Number(environment['SECONDS'] ?? '5') * 1000;
const client = readClient(environment);
const request = client.request(`GET ${environment['REQUEST_PATH'] ?? '/'}`);

const samples: number[] = [];
let failures = 0;
let measuring = false;

for (let index = 0; index < connections; index++) {
  new KeepAlive(client, request, {
    ready: (connection) => connection.ask(),
    answered: ({ askedAt }, ok) => {
      if (!measuring) return;
      if (ok) samples.push(performance.now() - askedAt);
      else failures += 1;
    },
  });
}

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
