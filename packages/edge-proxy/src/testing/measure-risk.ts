import type { DeviceFacts, SessionFacts, UserFacts } from '@sallyport/policy';
import { newId } from '@sallyport/shared/ids';
import { lastPlaceName, lastPlaceValue } from '@sallyport/shared/signals/last-place';
import { defaultSettings } from '@sallyport/shared/signals/settings';
import type { Signal } from '@sallyport/shared/state/model';
import { createRiskOf } from '../request/5-decide/risk-facts.ts';
import type { Recognised } from '../request/exchange.ts';
import { SeenUsers } from '../sightings/seen-users.ts';
import { Sightings } from '../sightings/sightings.ts';
import { berlin } from '../sightings/testing/places.ts';
import { emptyTables, localReader } from './local-state.ts';

/**
 * What risk and sightings cost a request of this worker, as one line of JSON: microseconds and bytes
 * on the heap for users of whom nothing, a last place, or a last place and a signal is known.
 * `node --expose-gc measure-risk.ts [active users]`.
 */
const active = Number(process.argv[2] ?? 500);
const requests = 400_000;
const nowMs = Date.now();

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
  const about = { place: berlin, settings: defaultSettings, nowMs };
  const riskOf = createRiskOf({ state, users });
  const sightings = new Sightings({
    users,
    placeOf: () => berlin,
    lastPlace: () => null,
    emit: () => undefined,
  });
  const all = ids.map(([user, device]) => requestOf(user, device));
  const times = new Float64Array(requests);
  const run = () => {
    for (let i = 0; i < requests; i += 1) {
      const { value, facts } = all[i % active] as Request;
      const startedAt = performance.now();
      reader.pass(() => riskOf(value, { ...facts, ...about }));
      sightings.note(value);
      times[i] = (performance.now() - startedAt) * 1_000;
    }
  };
  run();
  await new Promise((resolve) => setImmediate(resolve));
  run();
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  run();
  globalThis.gc?.();
  const kept = process.memoryUsage().heapUsed - before;
  times.sort();
  const at = (part: number) => times[Math.floor(requests * part)];
  return { p50Us: at(0.5), p99Us: at(0.99), keptBytes: kept };
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
function requestOf(userId: string, deviceId: string): Request {
  const facts = {
    device: { kind: 'known', id: deviceId },
    session: { kind: 'live', userId, sid: newId('ses') },
    user: { kind: 'known', id: userId, groups: ['employees'] },
  } as unknown as Request['facts'];
  const connection = { lastRisk: null };
  const at = { startedAt: performance.now(), receivedAtMs: nowMs };
  const value = { facts, connection, sourceAddress: userId, ...at };
  return { facts, value: value as unknown as Recognised };
}
