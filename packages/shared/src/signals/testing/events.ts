import type { Denied, Sighted, SignalEvent, SignedIn, SignInFailed } from '../events.ts';
import type { KnownPlace } from '../place.ts';

/** Monday, 2 November 2026, 08:00 UTC. */
export const monday = 1_793_606_400_000;
export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;

const of = (country: string, latitude: number, longitude: number, asn: number): KnownPlace => ({
  country,
  region: null,
  coordinates: { latitude, longitude, accuracyKm: 20 },
  asn,
  egress: null,
});
export const berlin = of('DE', 52.52, 13.4, 3320);
export const munich = of('DE', 48.14, 11.58, 3320);
export const newYork = of('US', 40.71, -74.01, 7018);
export const saoPaulo = of('BR', -23.55, -46.63, 28573);
export const nowhere: KnownPlace = {
  country: null,
  region: null,
  coordinates: null,
  asn: null,
  egress: null,
};

let ids = 0;
function happened(place: KnownPlace | null, atMs: number) {
  ids += 1;
  return { id: `req_${String(ids)}`, atMs, sourceAddress: '192.0.2.1', place, userId: 'usr_alice' };
}
interface Who {
  readonly deviceId?: string | null;
  readonly sid?: string;
  readonly route?: string | null;
}

/** Events of one user, each with an id of its own. */
export function sighted(place: KnownPlace | null, atMs: number, who: Who = {}): Sighted {
  const own = { deviceId: 'dev_laptop', sid: 'ses_one', route: 'wiki', ...who };
  return { kind: 'sighted', ...happened(place, atMs), ...own };
}
export function signedIn(place: KnownPlace | null, atMs: number, who: Who = {}): SignedIn {
  const { deviceId = 'dev_laptop', sid = 'ses_one' } = who;
  return { kind: 'signed_in', ...happened(place, atMs), deviceId, sid };
}
export function failed(place: KnownPlace | null, atMs: number): SignInFailed {
  return { kind: 'sign_in_failed', ...happened(place, atMs), deviceId: null };
}
export function denied(
  atMs: number,
  reasons: readonly string[] = ['no_rule_matched'],
  who: Who = {},
): Denied {
  const own = { deviceId: 'dev_laptop', sid: 'ses_one', route: 'wiki', ...who };
  return { kind: 'denied', ...happened(berlin, atMs), ...own, reasons };
}

/** Every order of three or four events. */
export function orders(events: readonly SignalEvent[]): readonly (readonly SignalEvent[])[] {
  if (events.length < 2) return [events];
  return events.flatMap((first) =>
    orders(events.filter((event) => event !== first)).map((rest) => [first, ...rest]),
  );
}
