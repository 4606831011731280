import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createAuthority, issueWithNewKey } from '@sallyport/shared/pki/issue';
import { Arrivals } from './arrivals.ts';

/** A real edge process, started from its main.ts. */

export interface EdgeFiles {
  readonly dir: string;
  readonly environment: Readonly<Record<string, string>>;
  /** PEM of the authority of the public listener. */
  readonly publicCa: string;
  remove(): Promise<void>;
}

/** Files and environment for an edge with a public listener for `*.corp.test`. */
export async function createEdgeFiles(
  controlPlanes: string,
  controlPlaneCaPem: string,
): Promise<EdgeFiles> {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-edge-process-'));
  const authority = await createAuthority({ name: 'public', days: 1 });
  const listener = await issueWithNewKey(authority, {
    commonName: 'corp.test',
    dns: ['*.corp.test'],
    usage: 'server',
    days: 1,
  });
  const file = async (name: string, text: string) => {
    await writeFile(join(dir, name), text, { mode: 0o600 });
    return join(dir, name);
  };
  const certificate = await file('listener.pem', listener.certificatePem);
  const key = await file('listener.key.pem', listener.privateKeyPem);
  return {
    dir,
    publicCa: authority.certificatePem,
    environment: {
      SALLYPORT_HOME: join(dir, 'home'),
      SALLYPORT_LISTEN: '127.0.0.1:0',
      SALLYPORT_OPS_LISTEN: '127.0.0.1:0',
      SALLYPORT_TLS_CERTIFICATES: `${certificate}:${key}`,
      SALLYPORT_CONTROL_PLANES: controlPlanes,
      SALLYPORT_CONTROL_PLANE_CA: await file('control-plane-ca.pem', controlPlaneCaPem),
      SALLYPORT_REGION: 'eu',
      // The default data would cost every one of these processes seconds and 130 MB.
      SALLYPORT_PLACES_CITY_FILES: 'none',
      SALLYPORT_DRAIN_SECONDS: '5',
      SALLYPORT_DRAIN_NOTICE_SECONDS: '0',
    },
    remove: () => rm(dir, { recursive: true }),
  };
}

export interface Listening {
  readonly listening: true;
  readonly port: number;
  /** Where front proxies ask for verdicts. */
  readonly verdicts: number | null;
  readonly ops: string;
  readonly edgeId: string;
  readonly pid: number;
}

export class EdgeProcess {
  readonly lines = new Arrivals<Record<string, unknown>>();
  readonly logs = new Arrivals<string>();
  /** The exit code; null: ended by a signal. */
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  #killed = false;

  /** `prefix`: a command that runs the one behind it in its own place, such as prlimit. */
  constructor(environment: Readonly<Record<string, string>>, prefix: readonly string[] = []) {
    const main = fileURLToPath(new URL('../main.ts', import.meta.url));
    const [program, ...args] = [...prefix, process.execPath, main];
    this.#child = spawn(program, args, {
      env: { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error('the process has no pipes');
    createInterface({ input: stdout }).on('line', (line) => this.#read(line));
    createInterface({ input: stderr }).on('line', (line) => this.logs.push(line));
    this.exited = new Promise((resolve) => this.#child.on('close', (code) => resolve(code)));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The first line of its output; rejects if it ends before. */
  async listening(): Promise<Listening> {
    const ended = this.exited.then((code) => {
      throw new Error(`the edge ended with ${code}:\n${this.logs.all.join('\n')}`);
    });
    const line = await Promise.race([this.lines.next((one) => 'listening' in one), ended]);
    return line as unknown as Listening;
  }

  /** Stops reading its output, as a log collector that has died. */
  closeOutput(): void {
    this.#child.stdout?.destroy();
  }

  /** Leaves its output unread from now on. */
  pauseOutput(): void {
    this.#child.stdout?.pause();
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  #read(line: string): void {
    try {
      this.lines.push(JSON.parse(line) as Record<string, unknown>);
    } catch (error) {
      // The last line of one that is killed may be half a line.
      if (!this.#killed) throw error;
    }
  }

  /** Ends it, whatever it does, and waits for that. */
  async destroy(): Promise<void> {
    this.#killed = true;
    this.#child.kill('SIGKILL');
    await this.exited;
  }
}

export interface PublicAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** Of our end of the connection. */
  readonly localPort: number | undefined;
}

/** One request to the public listener, as a browser would make it; by default on a new connection. */
export function requestPublic(
  port: number,
  ca: string,
  host: string,
  path = '/',
  agent: Agent | false = false,
  headers: Readonly<Record<string, string>> = {},
): Promise<PublicAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        path,
        servername: host,
        ca,
        agent,
        headers: { host, accept: 'text/html', ...headers },
      },
      (response) => {
        const { localPort } = response.socket;
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body,
            localPort,
          }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end();
  });
}
