import { createLog } from '@sallyport/shared/log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlChannel } from '../../identity/control-channel.ts';
import { ScriptedControlPlane } from '../../testing/scripted-control-plane.ts';
import { RecordUplink } from './record-uplink.ts';

let plane: ScriptedControlPlane;
let channel: ControlChannel;
let uplink: RecordUplink;
let logged: unknown[];

beforeEach(async () => {
  plane = await ScriptedControlPlane.start();
  channel = new ControlChannel([plane.target], await plane.edgeTrust());
  logged = [];
  const log = createLog('warn', {}, (line) => logged.push(JSON.parse(line)));
  uplink = new RecordUplink({ channel, log });
});
afterEach(async () => {
  await uplink.stop(0);
  channel.close();
  plane.close();
});

const push = (text: string, denial = false) => {
  const lines = new TextEncoder().encode(`"${text}"\n`);
  uplink.push({ lines, bytes: lines.length, records: 1, denial });
};
const textOf = (json: Uint8Array) => Buffer.from(json).toString('utf8').trimEnd();

describe('access records on their way upward', () => {
  it('go in batches and are forgotten when they are acknowledged', async () => {
    uplink.start();
    push('a');
    push('b');
    const batch = await plane.records.next();
    expect(batch.recordsJson.map(textOf)).toEqual(['"a"', '"b"']);
    await uplink.stop(5_000);
    expect(uplink.backlog).toBe(0);
  });

  it('are sent again on the next stream when they were not acknowledged', async () => {
    plane.acknowledgesRecords = false;
    uplink.start();
    push('a');
    const first = await plane.records.next();
    plane.close();
    push('b');
    plane.acknowledgesRecords = true;
    await plane.open();
    const again = await plane.records.next();
    expect([again.batch, again.recordsJson.map(textOf)]).toEqual([first.batch, ['"a"']]);
    const next = await plane.records.next();
    expect(next.recordsJson.map(textOf)).toEqual(['"b"']);
  });

  it('cannot go to a control plane that is away, which the log names, without more words', async () => {
    plane.close();
    uplink.start();
    await expect.poll(() => logged.length).toBeGreaterThan(0);
    const line = { event: 'records.stream_ended', server: plane.target, problem: 'UNAVAILABLE' };
    expect(logged[0]).toMatchObject(line);
  });

  it('carry the count of those that were lost', async () => {
    uplink.addDropped({ permits: 7, denials: 1 });
    uplink.start();
    push('a');
    expect((await plane.records.next()).dropped).toEqual({ permit: 7n, denial: 1n });
    push('b');
    expect((await plane.records.next()).dropped).toEqual({});
  });

  it('wait in a bounded queue while no control plane takes them', async () => {
    plane.acknowledgesRecords = false;
    uplink.start();
    for (let n = 0; n < 70_000; n += 1) push(String(n), n % 2 === 0);
    await plane.records.next();
    expect(uplink.backlog).toBeLessThanOrEqual(65_536 + 4 * 1_024);
    expect(uplink.droppedTotal.denials).toBe(0);
    expect(uplink.droppedTotal.permits).toBeGreaterThan(2_000);
  });
});
