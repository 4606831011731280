import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';

/**
 * A closed-loop HTTP/1.1 client over mutual TLS: a fixed number of keep-alive connections, one
 * request in flight on each. Prints one JSON object: see `LoadResult`.
 */
export interface LoadResult {
  readonly requests: number;
  readonly failures: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor seconds of this client. */
  readonly cpuSeconds: number;
}

const environment = process.env;
const port = Number(environment['PORT']);
const host = environment['HOST_NAME'] ?? '';
const connections = Number(environment['CONNECTIONS'] ?? '32');
const warmupMs = Number(environment['WARMUP_MS'] ?? '1000');
const durationMs = Number(environment['SECONDS'] ?? '5') * 1000;
const cookie = environment['COOKIE'] ?? '';
const request = Buffer.from(
  [
    `GET ${environment['REQUEST_PATH'] ?? '/'} HTTP/1.1`,
    `host: ${host}`,
    'user-agent: sallyport-bench',
    'accept: */*',
    ...(cookie === '' ? [] : [`cookie: ${cookie}`]),
    '',
    '',
  ].join('\r\n'),
);
const tls = {
  port,
  host: '127.0.0.1',
  servername: host.split(':')[0] ?? host,
  ca: readFileSync(environment['CA'] ?? ''),
  cert: readFileSync(environment['CERT'] ?? ''),
  key: readFileSync(environment['KEY'] ?? ''),
};

const samples: number[] = [];
let failures = 0;
let measuring = false;

function run(): void {
  const socket = connect(tls);
  let sentAt = 0;
  let buffered = '';
  let missing = -1;
  let last = false;
  const send = (): void => {
    sentAt = performance.now();
    socket.write(request);
  };
  const done = (ok: boolean): void => {
    if (measuring) {
      if (ok) samples.push(performance.now() - sentAt);
      else failures += 1;
    }
    missing = -1;
    buffered = '';
    if (last) socket.end();
    else send();
  };
  socket.setNoDelay(true);
  socket.once('secureConnect', send);
  socket.on('data', (chunk: Buffer) => {
    if (missing >= 0) {
      missing -= chunk.length;
      if (missing === 0) done(true);
      return;
    }
    buffered += chunk.toString('latin1');
    const end = buffered.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = buffered.slice(0, end);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    const ok = head.startsWith('HTTP/1.1 200');
    last = /\r\nconnection: *close/i.test(head);
    if (length === undefined) {
      process.stderr.write(`unexpected answer:\n${head}\n`);
      process.exit(1);
    }
    missing = Number(length) - (buffered.length - end - 4);
    if (missing === 0) done(ok);
    else if (!ok) failures += 1;
  });
  socket.on('error', (error) => {
    process.stderr.write(`${error.message}\n`);
    failures += 1;
  });
  // A server may end a connection after so many requests, as the edge does: the next one follows.
  socket.on('close', run);
}

for (let index = 0; index < connections; index++) run();
setTimeout(() => {
  measuring = true;
  const startedAt = performance.now();
  const cpuAtStart = process.cpuUsage();
  setTimeout(() => {
    const seconds = (performance.now() - startedAt) / 1000;
    const cpu = process.cpuUsage(cpuAtStart);
    samples.sort((a, b) => a - b);
    const result: LoadResult = {
      requests: samples.length,
      failures,
      seconds,
      p50Ms: samples[Math.floor(samples.length * 0.5)] ?? Number.NaN,
      p99Ms: samples[Math.floor(samples.length * 0.99)] ?? Number.NaN,
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
    };
    process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
  }, durationMs);
}, warmupMs);
