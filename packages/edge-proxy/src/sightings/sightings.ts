import type { DeviceFacts, SessionFacts } from '@sallyport/policy';
import type { KnownPlace } from '@sallyport/shared/signals/place';
import type { Whereabouts } from '@sallyport/shared/signals/travel';
import type { Recognised } from '../request/exchange.ts';
import { monotonicMs } from '../state/monotonic.ts';
import type { SeenUsers } from './seen-users.ts';
import type { Sighting } from './sighting.ts';

type LiveSession = Extract<SessionFacts, { readonly kind: 'live' }>;

/** Requests that may wait for their turn within one turn of the event loop. */
const pendingMax = 1_024;

export interface SightingsNeeds {
  readonly users: SeenUsers;
  readonly placeOf: (value: Recognised) => KnownPlace | null;
  /** The control plane's last place of the user; null: it tells none. Must not throw. */
  readonly lastPlace: (userId: string) => Whereabouts | null;
  /** Takes what has to be told, and how many were lost; must not wait or throw. */
  readonly emit: (sightings: readonly Sighting[], dropped: number) => void;
}

/**
 * Notes where users come from, once their requests have been decided on. What is as before costs a
 * look; all else is done when the answer is on its way.
 */
export class Sightings {
  readonly #needs: SightingsNeeds;
  #pending: Recognised[] = [];
  #dropped = 0;

  constructor(needs: SightingsNeeds) {
    this.#needs = needs;
  }

  /**
   * Of a request whose session does not live nothing is noted, nor of one that shows a session on
   * another device than its own: it tells where somebody's cookie is, and not where its user is. Its
   * record is what detectors learn it from.
   */
  note(value: Recognised): void {
    const { session, device } = value.facts ?? nothing;
    if (session.kind !== 'live' || isElsewhere(session, device)) return;
    const { users, placeOf } = this.#needs;
    const { sourceAddress, startedAt } = value;
    const deviceId = device.kind === 'known' ? device.id : null;
    const { userId, sid } = session;
    const place = placeOf(value);
    // As it was decided on.
    const last = value.connection.lastRisk?.user.last ?? null;
    if (users.isAsBefore(userId, sid, deviceId, sourceAddress, place, startedAt, last)) return;
    if (this.#pending.length === 0) setImmediate(() => this.flush());
    if (this.#pending.length < pendingMax) this.#pending.push(value);
    else this.#dropped += 1;
  }

  /** Tells what is pending. */
  flush(): void {
    const pending = this.#pending;
    if (pending.length === 0) return;
    this.#pending = [];
    const dropped = this.#dropped;
    this.#dropped = 0;
    const sightings = pending.flatMap((value) => this.#tell(value) ?? []);
    if (sightings.length > 0 || dropped > 0) this.#needs.emit(sightings, dropped);
  }

  #tell(value: Recognised): Sighting | null {
    const { session, device } = value.facts ?? nothing;
    if (session.kind !== 'live') return null;
    const { users, placeOf, lastPlace } = this.#needs;
    const { userId, sid } = session;
    const { sourceAddress } = value;
    const place = placeOf(value);
    const deviceId = device.kind === 'known' ? device.id : null;
    const coming = { userId, sid, deviceId, sourceAddress, place, atMs: value.startedAt };
    if (!users.tell(coming, lastPlace(userId))) return null;
    const seenAtMs = monotonicMs() - (performance.now() - value.startedAt);
    const route = value.decision?.route ?? null;
    return {
      id: value.correlationId,
      seenAtMs,
      userId,
      sid,
      deviceId,
      sourceAddress,
      place,
      route,
    };
  }
}

/** A session that was made on a device is shown with another one, or without. */
function isElsewhere({ deviceId }: LiveSession, device: DeviceFacts): boolean {
  return deviceId !== null && (device.kind !== 'known' || device.id !== deviceId);
}

const none = { kind: 'none' } as const;
const nothing = { session: none, device: none };
