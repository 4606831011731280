import type { Dice } from '../../sync/simulation/random.ts';
import type { SignalEvent } from '../events.ts';
import type { KnownPlace } from '../place.ts';

/** Monday, 2 November 2026, 00:00 UTC: the month begins. */
export const beginningMs = 1_793_577_600_000;
export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;
export const monthDays = 30;

export interface Who {
  readonly deviceId: string | null;
  readonly sid: string;
}

/** What happened to one user, put down as it is thought of and read in the order of its coming. */
export class Diary {
  readonly #userId: string;
  readonly #dice: Dice;
  readonly #arrivals: { readonly event: SignalEvent; readonly atMs: number }[] = [];
  #events = 0;

  constructor(userId: string, dice: Dice) {
    this.#userId = userId;
    this.#dice = dice;
  }

  sighted(atMs: number, who: Who, place: KnownPlace | null): void {
    this.#arrive({ kind: 'sighted', ...this.#happened(atMs, place), ...who, route: 'wiki' });
  }

  signedIn(atMs: number, who: Who, place: KnownPlace | null): void {
    this.#arrive({ kind: 'signed_in', ...this.#happened(atMs, place), ...who });
  }

  failed(atMs: number, place: KnownPlace | null): void {
    const happened = this.#happened(atMs, place);
    this.#arrive({ kind: 'sign_in_failed', ...happened, deviceId: null });
  }

  denied(atMs: number, who: Who, place: KnownPlace | null, route: string, reason: string): void {
    const happened = this.#happened(atMs, place);
    this.#arrive({ kind: 'denied', ...happened, ...who, route, reasons: [reason] });
  }

  /** In the order of their coming. */
  arrived(): readonly SignalEvent[] {
    return this.#arrivals.toSorted((a, b) => a.atMs - b.atMs).map(({ event }) => event);
  }

  /** One in a hundred comes late, one in two hundred comes twice. */
  #arrive(event: SignalEvent): void {
    const dice = this.#dice;
    const late = dice.chance(0.01) ? dice.int(1, 120) * minuteMs : dice.int(5, 900);
    this.#arrivals.push({ event, atMs: event.atMs + late });
    const again = event.atMs + late + dice.int(1, 60_000);
    if (dice.chance(0.005)) this.#arrivals.push({ event, atMs: again });
  }

  #happened(atMs: number, place: KnownPlace | null) {
    const id = `${this.#userId}/${String(this.#events)}`;
    this.#events += 1;
    return { id, atMs, sourceAddress: '192.0.2.1', place, userId: this.#userId };
  }
}
