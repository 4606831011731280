import { create } from '@bufbuild/protobuf';
import {
  PlaceSchema,
  RecordRequestSchema,
  type Sighting,
  SightingSchema,
  type SightRequest,
  SightRequestSchema,
  type SightResponse,
} from '@sallyport/proto';
import type { ClientDuplexStream } from '@sallyport/proto/grpc';
import { newId } from '@sallyport/shared/ids';
import { eq } from 'drizzle-orm';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findings } from '../../store/schema/index.ts';
import { signalsOf } from '../../store/signals.ts';
import {
  type EdgeWorld,
  type JoinedEdge,
  startEdgeWorld,
  startReplica,
} from '../../testing/edge-world.ts';
import { accessRecord } from '../../testing/records.ts';
import { ScriptedEdge } from '../../testing/scripted-edge.ts';
import { berlin, counts, newYork, type SignedIn, signedInUser } from '../../testing/signals.ts';

let world: EdgeWorld;
let edge: JoinedEdge;
let alice: SignedIn;

beforeAll(async () => {
  world = await startEdgeWorld();
  edge = await world.joinEdge();
});
beforeEach(async () => {
  alice = await signedInUser(world.database);
});

type Said = Omit<Partial<Sighting>, '$typeName' | '$unknown' | 'place'> & {
  readonly place?: object | null;
};

function placeOf({ country, coordinates, asn }: typeof berlin): object {
  return { country: country ?? '', ...coordinates, asn: asn ?? 0 };
}

function sighting({ place = placeOf(berlin), ...more }: Said = {}): Sighting {
  return create(SightingSchema, {
    id: newId('req'),
    ageMs: 0n,
    ...alice,
    sourceAddress: '203.0.113.7',
    route: 'wiki',
    ...more,
    ...(place === null ? {} : { place: create(PlaceSchema, place) }),
  });
}

function open(client = edge.client) {
  const call: ClientDuplexStream<SightRequest, SightResponse> = client.sight();
  call.on('error', () => undefined);
  const answers = call.iterator({ destroyOnReturn: false }) as AsyncIterator<SightResponse>;
  return {
    async send(batch: number, sightings: Sighting[], dropped = 0n) {
      call.write(create(SightRequestSchema, { batch: BigInt(batch), sightings, dropped }));
      const answer = await answers.next();
      return answer.done === true ? null : Number(answer.value.batch);
    },
    end: () => call.end(),
  };
}

async function found(): Promise<string[]> {
  const rows = await world.database.db
    .select()
    .from(findings)
    .where(eq(findings.userId, alice.userId));
  return rows.map(({ detector, times }) => `${detector} ${times}`).sort();
}

const counted = () => counts(world.metrics, 'sallyport_sightings_total');

it('denials among access records are shown to detectors before their batch is acknowledged', async () => {
  const call = edge.client.record();
  call.on('error', () => undefined);
  const answers = call.iterator({ destroyOnReturn: false }) as AsyncIterator<unknown>;
  const denial = accessRecord({
    ...alice,
    edge: edge.edgeId,
    outcome: 'deny',
    reasons: ['session_other_device'],
    deviceId: null,
  });
  const recordsJson = [Buffer.from(JSON.stringify(denial))];
  for (const batch of [1n, 2n]) {
    call.write(create(RecordRequestSchema, { batch, recordsJson }));
    await answers.next();
  }
  expect(await found()).toEqual(['session-on-other-device 1']);
  call.end();
});

describe('sightings', () => {
  it('of two edges are looked at together, and the verdict goes out to both at once', async () => {
    const other = await world.joinEdge();
    const watching = new ScriptedEdge(other.client, { signals: null });
    await watching.until(() => watching.lane('signals').head !== null);
    const [here, there] = [open(), open(other.client)];
    expect(await here.send(1, [sighting()])).toBe(1);
    expect(await there.send(1, [sighting({ place: placeOf(newYork) })])).toBe(1);
    expect(await found()).toEqual(['impossible-travel 1', 'new-country 1']);
    const { rows } = await world.database.ordinary.query<{ epoch: string; rev: string }>(
      `select epoch, rev from lane_heads where lane = 'signals'`,
    );
    const [head] = rows;
    await watching.untilHead('signals', { epoch: Number(head?.epoch), rev: Number(head?.rev) });
    watching.close();
    here.end();
    there.end();
  });

  it('count once when they come again, on another stream and to another replica', async () => {
    const { database, url, seed, sealKey } = world;
    const second = await startReplica(database, url, seed, sealKey, { replica: 'second' });
    const batch = [sighting({ ageMs: 60_000n }), sighting({ place: placeOf(newYork) })];
    const streams = [open(), open(second.client(edge.identity))];
    const answers = await Promise.all(streams.map((stream) => stream.send(7, batch)));
    expect(answers).toEqual([7, 7]);
    const again = open();
    // By then they are older, and still the same.
    const older = batch.map((one) => ({ ...one, ageMs: one.ageMs + 30_000n }));
    expect(await again.send(7, older)).toBe(7);
    expect(await found()).toEqual(['impossible-travel 1', 'new-country 1']);
    for (const stream of [...streams, again]) stream.end();
    await second.stop();
  });

  it('are of our time, however far an edge’s clock is off', async () => {
    const stream = open();
    const before = Date.now();
    await stream.send(1, [sighting({ ageMs: 5_000n })]);
    const [place] = await signalsOf(world.database.db, 'user', alice.userId);
    expect(place?.observedAtMs).toBeGreaterThanOrEqual(before - 5_000);
    expect(place?.observedAtMs).toBeLessThanOrEqual(Date.now() - 5_000);
    stream.end();
  });

  it('that cannot be so are left out and counted, and the others are taken', async () => {
    const at = (change: object) => ({ place: { ...placeOf(berlin), ...change } });
    const bad: Said[] = [
      { id: '' },
      { id: "'; drop table users" },
      { id: 'x'.repeat(65) },
      { ageMs: 86_400_001n },
      { ageMs: 2n ** 64n - 1n },
      { userId: 'usr_1' },
      { userId: '' },
      { sid: 'ses_\u0000' },
      { deviceId: 'laptop' },
      { sourceAddress: 'localhost' },
      { sourceAddress: '' },
      { route: 'Wiki\u0000' },
      { route: 'x'.repeat(64) },
      at({ country: 'de' }),
      at({ country: 'XX' }),
      at({ country: 'EU' }),
      at({ latitude: Number.NaN }),
      at({ latitude: 90.1 }),
      at({ longitude: Number.POSITIVE_INFINITY }),
      at({ longitude: -180.1 }),
      at({ accuracyKm: -1 }),
      at({ accuracyKm: Number.NaN }),
      at({ longitude: undefined }),
      at({ region: 'x'.repeat(65) }),
      at({ region: '\u0000' }),
      at({ egress: 'The Office' }),
    ];
    const before = await counted();
    const stream = open();
    const good = [
      sighting({ place: null, route: '', deviceId: '' }),
      sighting({ sourceAddress: '2001:db8::7' }),
    ];
    expect(await stream.send(1, [...bad.map(sighting), ...good], 5n)).toBe(1);
    expect(await found()).toEqual([]);
    const after = await counted();
    const rose = (name: string): number => (after[name] ?? 0) - (before[name] ?? 0);
    expect([rose('unreadable'), rose('taken'), rose('dropped_at_edge')]).toEqual([
      bad.length,
      good.length,
      5,
    ]);
    stream.end();
  });

  it('in a batch that is too long end the stream', async () => {
    const batch = Array.from({ length: 2_001 }, () => create(SightingSchema, {}));
    await expect(open().send(1, batch)).rejects.toMatchObject({ code: 3 });
  });
});
