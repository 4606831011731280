import type { Signal } from '../model.ts';
import type { LaneReader } from './lane-reader.ts';

/** Whose signals concern a request; null: it has none such. */
export interface RequestSubjects {
  readonly userId: string | null;
  readonly deviceId: string | null;
  readonly sid: string | null;
}

/** The signals of one subject, and by which state of which shard; -1: no row can be of it. */
export interface MarkedSignals {
  readonly signals: readonly Signal[];
  readonly shard: number;
  readonly counter: number;
}

export const noSignals: readonly Signal[] = Object.freeze([]);
export const noMarked: MarkedSignals = { signals: noSignals, shard: -1, counter: 0 };

/** The signals of a request's subjects, kept with what tells whether they are the same still. */
export class RequestSignals {
  readonly user: readonly Signal[];
  readonly device: readonly Signal[];
  readonly session: readonly Signal[];
  /** Whether there is none at all. */
  readonly isEmpty: boolean;
  readonly #userId: string | null;
  readonly #deviceId: string | null;
  readonly #sid: string | null;
  readonly #fromMs: number;
  /** When the first of them expires. */
  readonly #untilMs: number;
  /** Shard and counter of each subject. */
  readonly #marks: Int32Array;

  constructor(
    { userId, deviceId, sid }: RequestSubjects,
    read: readonly [user: MarkedSignals, device: MarkedSignals, session: MarkedSignals],
    nowMs: number,
  ) {
    const [user, device, session] = read;
    this.#userId = userId;
    this.#deviceId = deviceId;
    this.#sid = sid;
    this.user = user.signals;
    this.device = device.signals;
    this.session = session.signals;
    const all = read.flatMap(({ signals }) => signals);
    this.isEmpty = all.length === 0;
    this.#fromMs = nowMs;
    this.#untilMs = Math.min(Infinity, ...all.map(({ expiresAtMs }) => expiresAtMs));
    this.#marks = Int32Array.from(read.flatMap(({ shard, counter }) => [shard, counter]));
  }

  isOf({ userId, deviceId, sid }: RequestSubjects): boolean {
    return this.#userId === userId && this.#deviceId === deviceId && this.#sid === sid;
  }

  /** Whether none has expired since, and the clock was not set back. */
  isWithin(nowMs: number): boolean {
    return nowMs >= this.#fromMs && nowMs < this.#untilMs;
  }

  /** Whether none of their shards has changed; part of the lane's pass. */
  isAt(lane: LaneReader): boolean {
    const marks = this.#marks;
    for (let at = 0; at < marks.length; at += 2) {
      const shard = marks[at] as number;
      if (shard === -1) continue;
      lane.shard(shard);
      if (lane.counter(shard) !== marks[at + 1]) return false;
    }
    return true;
  }

  /** Takes the marks of what was read again; false: it is not the same. */
  takeMarks(read: RequestSignals): boolean {
    const { user, device, session } = read;
    if (user !== this.user || device !== this.device || session !== this.session) return false;
    this.#marks.set(read.#marks);
    return true;
  }
}

/** Of a lane without rows. */
export const noRequestSignals: RequestSignals = new RequestSignals(
  { userId: null, deviceId: null, sid: null },
  [noMarked, noMarked, noMarked],
  0,
);
