import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestEdge } from './edge.ts';

/** Runs openssl to its end, with this for its input or until this, and gives all that it said. */
export async function openssl(
  args: readonly string[],
  input: string | (() => boolean),
): Promise<string> {
  const child = spawn('openssl', args);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stdin.on('error', () => undefined);
  const closed = once(child, 'close');
  if (typeof input !== 'string') while (!input() && child.exitCode === null) await sleep(10);
  child.stdin.end(typeof input === 'string' ? input : '');
  await closed;
  return output;
}

/** Another server of the names of an edge, which gives its clients leave to send early data. */
export class EarlyServer {
  readonly #dir: string;
  readonly #server: ChildProcess;
  readonly #port: number;
  #tickets = 0;

  private constructor(dir: string, server: ChildProcess, port: number) {
    this.#dir = dir;
    this.#server = server;
    this.#port = port;
  }

  static async start(edge: TestEdge, dir: string, ...names: string[]): Promise<EarlyServer> {
    const served = await edge.pki.servers(...names);
    const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
    await Promise.all([writeFile(cert, served.cert), writeFile(key, served.key)]);
    const server = spawn('openssl', [
      ...['s_server', '-accept', '127.0.0.1:0', '-tls1_3', '-early_data'],
      ...['-alpn', 'h2,http/1.1', '-cert', cert, '-key', key],
    ]);
    const port = await new Promise<number>((resolve) => {
      let said = '';
      server.stdout.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        const found = /ACCEPT .*:(\d+)/.exec(said);
        if (found !== null) resolve(Number(found[1]));
      });
    });
    return new EarlyServer(dir, server, port);
  }

  /** The file of a session with it; `more`: of the command of the client. */
  async ticket(name: string, ...more: readonly string[]): Promise<string> {
    this.#tickets += 1;
    const ticket = join(this.#dir, `session-${this.#tickets}.pem`);
    const to = ['-connect', `127.0.0.1:${this.#port}`, '-servername', name, '-tls1_3'];
    // The ticket comes behind the handshake.
    await openssl(['s_client', ...to, ...more, '-sess_out', ticket], () => existsSync(ticket));
    return ticket;
  }

  stop(): void {
    this.#server.kill();
  }
}
