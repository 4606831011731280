import { RecentMap } from '@sallyport/shared/recent-map';
import { cellOf, distanceKm } from '@sallyport/shared/signals/geo';
import type { KnownPlace } from '@sallyport/shared/signals/place';
import type { Whereabouts } from '@sallyport/shared/signals/travel';

/** As many users as opened sessions that a worker keeps. */
const usersMax = 20_000;
/** Of one user: devices, and networks and cells that each was in. */
const spotsMax = 8;
/** A spot that stays the same is told again after so long. */
const againMs = 15 * 60_000;
/** A device that goes to and fro between spots is told of at each of them this often at the most. */
const backMs = 1_000;
/** So far from it, a last place is another one; what is told of a place is not exact. */
const elsewhereKm = 100;
/** So long the control plane may take to say where a device is, once it was told. */
const answerMs = 5_000;

/** Who comes from where, at one instant. */
export interface Coming {
  readonly userId: string;
  readonly sid: string;
  /** null: no known device. */
  readonly deviceId: string | null;
  readonly sourceAddress: string;
  readonly place: KnownPlace | null;
  /** As by performance.now(). */
  readonly atMs: number;
}

/** A network and a cell of 100 km that one device of a user was in. */
export interface Spot {
  readonly deviceId: string | null;
  readonly asn: number | null;
  readonly cell: number | null;
  /** Of the last request from there. */
  place: KnownPlace | null;
  sourceAddress: string;
  sid: string;
  /** When that was, as by performance.now(). */
  seenAtMs: number;
  /** When it was told upward last. */
  toldAtMs: number;
  /** When the control plane's own last place of the user was, as it stood here then; null: it had none. */
  lastPlaceAtMs: number | null;
}

const nowhere: readonly Spot[] = Object.freeze([]);

/** Where this worker saw users lately: bounded by users, and for each of them. */
export class SeenUsers {
  readonly #users: RecentMap<string, Spot[]>;

  constructor(sizeMax: number = usersMax) {
    this.#users = new RecentMap(sizeMax);
  }

  /** The spots of a user, the one told last first. */
  spotsOf(userId: string): readonly Spot[] {
    return this.#users.get(userId) ?? nowhere;
  }

  /**
   * Marks that somebody came from where they were before; false: something of it is new, or the
   * control plane, which told `last`, has seen the device elsewhere meanwhile.
   */
  isAsBefore(
    userId: string,
    sid: string,
    deviceId: string | null,
    sourceAddress: string,
    place: KnownPlace | null,
    atMs: number,
    last: Whereabouts | null,
  ): boolean {
    const spot = firstOf(this.spotsOf(userId), deviceId);
    // The first of a device is where it was told of last.
    if (spot === null || !isAt(spot, place)) return false;
    if (atMs - spot.toldAtMs >= againMs) return false;
    if (isElsewhere(last, spot, atMs) && atMs - spot.toldAtMs >= backMs) return false;
    mark(spot, sid, place, sourceAddress, atMs);
    return true;
  }

  /** Marks where somebody came from; true: it has to be told. `last`: as the lane has it. */
  tell(coming: Coming, last: Whereabouts | null): boolean {
    const { userId, sid, deviceId, place, sourceAddress, atMs } = coming;
    if (this.isAsBefore(userId, sid, deviceId, sourceAddress, place, atMs, last)) return false;
    const spots = this.#users.get(userId) ?? [];
    const known = spotAt(spots, deviceId, place);
    const spot = known ?? newSpot(deviceId, place);
    mark(spot, sid, place, sourceAddress, atMs);
    if (known !== null && atMs - known.toldAtMs < backMs) return false;
    spot.toldAtMs = atMs;
    spot.lastPlaceAtMs = last?.atMs ?? null;
    if (known !== null) spots.splice(spots.indexOf(known), 1);
    spots.unshift(spot);
    if (spots.length > spotsMax) spots.pop();
    this.#users.set(userId, spots);
    return true;
  }
}

/** The spot that a device is at; null: it was not seen there. */
export function spotAt(
  spots: readonly Spot[],
  deviceId: string | null,
  place: KnownPlace | null,
): Spot | null {
  return spots.find((spot) => spot.deviceId === deviceId && isAt(spot, place)) ?? null;
}

/** Whether the control plane has the device elsewhere, and not because its answer is still to come. */
function isElsewhere(last: Whereabouts | null, spot: Spot, atMs: number): boolean {
  if (last === null) return false;
  if (last.atMs === spot.lastPlaceAtMs && atMs - spot.toldAtMs < answerMs) return false;
  if (spot.deviceId === null || last.deviceId !== spot.deviceId) return false;
  const there = last.place?.coordinates ?? null;
  const here = spot.place?.coordinates ?? null;
  return there !== null && here !== null && distanceKm(there, here) > elsewhereKm;
}

function firstOf(spots: readonly Spot[], deviceId: string | null): Spot | null {
  for (const spot of spots) if (spot.deviceId === deviceId) return spot;
  return null;
}

function newSpot(deviceId: string | null, place: KnownPlace | null): Spot {
  return {
    deviceId,
    asn: place?.asn ?? null,
    cell: cellIn(place),
    place,
    sourceAddress: '',
    sid: '',
    seenAtMs: 0,
    toldAtMs: 0,
    lastPlaceAtMs: null,
  };
}

function mark(
  spot: Spot,
  sid: string,
  place: KnownPlace | null,
  sourceAddress: string,
  atMs: number,
): void {
  spot.sid = sid;
  spot.place = place;
  spot.sourceAddress = sourceAddress;
  spot.seenAtMs = atMs;
}

function isAt(spot: Spot, place: KnownPlace | null): boolean {
  if (spot.place === place) return true;
  return spot.asn === (place?.asn ?? null) && spot.cell === cellIn(place);
}

/** null: not known. */
function cellIn(place: KnownPlace | null): number | null {
  return place === null || place.coordinates === null ? null : cellOf(place.coordinates);
}
