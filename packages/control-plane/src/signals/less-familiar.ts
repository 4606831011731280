import type { SignalEvent } from '@sallyport/shared/signals/events';
import {
  familiarAfterDays,
  keyOf,
  type PlaceSeen,
  secondsOf,
  type UserHistory,
} from '@sallyport/shared/signals/history-model';

/** Of the two ends of a journey: where the event was, where the user had been, or it cannot be told. */
export type Side = 'here' | 'there' | 'both';

interface End {
  readonly country: string | null;
  readonly asn: number | null;
  readonly device: number | null;
  readonly day: number;
}

const dayS = 86_400;

/**
 * At which end of a journey sessions are ended: where the user is less at home. Somebody else made the
 * one journey or the other; whoever came later may well be the user. An end is less familiar where its
 * network, its country or its device is, and none of the three is more; else both ends are.
 */
export function sideToEnd(event: SignalEvent, from: PlaceSeen | null, history: UserHistory): Side {
  if (from === null || !('sid' in event) || from.session === keyOf(event.sid)) return 'here';
  const { place, deviceId } = event;
  const here = familiarity(history, {
    country: place?.country ?? null,
    asn: place?.asn ?? null,
    device: deviceId === null ? null : keyOf(deviceId),
    day: Math.floor(secondsOf(event.atMs) / dayS),
  });
  const { country, asn } = from.place;
  const day = Math.floor(from.atS / dayS);
  const there = familiarity(history, { country, asn, device: from.device, day });
  const differences = here.map((level, index) => level - (there[index] ?? 0));
  const [less, more] = [differences.some((by) => by < 0), differences.some((by) => by > 0)];
  if (less === more) return 'both';
  return less ? 'here' : 'there';
}

/** Of the network, the country and the device. What was new on that very day is not familiar. */
function familiarity(history: UserHistory, { country, asn, device, day }: End): number[] {
  const daysBefore = history.networks
    .filter((seen) => seen.country === country)
    .map((seen) => {
      const counts = seen.days >= familiarAfterDays || seen.day < day;
      return { asn: seen.asn, days: counts ? seen.days : seen.days - 1 };
    });
  const network = Math.max(
    0,
    ...daysBefore.filter((one) => one.asn === asn).map(({ days }) => days),
  );
  const inCountry = Math.max(0, ...daysBefore.map(({ days }) => days));
  const knownDevice = device !== null && history.devices.some(({ name }) => name === device);
  return [levelOf(network), levelOf(inCountry), device === null ? 0 : knownDevice ? 2 : 1];
}

/** At home, seen before, or new: days more or less are no difference. */
function levelOf(days: number): number {
  if (days >= familiarAfterDays) return 2;
  return days > 0 ? 1 : 0;
}
