import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { readAll, SpoolHome, textsOf } from './sample-spool.ts';

const program = new URL('./spool-child.ts', import.meta.url).pathname;

/** Runs the writer and kills it without warning at this line; returns the last that it said. */
async function runUntilLine(home: SpoolHome, first: number, lines: number): Promise<number> {
  const child = spawn(process.execPath, [program, home.dir, home.keyText, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  let said = first - 1;
  let left = lines;
  for await (const line of createInterface({ input: child.stdout })) {
    const [what, at] = line.split(' ');
    expect(what).toBe('written');
    said = Number(at);
    left -= 1;
    if (left === 0) child.kill('SIGKILL');
  }
  await exited;
  return said;
}

/**
 * Kills a writer again and again. What it said to be written is there, in order and whole; what was
 * being written is there whole, or is counted; nothing else is.
 */
export async function crashAgainAndAgain(rounds: number): Promise<void> {
  const home = await SpoolHome.make();
  try {
    let first = 0;
    for (let round = 0; round < rounds; round += 1) {
      const said = await runUntilLine(home, first, 1 + ((round * 7) % 23));
      const spool = await home.open();
      const blocks = await readAll(spool);
      const numbers = blocks.map((block) => Number(textsOf(block)[0]));
      expect(numbers).toEqual([...Array(numbers.length).keys()].map((at) => first + at));
      expect(numbers.at(-1)).toBeGreaterThanOrEqual(said);
      expect(blocks.every(({ records }) => records === 17)).toBe(true);
      // A block that was begun and is not whole shows, unless not even its header was written.
      const { permits, denials } = spool.droppedTotal;
      expect([0, 17]).toContain(permits + denials);
      if (permits + denials > 0) expect(spool.damagedTotal).toBe(1);
      await spool.confirm(blocks.map(({ number }) => number));
      await spool.close();
      first = (numbers.at(-1) ?? first - 1) + 1;
    }
  } finally {
    await home.remove();
  }
}
