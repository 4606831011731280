import { createLog } from '@sallyport/shared/log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlChannel } from '../../identity/control-channel.ts';
import { ScriptedControlPlane } from '../../testing/scripted-control-plane.ts';
import { RecordUplink } from './record-uplink.ts';
import type { RecordSpool } from './spool/spool.ts';
import { linesOf, SpoolHome, textsOf } from './spool/testing/sample-spool.ts';

let plane: ScriptedControlPlane;
let home: SpoolHome;
let running: { readonly uplink: RecordUplink; readonly channel: ControlChannel }[] = [];

beforeEach(async () => {
  plane = await ScriptedControlPlane.start();
  home = await SpoolHome.make();
});
afterEach(async () => {
  for (const { uplink, channel } of running.splice(0)) {
    await uplink.stop(0);
    channel.close();
  }
  running = [];
  plane.close();
  await home.remove();
});

async function start(bytesMax?: number) {
  const channel = new ControlChannel([plane.target], await plane.edgeTrust());
  const spool = await home.open(bytesMax);
  const full: boolean[] = [];
  const log = createLog('error', {}, () => undefined);
  const uplink = new RecordUplink({ channel, spool, onFull: (one) => full.push(one), log });
  running.push({ uplink, channel });
  uplink.start();
  return { uplink, spool, full };
}

const texts = (count: number, of: string) => [...Array(count).keys()].map((at) => `${of}${at}`);

/** What the control plane was sent, in order, until it is so much. */
async function sent(count: number): Promise<string[]> {
  const all = () =>
    plane.records.all.flatMap(({ recordsJson }) =>
      recordsJson.flatMap((json) => textsOf({ lines: new Uint8Array(json) })),
    );
  await expect.poll(() => new Set(all()).size, { timeout: 15_000 }).toBeGreaterThanOrEqual(count);
  return [...new Set(all())];
}

const isWritten = (spool: RecordSpool, records: number) =>
  expect.poll(() => spool.records, { timeout: 10_000 }).toBe(records);

describe('access records that no control plane takes', () => {
  it('go to disk, and up in their order when one is back, before those that came later', async () => {
    plane.close();
    const { uplink, spool } = await start();
    for (const text of texts(20, 'a')) uplink.push(linesOf([text]));
    await isWritten(spool, 20);
    for (const text of texts(5, 'b')) uplink.push(linesOf([text]));
    await isWritten(spool, 25);
    await plane.open();
    for (const text of texts(5, 'c')) uplink.push(linesOf([text]));
    expect(await sent(30)).toEqual([...texts(20, 'a'), ...texts(5, 'b'), ...texts(5, 'c')]);
    await expect.poll(() => [uplink.backlog, spool.bytes], { timeout: 10_000 }).toEqual([0, 0]);
  });

  it('stay on disk when the process ends, and go up from the next one', async () => {
    plane.close();
    const { uplink } = await start();
    for (const text of texts(5, 'a')) uplink.push(linesOf([text]));
    await uplink.stop(0);
    running.splice(0).forEach(({ channel }) => channel.close());
    await plane.open();
    const next = await start();
    expect(await sent(5)).toEqual(texts(5, 'a'));
    await expect.poll(() => next.spool.bytes, { timeout: 10_000 }).toBe(0);
  });

  it('are counted as lost only where they are, not where they are under way as well', async () => {
    plane.acknowledgesRecords = false;
    const { uplink, spool } = await start(2 ** 20);
    const filler = 'x'.repeat(4_000);
    for (const text of texts(20, 'a')) uplink.push(linesOf([text, filler]));
    await plane.records.next();
    plane.close();
    await isWritten(spool, 40);
    for (const text of texts(1_200, 'b')) uplink.push(linesOf([text, filler]));
    await expect.poll(() => spool.droppedTotal.permits, { timeout: 15_000 }).toBeGreaterThan(1_500);
    plane.acknowledgesRecords = true;
    await plane.open();
    await expect.poll(() => [uplink.backlog, spool.bytes], { timeout: 15_000 }).toEqual([0, 0]);
    const came = new Set((await sent(1)).filter((text) => text !== filler));
    expect([...came]).toEqual(expect.arrayContaining(texts(20, 'a')));
    // Each with as much filler.
    expect(spool.droppedTotal).toEqual({ permits: 2 * (1_220 - came.size), denials: 0 });
  });

  it('that make room behind others that are under way are counted once, and are no damage', async () => {
    plane.close();
    const { uplink, spool } = await start(2 ** 20);
    const filler = 'x'.repeat(4_000);
    for (const [at, text] of texts(6, 'a').entries()) {
      uplink.push(linesOf([text, filler]));
      await isWritten(spool, 2 * (at + 1));
    }
    plane.acknowledgesRecords = false;
    await plane.open();
    // As many as may be under way, of more in the same file.
    await expect.poll(() => plane.records.all.length, { timeout: 10_000 }).toBe(4);
    plane.close();
    for (const text of texts(1_200, 'b')) uplink.push(linesOf([text, filler]));
    await expect.poll(() => spool.droppedTotal.permits, { timeout: 15_000 }).toBeGreaterThan(1_500);
    plane.acknowledgesRecords = true;
    await plane.open();
    await expect.poll(() => [uplink.backlog, spool.bytes], { timeout: 15_000 }).toEqual([0, 0]);
    const came = new Set((await sent(1)).filter((text) => text !== filler));
    expect([...came]).toEqual(expect.arrayContaining(texts(6, 'a')));
    expect(spool.droppedTotal).toEqual({ permits: 2 * (1_206 - came.size), denials: 0 });
    expect(spool.damagedTotal).toBe(0);
  });

  it('fill memory where the disk does not keep up, which is told before any is lost', async () => {
    plane.close();
    const { uplink, full } = await start();
    // All in one turn: whatever the disk does, none of it can be there yet.
    const block = linesOf(texts(1_000, 'a'));
    for (let at = 0; at < 50; at += 1) uplink.push(block);
    expect(full).toEqual([true]);
    expect(uplink.droppedTotal).toEqual({ permits: 0, denials: 0 });
    await expect.poll(() => full, { timeout: 10_000 }).toEqual([true, false]);
  });

  it('that were sent and not confirmed go to disk too, and are told once', async () => {
    plane.acknowledgesRecords = false;
    const { uplink, spool } = await start();
    uplink.push(linesOf(['a']));
    uplink.push(linesOf(['b'], true));
    await plane.records.next();
    await isWritten(spool, 2);
    plane.close();
    plane.acknowledgesRecords = true;
    await plane.open();
    await expect.poll(() => [uplink.backlog, spool.bytes], { timeout: 10_000 }).toEqual([0, 0]);
    // The same batch again, and nothing from the disk besides.
    expect(plane.records.all.map(({ batch }) => batch)).toEqual([1n, 1n]);
  });

  it('are counted by class when there is no room for them, which is told upward and outlives the process', async () => {
    plane.close();
    const first = await start(2 ** 20);
    const filler = 'x'.repeat(4_000);
    for (const text of texts(6, 'd')) first.uplink.push(linesOf([text, filler], true));
    await isWritten(first.spool, 12);
    expect(first.full).toEqual([]);
    // More than may be under way besides.
    for (const text of texts(1_200, 'p')) first.uplink.push(linesOf([text, filler]));
    await expect.poll(() => first.full, { timeout: 15_000 }).toEqual([true]);
    await first.uplink.stop(0);
    running.splice(0).forEach(({ channel }) => channel.close());
    const { permits, denials } = first.spool.droppedTotal;
    expect([permits > 1_000, denials]).toEqual([true, 0]);
    await plane.open();
    const next = await start(2 ** 20);
    const batch = await plane.records.next();
    expect(batch.dropped).toEqual({ permit: BigInt(permits) });
    await expect.poll(() => next.spool.bytes, { timeout: 10_000 }).toBe(0);
    // Each of them was sent, or is counted, and denials were sent.
    const told = new Set(await sent(1));
    expect((told.size - 1) * 2 + permits).toBe(2_412);
    for (const text of texts(6, 'd')) expect(told).toContain(text);
  });

  it('leave memory to those that come while the disk fails, and go up from there', async () => {
    plane.close();
    const { uplink, spool } = await start();
    uplink.push(linesOf(['a']));
    await isWritten(spool, 1);
    const append = spool.append;
    spool.append = () => Promise.resolve(null);
    for (const text of texts(5, 'b')) uplink.push(linesOf([text]));
    await expect.poll(() => uplink.backlog, { timeout: 10_000 }).toBe(6);
    await plane.open();
    expect(await sent(6)).toEqual(['a', ...texts(5, 'b')]);
    spool.append = append;
    await expect.poll(() => uplink.backlog, { timeout: 10_000 }).toBe(0);
  });
});
