import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { SpoolHome } from './testing/sample-spool.ts';

const program = new URL('./testing/limited-spool-child.ts', import.meta.url).pathname;
const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const one of cleanUp.splice(0).toReversed()) await one();
});

interface Answer {
  readonly result: unknown;
  readonly failing: boolean;
  readonly droppedTotal: { readonly permits: number };
  readonly damagedTotal: number;
  readonly events: readonly string[];
}

/** A spool in a process of its own, whose files may be given a largest size. */
class LimitedSpool {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(home: SpoolHome) {
    this.#child = spawn(process.execPath, [program, home.dir, home.keyText], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async run(command: string): Promise<Answer> {
    this.#child.stdin.write(`${command}\n`);
    const line: IteratorResult<string, unknown> = await this.#lines.next();
    if (line.done === true) throw new Error(`the process ended at "${command}"`);
    return JSON.parse(line.value) as Answer;
  }

  /** No file of it may grow above this. */
  limit(bytes: number | 'unlimited'): void {
    // The soft limit alone, so that it can be raised again by anybody.
    execFileSync('prlimit', ['--pid', String(this.#child.pid), `--fsize=${bytes}:unlimited`]);
  }

  async end(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.stdin.end();
    await exited;
  }
}

test('F26 a disk that takes half of a block and then no more costs nothing that was written', async () => {
  const home = await SpoolHome.make();
  cleanUp.push(() => home.remove());
  const spool = new LimitedSpool(home);
  cleanUp.push(() => spool.end());
  expect((await spool.run('append a')).result).toBe('written');
  spool.limit(6_000);
  expect(await spool.run('append b')).toMatchObject({ result: null, failing: true });
  expect(await spool.run('append c')).toMatchObject({ result: null, failing: true });
  spool.limit('unlimited');
  await expect.poll(async () => (await spool.run('append d')).result).toBe('written');
  expect((await spool.run('append e')).result).toBe('written');
  expect(await spool.run('read')).toMatchObject({
    result: ['a', 'd', 'e'],
    failing: false,
    droppedTotal: { permits: 0 },
    damagedTotal: 0,
    events: ['records.spool_failing', 'records.spool_recovered'],
  });
});
