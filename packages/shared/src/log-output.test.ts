import { Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createLog } from './log.ts';
import { boundedLines } from './log-output.ts';

it('holds a bounded part of the log while nobody reads it, and says then what is missing', async () => {
  const read: string[] = [];
  let stuck = true;
  let go: () => void = () => undefined;
  const output = new Writable({
    write: (bytes: Buffer, _, done) => {
      read.push(bytes.toString('utf8'));
      if (stuck) go = done;
      else done();
    },
  });
  const log = createLog('info', {}, boundedLines(output));
  for (let at = 0; at < 5_000; at += 1) log.info('happened', { at, text: 'x'.repeat(1_000) });
  expect(output.writableLength).toBeLessThan(2 ** 20 + 2_000);
  stuck = false;
  go();
  while (output.writableLength > 0) await nextTurn();
  const kept = read.length;
  log.info('after');
  while (output.writableLength > 0) await nextTurn();
  expect(read.slice(kept).map((line) => JSON.parse(line) as object)).toMatchObject([
    { level: 'warn', event: 'log.lines_lost', lines: 5_000 - kept },
    { event: 'after' },
  ]);
});

it('goes on without a reader', async () => {
  const output = new Writable({ write: (_bytes, _, done) => done(new Error('EPIPE')) });
  const log = createLog('info', {}, boundedLines(output));
  log.info('first');
  await nextTurn();
  expect(() => log.info('second')).not.toThrow();
  await nextTurn();
  expect(output.writableLength).toBe(0);
});
