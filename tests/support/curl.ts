import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { StackDescription } from '@sallyport/stack';
import { findProgram } from './peers/program.ts';
import type { Session } from './sessions.ts';

const run = promisify(execFile);
const secondsMax = '120';

export const curlIsThere = findProgram('curl') !== null;

export interface Curled {
  readonly status: number;
  /** `1.1` or `2`. */
  readonly version: string;
  /** By name in lower case; of several the last. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  /** What `--verbose` says of what went on, where it was asked for. */
  readonly said: string;
  /** What `--write-out` says. */
  readonly written: string;
}

/** curl on the device of somebody's session, with its cookie unless that is left out. */
export class Curl {
  readonly #dir: string;
  readonly #options: readonly string[];
  #files = 0;

  private constructor(dir: string, options: readonly string[]) {
    this.#dir = dir;
    this.#options = options;
  }

  static async open(stack: StackDescription, { cookie, user }: Session): Promise<Curl> {
    const dir = await mkdtemp(join(tmpdir(), 'sallyport-curl-'));
    const { cert, key } = user.device;
    return new Curl(dir, [
      ...['--silent', '--show-error', '--max-time', secondsMax, '--cacert', stack.ca],
      ...['--cert', cert, '--key', key, '--header', `Cookie: ${cookie}`],
    ]);
  }

  /** The same client without some of its options, such as `--cert`; each of them has one value. */
  without(...names: readonly string[]): Curl {
    const kept = this.#options.filter(
      (one, at) => !names.includes(one) && !names.includes(this.#options[at - 1] ?? ''),
    );
    return new Curl(this.#dir, kept);
  }

  async ask(url: URL, ...more: readonly string[]): Promise<Curled> {
    const [head, body] = [this.#name(), this.#name()];
    const args = [...this.#options, '--dump-header', head, '--output', body, ...more, url.href];
    const { stdout, stderr } = await run('curl', [...args]);
    // Interim answers stand before the last one.
    const last = (await readFile(head, 'latin1')).trimEnd().split('\r\n\r\n').at(-1) ?? '';
    const [line = '', ...lines] = last.split('\r\n');
    const [, version = '', status] = /^HTTP\/([0-9.]+) ([0-9]{3})/.exec(line) ?? [];
    const headers = new Map(
      lines.map((one) => {
        const at = one.indexOf(':');
        return [one.slice(0, at).toLowerCase(), one.slice(at + 1).trim()] as const;
      }),
    );
    const bytes = await readFile(body).catch(() => Buffer.alloc(0));
    return { status: Number(status), version, headers, body: bytes, said: stderr, written: stdout };
  }

  /** Goes on until it is killed; what it prints comes as it comes. */
  follow(url: URL, ...more: readonly string[]): ChildProcess {
    return spawn('curl', [...this.#options, '--no-buffer', '--include', ...more, url.href], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }

  /** Writes a file to be sent; gives its name. */
  async file(bytes: Uint8Array): Promise<string> {
    const name = this.#name();
    await writeFile(name, bytes);
    return name;
  }

  async close(): Promise<void> {
    await rm(this.#dir, { recursive: true });
  }

  #name(): string {
    this.#files += 1;
    return join(this.#dir, String(this.#files));
  }
}
