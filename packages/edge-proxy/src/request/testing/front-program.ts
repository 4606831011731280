import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { vi } from 'vitest';

/** The examples for front proxies, and the proxies that they are for. */
const examples = join(import.meta.dirname, '../../../../../infra/forward-auth');

/** Where one of them runs: its folder has the certificates. */
export interface Site {
  readonly dir: string;
  /** What it is for; in the examples, wiki.corp.example. */
  readonly host: string;
  readonly port: number;
  /** The edge's listener for front proxies, and the application. */
  readonly verdicts: number;
  readonly app: number;
}

export interface FrontProgram {
  readonly name: string;
  readonly program: string;
  readonly dialect: 'nginx' | 'x-forwarded';
  /** Writes its configuration; gives the arguments to run it with. */
  readonly prepare: (site: Site) => Promise<readonly string[]>;
}

async function example(name: string, folder: string, site: Site): Promise<string> {
  const text = await readFile(join(examples, name), 'utf8');
  return text
    .replaceAll('edge.internal:9444', `127.0.0.1:${site.verdicts}`)
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${site.app}`)
    .replaceAll(folder, `${site.dir}/`);
}

export const frontPrograms: readonly FrontProgram[] = [
  {
    name: 'nginx',
    program: '/usr/sbin/nginx',
    dialect: 'nginx',
    prepare: async (site) => {
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
      const file = join(site.dir, 'whole.conf');
      const text = await example('nginx.conf', '/etc/nginx/', site);
      await writeFile(
        file,
        [
          `daemon off; pid ${site.dir}/nginx.pid; error_log stderr;`,
          process.getuid?.() === 0 ? 'user root;' : '',
          'worker_processes 1; events {}',
          'http { access_log off;',
          ...temporary.map((name) => `${name}_temp_path ${site.dir}/${name};`),
          text
            .replaceAll('wiki.corp.example', site.host)
            .replace('listen 443 ssl', `listen 127.0.0.1:${site.port} ssl`),
          '}',
        ].join('\n'),
      );
      return ['-p', site.dir, '-c', file, '-e', 'stderr'];
    },
  },
  {
    name: 'Caddy',
    program: '/usr/bin/caddy',
    dialect: 'x-forwarded',
    prepare: async (site) => {
      const file = join(site.dir, 'Caddyfile');
      const text = await example('Caddyfile', '/etc/caddy/', site);
      await writeFile(
        file,
        `{\n\tadmin off\n\tauto_https off\n\tstorage file_system ${site.dir}/storage\n}\n` +
          text
            .replace('wiki.corp.example {', `${site.host}:${site.port} {\n\tbind 127.0.0.1`)
            .replaceAll('wiki.corp.example', site.host),
      );
      return ['run', '--config', file, '--adapter', 'caddyfile'];
    },
  },
];

/** One that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A front proxy that runs; it ends with `stop`. */
export class RunningFront {
  readonly port: number;
  readonly #child: ChildProcess;
  #said = '';

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
    child.stderr?.setEncoding('utf8').on('data', (part: string) => {
      this.#said += part;
    });
  }

  /** Resolves when it takes connections. `files`: what its folder has to have. */
  static async start(
    { program, prepare }: FrontProgram,
    site: Site,
    files: Readonly<Record<string, string>>,
  ): Promise<RunningFront> {
    await mkdir(site.dir);
    for (const [name, text] of Object.entries(files)) await writeFile(join(site.dir, name), text);
    // It ends with this process, however that ends.
    const command = ['--pdeathsig', 'TERM', program, ...(await prepare(site))];
    const child = spawn('setpriv', command, {
      env: { ...process.env, HOME: site.dir, XDG_DATA_HOME: site.dir, XDG_CONFIG_HOME: site.dir },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const running = new RunningFront(child, site.port);
    await vi
      .waitFor(
        async () => {
          if ((await running.#state()) === 'not yet') throw new Error('not yet');
        },
        { timeout: 20_000 },
      )
      .catch(() => undefined);
    if ((await running.#state()) !== 'listening') {
      await running.stop();
      throw new Error(`${program} does not listen; it said: ${running.#said}`);
    }
    return running;
  }

  async #state(): Promise<'listening' | 'not yet' | 'gone'> {
    if (this.#child.exitCode !== null) return 'gone';
    try {
      (await this.connect()).destroy();
      return 'listening';
    } catch {
      return 'not yet';
    }
  }

  async connect(): Promise<Socket> {
    const socket = connect(this.port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill();
    await gone;
  }
}
