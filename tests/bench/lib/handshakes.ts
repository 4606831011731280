import { connect } from 'node:tls';
import { readClient } from './client.ts';
import { startMeter, type Used } from './meter.ts';
import { percentile } from './report.ts';

/**
 * Opens a connection with a client certificate, asks for one page over it and opens the next: so
 * many at a time (`CONNECTIONS`). Nothing is resumed. Prints one JSON object: see `HandshakeResult`.
 */
export interface HandshakeResult extends Used {
  /** Connections over which the page came. */
  readonly connections: number;
  readonly failures: number;
  /** From the first byte to the end of the handshake, as the client sees it. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const environment = process.env;
const atATime = Number(environment['CONNECTIONS'] ?? '16');
const warmupMs = Number(environment['WARMUP_MS'] ?? '1000');
const durationMs = Number(environment['SECONDS'] ?? '5') * 1000;
const client = readClient(environment);
const request = client.request('GET /', ['connection: close']);

const samples: number[] = [];
let failures = 0;
let measuring = false;

function open(): void {
  const startedAt = performance.now();
  const socket = connect(client.tls);
  let tookMs = 0;
  let status = '';
  socket.setNoDelay(true);
  socket.once('secureConnect', () => {
    tookMs = performance.now() - startedAt;
    socket.write(request);
  });
  socket.once('data', (chunk: Buffer) => {
    status = chunk.toString('latin1', 0, 'HTTP/1.1 200'.length);
  });
  socket.on('data', () => undefined);
  socket.on('error', (error) => process.stderr.write(`${error.message}\n`));
  socket.once('close', () => {
    if (measuring && status === 'HTTP/1.1 200') samples.push(tookMs);
    else if (measuring) failures += 1;
    open();
  });
}

for (let index = 0; index < atATime; index++) open();
setTimeout(() => {
  measuring = true;
  const used = startMeter(client.serverPids);
  setTimeout(() => {
    const result: HandshakeResult = {
      ...used(),
      connections: samples.length,
      failures,
      p50Ms: percentile(samples, 0.5),
      p99Ms: percentile(samples, 0.99),
    };
    process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
  }, durationMs);
}, warmupMs);
