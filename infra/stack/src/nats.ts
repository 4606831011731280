import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Installation } from './control-plane.ts';
import { natsConfiguration } from './paths.ts';
import type { StackPki } from './pki.ts';
import type { Running } from './running.ts';

const startMsMax = 10_000;
const pollMs = 20;

/**
 * Starts Debian's nats-server on loopback with the configuration that operators use: TLS, clients
 * by their certificates from the installation's authority, permissions by role.
 */
export async function startNats(
  running: Running,
  { nats }: StackPki,
  { edgeCa }: Pick<Installation, 'edgeCa'>,
  name = 'nats',
): Promise<{ readonly url: string; readonly pid: number }> {
  const port = await freePort();
  const { pid, ended } = running.start({
    name,
    entry: findProgram(),
    program: true,
    args: ['-c', natsConfiguration],
    env: {
      SALLYPORT_NATS_LISTEN: `127.0.0.1:${port}`,
      SALLYPORT_NATS_TLS_CERT: nats.cert,
      SALLYPORT_NATS_TLS_KEY: nats.key,
      SALLYPORT_NATS_CLIENT_CA: edgeCa,
    },
  });
  // Where it ends instead, the stack says what its last words were.
  await Promise.race([waitForPort(port), ended]);
  return { url: `tls://localhost:${port}`, pid };
}

function findProgram(): string {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];
  const program = folders.map((at) => join(at, 'nats-server')).find((file) => existsSync(file));
  if (program === undefined) {
    throw new Error('nats-server is not installed; on Debian: apt-get install nats-server');
  }
  return program;
}

/** It has a port of its own for good, so that it is found again after it was started again. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise<void>((done) => server.close(() => done()));
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}

/** Waits until something listens on this port of loopback. */
export async function waitForPort(port: number): Promise<void> {
  const giveUpAt = performance.now() + startMsMax;
  while (!(await listens(port))) {
    if (performance.now() > giveUpAt) {
      throw new Error(`nothing listens on ${port} after ${startMsMax / 1000} s`);
    }
    await sleep(pollMs);
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => done(true)).once('error', () => done(false));
    socket.once('connect', () => socket.destroy());
  });
}
