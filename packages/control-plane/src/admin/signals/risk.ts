import { lastPlaceName, readLastPlace } from '@sallyport/shared/signals/last-place';
import { riskOf, signalReason } from '@sallyport/shared/signals/risk';
import type { Signal } from '@sallyport/shared/state/model';
import type { Static } from 'typebox';
import type { Executor } from '../../store/database.ts';
import { type SignalRow, signalsOf } from '../../store/signals.ts';
import { isoOf, isoOrNull } from '../http/schemas.ts';
import type { UserRisk } from './schemas.ts';

/** The risk of a user by the rows that edges have, reckoned as edges do. */
export async function riskOfUser(
  db: Executor,
  userId: string,
  nowMs: number,
): Promise<Static<typeof UserRisk>> {
  const rows = await signalsOf(db, 'user', userId);
  const risk = riskOf(rows.map(opOf), nowMs);
  const counting = rows.filter((row) => risk.signals.includes(row.name));
  const place = rows.find(({ name }) => name === lastPlaceName);
  return {
    userId,
    score: risk.score,
    signals: counting.map((row) => ({
      name: row.name,
      score: riskOf([opOf(row)], nowMs).score,
      reason: signalReason(row),
      observedAt: isoOf(row.observedAtMs),
      expiresAt: isoOf(row.expiresAtMs),
    })),
    until: isoOrNull(risk.untilMs),
    lastPlace: place === undefined || place.expiresAtMs <= nowMs ? null : placeOf(place),
  };
}

function opOf(row: SignalRow): Signal {
  return { op: 'signal', ...row };
}

function placeOf(row: SignalRow): Static<typeof UserRisk>['lastPlace'] {
  const last = readLastPlace(row);
  if (last === null) return null;
  const { coordinates = null, country = null, asn = null } = last.place ?? {};
  return {
    at: isoOf(last.atMs),
    deviceId: last.deviceId,
    country,
    latitude: coordinates?.latitude ?? null,
    longitude: coordinates?.longitude ?? null,
    accuracyKm: coordinates?.accuracyKm ?? null,
    asn,
  };
}
