import { createLog } from '@sallyport/shared/log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlChannel } from '../identity/control-channel.ts';
import { monotonicMs } from '../state/monotonic.ts';
import { ScriptedControlPlane } from '../testing/scripted-control-plane.ts';
import type { Sighting } from './sighting.ts';
import { SightingUplink } from './sighting-uplink.ts';
import { berlin } from './testing/places.ts';

let plane: ScriptedControlPlane;
let channel: ControlChannel;
let uplink: SightingUplink;
const logged: string[] = [];

beforeEach(async () => {
  plane = await ScriptedControlPlane.start();
  channel = new ControlChannel([plane.target], await plane.edgeTrust());
  logged.length = 0;
  uplink = new SightingUplink({ channel, log: createLog('warn', {}, (line) => logged.push(line)) });
});
afterEach(async () => {
  await uplink.stop(0);
  channel.close();
  plane.close();
});

const sighting = (id: string, more: Partial<Sighting> = {}): Sighting => ({
  id,
  seenAtMs: monotonicMs(),
  userId: 'usr_a',
  sid: 'ses_a',
  deviceId: 'dev_a',
  sourceAddress: '192.0.2.1',
  place: berlin,
  route: 'app',
  ...more,
});
const idsOf = ({ sightings }: { readonly sightings: readonly { readonly id: string }[] }) =>
  sightings.map(({ id }) => id);

describe('sightings on their way upward', () => {
  it('say all that is known, and how long ago it was', async () => {
    uplink.start();
    uplink.push([sighting('req_1', { seenAtMs: monotonicMs() - 60_000 })], 0);
    const { batch, sightings, dropped } = await plane.sightings.next();
    expect([batch, dropped]).toEqual([1n, 0n]);
    expect(sightings).toEqual([
      expect.objectContaining({
        id: 'req_1',
        userId: 'usr_a',
        sid: 'ses_a',
        deviceId: 'dev_a',
        sourceAddress: '192.0.2.1',
        route: 'app',
        place: expect.objectContaining({
          country: 'DE',
          region: '',
          latitude: 52.52,
          longitude: 13.4,
          accuracyKm: 20,
          asn: 3320,
          egress: '',
        }) as unknown,
      }),
    ]);
    expect(Number(sightings[0]?.ageMs)).toBeGreaterThanOrEqual(60_000);
    await uplink.stop(5_000);
    expect(uplink.backlog).toBe(0);
  });

  it('leave out what is not known', async () => {
    uplink.start();
    const place = { ...berlin, coordinates: null, asn: null, country: null };
    uplink.push([sighting('1', { place: null, deviceId: null, route: null })], 0);
    uplink.push([sighting('2', { place })], 0);
    const seen = [
      ...(await plane.sightings.next()).sightings,
      ...(await plane.sightings.next()).sightings,
    ];
    expect(seen[0]).toMatchObject({ deviceId: '', route: '' });
    expect(seen[0]?.place).toBeUndefined();
    expect(seen[1]?.place).toMatchObject({ country: '', asn: 0 });
    expect(seen[1]?.place?.latitude).toBeUndefined();
  });

  it('go at once, and share a batch only while others are not acknowledged', async () => {
    plane.acknowledgesSightings = false;
    uplink.start();
    uplink.push([sighting('0')], 0);
    await plane.sightings.next();
    for (const id of ['1', '2', '3', '4', '5']) uplink.push([sighting(id)], 0);
    await plane.sightings.next((request) => idsOf(request).includes('3'));
    expect(plane.sightings.all.map(idsOf)).toEqual([['0'], ['1'], ['2'], ['3']]);
    expect(uplink.backlog).toBe(6);
  });

  it('are sent again with the age that they have then, on the next stream', async () => {
    plane.acknowledgesSightings = false;
    uplink.start();
    uplink.push([sighting('1')], 2);
    const first = await plane.sightings.next();
    plane.close();
    const closedAtMs = monotonicMs();
    plane.acknowledgesSightings = true;
    await plane.open();
    const awayMs = Math.floor(monotonicMs() - closedAtMs);
    const again = await plane.sightings.next();
    expect([again.batch, idsOf(again), again.dropped]).toEqual([1n, ['1'], 2n]);
    const older = Number(again.sightings[0]?.ageMs) - Number(first.sightings[0]?.ageMs);
    expect(older).toBeGreaterThanOrEqual(awayMs - 1);
  });

  it('that are left when the edge ends are counted in its log, with those under way', async () => {
    plane.acknowledgesSightings = false;
    uplink.start();
    uplink.push([sighting('1')], 0);
    await plane.sightings.next();
    uplink.push([sighting('2'), sighting('3')], 0);
    await uplink.stop(0);
    const lost = logged.map((line): unknown => JSON.parse(line));
    expect(lost).toContainEqual(
      expect.objectContaining({ event: 'sightings.lost_at_end', sightings: 3 }),
    );
  });

  it('wait in a bounded queue, the newest of them, and what was lost is told', async () => {
    uplink.push(
      Array.from({ length: 65_540 }, (_, at) => sighting(`${at}`)),
      3,
    );
    expect([uplink.backlog, uplink.droppedTotal]).toEqual([65_536, 4]);
    uplink.start();
    const first = await plane.sightings.next();
    expect([first.dropped, first.sightings.length, idsOf(first)[0]]).toEqual([7n, 256, '4']);
    expect((await plane.sightings.next()).dropped).toBe(0n);
  });
});
