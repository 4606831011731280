import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AccessRecord } from '@sallyport/shared/access-record';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordOfUnreadable } from '../request/8-record/record.ts';
import { RawClient } from '../request/testing/client.ts';
import { TestEdge } from '../request/testing/edge.ts';
import { RecordOutbox } from './record-outbox.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());

/** The lines that a worker hands on for these records. */
function linesOf(records: readonly AccessRecord[]): Uint8Array[] {
  const posted: Uint8Array[] = [];
  const outbox = new RecordOutbox(({ records: batch }) => {
    posted.push(...batch.map(({ lines }) => lines));
  });
  for (const record of records) outbox.push(record);
  outbox.flush();
  return posted;
}

describe('the lines of access records', () => {
  it('are UTF-8 and JSON, bounded, and do nothing to a terminal, whatever a client sends', async () => {
    const agents = [
      '\xff\xfe\xc3(',
      '\x80\x9b31mred',
      'tab\there',
      '\xe2\x80\xae\xef\xbb\xbf',
      'x'.repeat(12_000),
      'y'.repeat(65_536),
    ];
    const paths = ['/', '/%ff%fe', '/%0d%0a%1b[2J', '/\xff\xe2\x80\xa8', `/${'p'.repeat(8_000)}`];
    for (const [index, agent] of agents.entries()) {
      const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
      const path = paths[index] ?? '/';
      client.send(`GET ${path} HTTP/1.1\r\nHost: app.corp.test\r\nUser-Agent: ${agent}\r\n\r\n`);
      await client.response();
      client.close();
    }
    await expect.poll(() => edge.records.all.length).toBe(agents.length);
    const base = edge.records.all[0];
    if (base === undefined) throw new Error('no record');
    const hostile = ['\u007f', '\u009b', '\u2028', '\u202e', '\ud800', '\ufeff', '\u0000\n', 'ü'];
    const made = hostile.map((text) => ({ ...base, userAgent: text, path: `/${text}` }));
    const records = [...edge.records.all, ...made];
    const texts = linesOf(records).map((lines) =>
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(lines),
    );
    // Nothing but line feeds acts.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    const acting = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\ufeff\ud800-\udfff]/;
    expect(texts.filter((text) => acting.test(text))).toEqual([]);
    const lines = texts.flatMap((text) => text.split('\n').slice(0, -1));
    expect(lines.every((line) => line.length < 4_096)).toBe(true);
    const read = lines.map((line) => JSON.parse(line) as AccessRecord);
    expect(read.map(({ userAgent }) => userAgent)).toEqual(
      expect.arrayContaining(hostile.filter((text) => text !== '\ud800')),
    );
    expect(read).toHaveLength(records.length);
  });
});

describe('the way of access records out of a worker', () => {
  /** The worker's end, and what the main thread has got of it. */
  function outboxOf() {
    const batches: number[] = [];
    const outbox = new RecordOutbox(({ records }) => {
      batches.push(records.reduce((sum, lines) => sum + lines.records, 0));
    });
    return { outbox, batches };
  }
  const from = { sourceAddress: '192.0.2.1', serverName: '', peer: null };
  const recorder = { edge: 'edg_test', region: 'test' };
  const record = (outcome: AccessRecord['outcome']): AccessRecord => ({
    ...recordOfUnreadable(from, 'tls_failed', 0, Date.now(), recorder),
    outcome,
    userAgent: 'x'.repeat(2_000),
  });
  const sumOf = (batches: readonly number[]) => batches.reduce((sum, records) => sum + records, 0);
  const push = (outbox: RecordOutbox, count: number) => {
    for (let at = 0; at < count; at += 1) {
      outbox.push(record(at % 10 === 0 ? 'deny' : 'permit'));
    }
  };

  it('is empty when those are handed on that came while somebody waited for that', async () => {
    const { outbox, batches } = outboxOf();
    push(outbox, 5_000);
    outbox.flush();
    const inFlight = batches.length;
    let handedOn = 0;
    const emptied = outbox.emptied().then(() => {
      handedOn = sumOf(batches);
    });
    push(outbox, 3);
    for (let taken = 0; taken < batches.length; taken += 1) {
      outbox.taken(1);
      await nextTurn();
    }
    await emptied;
    expect(batches.length).toBeGreaterThan(inFlight);
    expect(handedOn).toBe(5_003);
  });

  it('hands on by itself what is enough for a batch, and the rest soon', async () => {
    const { outbox, batches } = outboxOf();
    push(outbox, 400);
    expect(batches.length).toBeGreaterThan(0);
    expect(sumOf(batches)).toBeLessThan(400);
    await expect.poll(() => sumOf(batches)).toBe(400);
  });
});
