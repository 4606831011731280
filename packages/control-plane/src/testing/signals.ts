import { newId } from '@sallyport/shared/ids';
import type { Log } from '@sallyport/shared/log';
import type { Sighted } from '@sallyport/shared/signals/events';
import type { KnownPlace } from '@sallyport/shared/signals/place';
import { Registry } from 'prom-client';
import { createSignals, type Signals } from '../signals/signals.ts';
import type { Database } from '../store/database.ts';
import { insertUser } from '../store/users.ts';
import { testLog } from './database.ts';
import { bornSession } from './sessions.ts';

/** Somebody with a live session. */
export interface SignedIn {
  readonly userId: string;
  readonly sid: string;
  readonly deviceId: string;
}

const place = (country: string, latitude: number, longitude: number, asn: number): KnownPlace => ({
  country,
  region: null,
  coordinates: { latitude, longitude, accuracyKm: 20 },
  asn,
  egress: null,
});
export const berlin = place('DE', 52.52, 13.4, 3320);
export const newYork = place('US', 40.71, -74.01, 7018);
export const saoPaulo = place('BR', -23.55, -46.63, 28573);

/** A replica's signals over a database, with metrics of their own. */
export function replicaSignals(database: Database, log: Log = testLog): TestSignals {
  const registry = new Registry();
  const signals = createSignals({ database, clock: Date.now, log, registry });
  return { ...signals, registry };
}

export interface TestSignals extends Signals {
  readonly registry: Registry;
}

/** Sums of a counter, by its labels in their order. */
export async function counts(registry: Registry, name: string): Promise<Record<string, number>> {
  const { values } = (await registry.getSingleMetric(name)?.get()) ?? { values: [] };
  return Object.fromEntries(
    values.map(({ labels, value }) => [Object.values(labels).join(' '), value]),
  );
}

export async function signedInUser(database: Database): Promise<SignedIn> {
  const who = { email: `${newId('usr')}@corp.test`, displayName: '', status: 'active' } as const;
  const { id: userId } = await insertUser(database.db, who, Date.now());
  return { userId, sid: await bornSession({ database }, userId), deviceId: newId('dev') };
}

/** A sighting, with an id of its own. */
export function sightedAt(
  who: SignedIn,
  at: KnownPlace | null,
  atMs: number = Date.now(),
): Sighted {
  return {
    kind: 'sighted',
    id: newId('req'),
    atMs,
    sourceAddress: '203.0.113.7',
    place: at,
    userId: who.userId,
    deviceId: who.deviceId,
    sid: who.sid,
    route: 'wiki',
  };
}
