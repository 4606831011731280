import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { LineWriter } from './line-writer.ts';

/** A reader that takes nothing until it is told to. */
function slowOutput() {
  let text = '';
  let open = false;
  let waiting: (() => void) | null = null;
  const output = new Writable({
    highWaterMark: 64,
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      if (open) done();
      else waiting = done;
    },
  });
  const read = () => {
    open = true;
    waiting?.();
  };
  return { output, read, text: () => text };
}

const record = (json: string, denial = false) => {
  const lines = new TextEncoder().encode(`${json}\n`);
  return { lines, bytes: lines.length, records: 1, denial };
};

describe('writing access records as lines', () => {
  it('begins with the first line, whatever came before it', async () => {
    const { output, read, text } = slowOutput();
    read();
    const lines = new LineWriter(output);
    lines.write(record('{"n":1}'));
    lines.start('{"listening":true}');
    lines.write(record('{"n":2}'));
    await lines.end(1_000);
    expect(text()).toBe('{"listening":true}\n{"n":1}\n{"n":2}\n');
  });

  it('never holds more than its bounds while nobody reads, and loses permits first', async () => {
    const { output, read, text } = slowOutput();
    const lines = new LineWriter(output);
    lines.start('start of the output, longer than the buffer of the stream, so that it blocks');
    for (let n = 0; n < 30_000; n += 1) lines.write(record(`{"n":${n}}`, n % 3 === 0));
    expect(output.writableLength).toBeLessThan(100);
    const { permits, denials } = lines.droppedTotal;
    expect([permits, denials]).toEqual([20_000, 0]);
    read();
    await lines.end(1_000);
    expect(text().trim().split('\n')).toHaveLength(1 + 10_000);
  });

  it('gives up waiting for a reader that does not come', async () => {
    const { output } = slowOutput();
    const lines = new LineWriter(output);
    lines.start('first');
    lines.write(record('{}'));
    await lines.end(10);
    expect(output.writableLength).toBeGreaterThan(0);
  });

  it('goes on without an output that fails', async () => {
    const lines = new LineWriter(
      new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) }),
    );
    lines.start('first');
    await new Promise((resolve) => setImmediate(resolve));
    lines.write(record('{}'));
    await lines.end(1_000);
  });
});
