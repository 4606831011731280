import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { DeviceFacts, SessionFacts, UserFacts } from '@sallyport/policy';
import { newId } from '@sallyport/shared/ids';
import { EgressTable } from '@sallyport/shared/network/egress';
import { lastPlaceName, lastPlaceValue } from '@sallyport/shared/signals/last-place';
import { defaultSettings } from '@sallyport/shared/signals/settings';
import type { Signal } from '@sallyport/shared/state/model';
import { writeCityMmdb } from '@sallyport/shared/testing/mmdb';
import { PlaceReader } from '../places/reader.ts';
import { createRiskOf } from '../request/5-decide/risk-facts.ts';
import type { Recognised } from '../request/exchange.ts';
import { SeenUsers } from '../sightings/seen-users.ts';
import { Sightings } from '../sightings/sightings.ts';
import { berlin } from '../sightings/testing/places.ts';
import { emptyTables, localReader } from './local-state.ts';

/**
 * What the place of the client, risk and sightings cost a request of this worker, as one line of
 * JSON: microseconds and bytes of the heap for users of whom nothing, a last place, or a last place
 * and a signal is known. USERS: how many of them are active.
 */
const active = Number(process.env['USERS'] ?? '500');
const requests = 400_000;
/** So few that nothing is collected while they run. */
const counted = 5_000;
const nowMs = Date.now();
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const egress = new EgressTable([{ name: 'office', kind: 'office', networks: ['203.0.113.0/24'] }]);
const places = new PlaceReader();
const { country, coordinates } = berlin;
const bytes = writeCityMmdb([{ network: '198.18.0.0/15', country: country ?? '', ...coordinates }]);
const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
shared.set(bytes);
await places.use({ city: [{ bytes: shared.buffer }], asn: [] });

interface Request {
  readonly value: Recognised;
  readonly facts: { device: DeviceFacts; session: SessionFacts; user: UserFacts };
}

const ids = Array.from({ length: active }, () => [newId('usr'), newId('dev')] as const);
const costs = {
  nothing: await cost([]),
  lastPlace: await cost([lastPlaceName]),
  signal: await cost([lastPlaceName, 'new-device']),
};
process.stdout.write(`${JSON.stringify(costs)}\n`);

async function cost(names: readonly string[]) {
  const tables = emptyTables();
  const reader = localReader(tables);
  const rows = names.flatMap((name) => ids.map(([user, device]) => rowOf(name, user, device)));
  for (let at = 0; at < rows.length; at += 1_000) {
    tables.rows.signals.apply(rows.slice(at, at + 1_000));
  }
  const users = new SeenUsers();
  const revisions = { signals: { epoch: 1, rev: 1 } };
  const state = {
    requestSignals: reader.requestSignals.bind(reader),
    revisions: () => revisions,
  };
  const riskOf = createRiskOf({ state, users });
  const sightings = new Sightings({
    users,
    placeOf: ({ connection, sourceAddress }) =>
      places.placeOf(connection, sourceAddress, egress).place,
    lastPlace: () => null,
    emit: () => undefined,
  });
  const all = ids.map(([user, device], index) => requestOf(user, device, index));
  const one = (i: number) => {
    const { value, facts } = all[i % active] as Request;
    const { device, session, user } = facts;
    const { place } = places.placeOf(value.connection, value.sourceAddress, egress);
    const settings = defaultSettings;
    reader.pass(() => riskOf(value, { device, session, user, place, settings, nowMs }));
    sightings.note(value);
  };
  const times = new Float64Array(requests);
  const run = () => {
    for (let i = 0; i < requests; i += 1) {
      const startedAt = performance.now();
      one(i);
      times[i] = (performance.now() - startedAt) * 1_000;
    }
  };
  run();
  await new Promise((resolve) => setImmediate(resolve));
  run();
  collect();
  const before = heapBytes();
  run();
  collect();
  const kept = heapBytes() - before;
  const full = heapBytes();
  for (let i = 0; i < counted; i += 1) one(i);
  const made = heapBytes() - full;
  times.sort();
  const at = (part: number) => times[Math.floor(requests * part)];
  return {
    p50Us: at(0.5),
    p99Us: at(0.99),
    keptBytes: kept / requests,
    madeBytes: made / counted,
  };
}

function heapBytes(): number {
  return process.memoryUsage().heapUsed;
}

function rowOf(name: string, subjectId: string, deviceId: string): Signal {
  const value =
    name === lastPlaceName
      ? (lastPlaceValue(deviceId, berlin) ?? '')
      : JSON.stringify({ s: 20, h: 86_400_000, r: 'a device that is new' });
  const life = { observedAtMs: nowMs, expiresAtMs: nowMs + 86_400_000 };
  return { op: 'signal', subject: 'user', subjectId, name, value, ...life };
}

/** As much of a request as is looked at. */
function requestOf(userId: string, deviceId: string, index: number): Request {
  const facts = {
    device: { kind: 'known', id: deviceId },
    session: { kind: 'live', userId, sid: newId('ses') },
    user: { kind: 'known', id: userId, groups: ['employees'] },
  } as unknown as Request['facts'];
  const connection = { lastRisk: null, place: null };
  const sourceAddress = `198.18.${index >> 8}.${index & 255}`;
  const at = { startedAt: performance.now(), receivedAtMs: nowMs };
  const value = { facts, connection, sourceAddress, ...at };
  return { facts, value: value as unknown as Recognised };
}
