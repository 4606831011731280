import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { BusCredentials } from '../bus/connection.ts';
import { type Authority, createAuthority, issueWithNewKey } from '../pki/issue.ts';

/** A real nats-server with the configuration that operators use, for tests. */
export interface TestNats {
  /** `tls://localhost:<port>`; the port stays over restarts. */
  readonly url: string;
  /** Authority of the server's certificate, PEM. */
  readonly ca: string;
  /** Authority of the clients. */
  readonly clients: Authority;
  readonly pid: () => number;
  /** As a client with this common name, by the authority of edges. */
  credentials(commonName: 'sallyport-control-plane' | 'sallyport-edge'): Promise<BusCredentials>;
  /** Kills the process, without a word to its clients. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Stops the process in its tracks: connections stay, and nothing is answered. */
  pause(): void;
  resume(): void;
  close(): Promise<void>;
}

const configuration = fileURLToPath(
  new URL('../../../../infra/nats/nats-server.conf', import.meta.url),
);
const startMsMax = 10_000;

/** Starts a server. `edgeCa`: authority of its clients; default: one of its own. */
export async function startTestNats(edgeCa?: Authority): Promise<TestNats> {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-nats-'));
  const web = await createAuthority({ name: 'test web CA', days: 1 });
  const clients = edgeCa ?? (await createAuthority({ name: 'test edge CA', days: 1 }));
  const port = await freePort();
  const server = await issueWithNewKey(web, {
    commonName: 'nats',
    dns: ['localhost'],
    usage: 'server',
    days: 1,
  });
  const files = {
    SALLYPORT_NATS_TLS_CERT: ['server.pem', server.certificatePem],
    SALLYPORT_NATS_TLS_KEY: ['server.key.pem', server.privateKeyPem],
    SALLYPORT_NATS_CLIENT_CA: ['clients.pem', clients.certificatePem],
  } as const;
  const env: NodeJS.ProcessEnv = { SALLYPORT_NATS_LISTEN: `127.0.0.1:${port}` };
  for (const [name, [file, text]] of Object.entries(files)) {
    env[name] = join(directory, file);
    await writeFile(join(directory, file), text, { mode: 0o600 });
  }
  let child: ChildProcess | null = null;
  const kill = async (): Promise<void> => {
    const running = child;
    child = null;
    if (running === null || running.exitCode !== null) return;
    const gone = once(running, 'exit');
    running.kill('SIGKILL');
    await gone;
  };
  const start = async (): Promise<void> => {
    child = spawn(findProgram(), ['-c', configuration], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await listening(child, port);
  };
  await start();
  return {
    url: `tls://localhost:${port}`,
    ca: web.certificatePem,
    clients,
    pid: () => child?.pid ?? 0,
    async credentials(commonName) {
      const order = { commonName, usage: 'client', days: 1 } as const;
      const { certificatePem, privateKeyPem } = await issueWithNewKey(clients, order);
      return { ca: web.certificatePem, certificate: certificatePem, privateKey: privateKeyPem };
    },
    kill,
    start,
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    async close() {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function findProgram(): string {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];
  const program = folders.map((at) => join(at, 'nats-server')).find((file) => existsSync(file));
  if (program !== undefined) return program;
  throw new Error('nats-server is not installed; on Debian: apt-get install nats-server');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}

async function listening(child: ChildProcess, port: number): Promise<void> {
  let words = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    words = `${words}${chunk.toString()}`.slice(-2_000);
  });
  const giveUpAt = performance.now() + startMsMax;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || performance.now() > giveUpAt) {
      throw new Error(`nats-server does not listen on ${port}: ${words}`);
    }
    await delay(10);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
