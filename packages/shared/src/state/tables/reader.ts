import type {
  BlockKind,
  Device,
  DeviceCertificate,
  Signal,
  SignalSubject,
  User,
} from '../model.ts';
import { StateBusyError } from './errors.ts';
import { shardOf } from './index-search.ts';
import type { LayoutChange, SharedLane } from './lane.ts';
import { findRow, LaneReader, someRow } from './lane-reader.ts';
import { LookupKey } from './lookup-key.ts';
import {
  type MarkedSignals,
  noMarked,
  noRequestSignals,
  noSignals,
  RequestSignals,
  type RequestSubjects,
} from './request-signals.ts';
import { RowCache } from './row-cache.ts';
import { blockEnd, blockKind, blockSub } from './rows/block.ts';
import { deviceKind, readDevice } from './rows/device.ts';
import { deviceCertificateKind, readDeviceCertificate } from './rows/device-certificate.ts';
import { endedSessionKind } from './rows/ended-session.ts';
import { generationKind, generationSub, generationValue } from './rows/generation.ts';
import type { RowView } from './rows/row-kind.ts';
import { signalKind, signalSub } from './rows/signal.ts';
import { readUser, userKind } from './rows/user.ts';
import { SignalCache } from './signal-cache.ts';

export { StateBusyError } from './errors.ts';

export interface ReaderLanes {
  readonly revoke: SharedLane;
  /** Revocations beside the lane's own: see the edge. */
  readonly carried: SharedLane;
  readonly signals: SharedLane;
  readonly directory: SharedLane;
}

export interface Generations {
  readonly global: number;
  readonly user: number;
  readonly device: number;
}

type ReadRow<T> = (view: RowView, at: number, id: string) => T;

/** Passes made at once before the thread sleeps a millisecond between them. */
const passesAtOnce = 64;
const passesMax = 564;
const sleep = new Int32Array(new SharedArrayBuffer(4));

/**
 * Reads the tables of another thread without locks. What one pass gives stood at one time: no
 * revision is seen in part. A reader belongs to one thread.
 */
export class StateReader {
  readonly #revoke: LaneReader;
  readonly #carried: LaneReader;
  readonly #signals: LaneReader;
  readonly #directory: LaneReader;
  readonly #lanes: readonly LaneReader[];
  readonly #receiveLayout: () => LayoutChange | null;
  readonly #key = new LookupKey();
  readonly #devices = new RowCache<Device>();
  readonly #users = new RowCache<User>();
  readonly #certificates = new RowCache<DeviceCertificate>();
  readonly #known = new SignalCache();
  #inPass = false;

  /** `receiveLayout` gives the next change of layout that the writer has announced, if there is one. */
  constructor(lanes: ReaderLanes, receiveLayout: () => LayoutChange | null) {
    this.#revoke = new LaneReader(lanes.revoke);
    this.#carried = new LaneReader(lanes.carried);
    this.#signals = new LaneReader(lanes.signals);
    this.#directory = new LaneReader(lanes.directory);
    this.#lanes = [this.#revoke, this.#carried, this.#signals, this.#directory];
    this.#receiveLayout = receiveLayout;
  }

  /**
   * Runs `gather`, which must not await, and again while what it read was being changed. Throws
   * StateBusyError when half a second of tries has not been enough. A pass within a pass is part of it.
   */
  pass<T>(gather: () => T): T {
    if (this.#inPass) return gather();
    this.#inPass = true;
    try {
      for (let tries = 0; tries < passesMax; tries += 1) {
        if (tries > 0) this.#pause(tries);
        this.#begin();
        try {
          const value = gather();
          if (this.#holds()) return value;
        } catch (error) {
          // Half a change may look like anything, also like a bug.
          if (!(error instanceof StateBusyError) && this.#holds()) throw error;
        }
      }
    } finally {
      this.#inPass = false;
    }
    throw new StateBusyError('the state kept changing while it was read');
  }

  /**
   * Takes all changes of layout that were announced. A pass does it when it meets one; called now
   * and then, it lets go of the buffers of shards that nobody reads.
   */
  takeLayouts(): void {
    for (let change = this.#receiveLayout(); change !== null; change = this.#receiveLayout()) {
      const { table } = change;
      for (const lane of this.#lanes) if (lane.table === table) lane.take(change);
    }
  }

  device(id: string): Device | null {
    return this.#cached(this.#devices, deviceKind, id, readDevice);
  }

  user(id: string): User | null {
    return this.#cached(this.#users, userKind, id, readUser);
  }

  /** `sha256` of the certificate's DER in lower-case hex. */
  deviceByCertificate(sha256: string): DeviceCertificate | null {
    return this.#cached(this.#certificates, deviceCertificateKind, sha256, readDeviceCertificate);
  }

  /** 0 stands for a generation that was never raised. */
  generations(userId: string, deviceId: string | null): Generations {
    if (!this.#inPass) return this.pass(() => this.generations(userId, deviceId));
    return {
      global: this.#generation(generationSub.global, ''),
      user: this.#generation(generationSub.user, userId),
      device: deviceId === null ? 0 : this.#generation(generationSub.device, deviceId),
    };
  }

  isSessionEnded(sid: string): boolean {
    if (!this.#inPass) return this.pass(() => this.isSessionEnded(sid));
    if (!this.#key.set(endedSessionKind, 0, sid)) return false;
    return this.#has(this.#revoke) || this.#has(this.#carried);
  }

  /** Whether a block of the subject is in force at `nowMs`. */
  isBlocked(kind: BlockKind, subjectId: string, nowMs: number): boolean {
    if (!this.#inPass) return this.pass(() => this.isBlocked(kind, subjectId, nowMs));
    if (!this.#key.set(blockKind, blockSub[kind], subjectId)) return false;
    return this.#blocks(this.#revoke, nowMs) || this.#blocks(this.#carried, nowMs);
  }

  /**
   * The subject's signals that have not expired at `nowMs`. The same list while nothing of it has
   * changed, so that what was read from it can be kept by it.
   */
  signals(subject: SignalSubject, subjectId: string, nowMs: number): readonly Signal[] {
    if (!this.#inPass) return this.pass(() => this.signals(subject, subjectId, nowMs));
    if (!this.#signals.hasRows()) return noSignals;
    if (!this.#key.set(signalKind, signalSub[subject], subjectId)) return noSignals;
    const index = shardOf(this.#key.hash);
    const held = this.#signals.shard(index);
    const counter = this.#signals.counter(index);
    if (this.#find(this.#signals) === 0) return noSignals;
    const known = this.#known.read(held, this.#key, counter, subject, subjectId);
    if (nowMs < known.firstEndMs) return known.signals;
    return known.signals.filter(({ expiresAtMs }) => expiresAtMs > nowMs);
  }

  /**
   * The signals of all subjects that a request has. `kept` is what a request of the same connection
   * was given last, or null: the same object is given again while nothing of it has changed, without
   * looking for the rows.
   */
  requestSignals(
    kept: RequestSignals | null,
    subjects: RequestSubjects,
    nowMs: number,
  ): RequestSignals {
    if (!this.#inPass) return this.pass(() => this.requestSignals(kept, subjects, nowMs));
    if (!this.#signals.hasRows()) return noRequestSignals;
    const isOfThese = kept !== null && kept.isOf(subjects) && kept.isWithin(nowMs);
    if (isOfThese && kept.isAt(this.#signals)) return kept;
    const user = this.#marked('user', subjects.userId, nowMs);
    const device = this.#marked('device', subjects.deviceId, nowMs);
    const session = this.#marked('session', subjects.sid, nowMs);
    const made = new RequestSignals(subjects, [user, device, session], nowMs);
    return isOfThese && kept.takeMarks(made) ? kept : made;
  }

  #marked(subject: SignalSubject, id: string | null, nowMs: number): MarkedSignals {
    if (id === null || !this.#key.set(signalKind, signalSub[subject], id)) return noMarked;
    const shard = shardOf(this.#key.hash);
    const signals = this.signals(subject, id, nowMs);
    // Read, if only to know that there is none.
    this.#signals.shard(shard);
    return { signals, shard, counter: this.#signals.counter(shard) };
  }

  #cached<T>(cache: RowCache<T>, kind: number, id: string, read: ReadRow<T>): T | null {
    if (!this.#inPass) return this.pass(() => this.#cached(cache, kind, id, read));
    if (!this.#key.set(kind, 0, id)) return null;
    const { hash, place } = this.#key;
    const index = shardOf(hash);
    const held = this.#directory.shard(index);
    const counter = this.#directory.counter(index);
    const kept = cache.get(place, id, counter);
    if (kept !== null) return kept;
    const at = this.#find(this.#directory);
    if (at === 0) return null;
    const value = read(held, at, id);
    // If this was half a change, the counter has moved already and will not come back.
    cache.put(place, id, counter, value);
    return value;
  }

  #generation(sub: number, subjectId: string): number {
    if (!this.#key.set(generationKind, sub, subjectId)) return 0;
    return Math.max(this.#value(this.#revoke), this.#value(this.#carried));
  }

  #value(lane: LaneReader): number {
    if (!lane.hasRows()) return 0;
    const at = this.#find(lane);
    return at === 0 ? 0 : generationValue(lane.shard(shardOf(this.#key.hash)), at);
  }

  #has(lane: LaneReader): boolean {
    if (!lane.hasRows()) return false;
    return this.#find(lane) !== 0;
  }

  /** Place of the key's first row; 0: there is none. */
  #find(lane: LaneReader): number {
    const index = shardOf(this.#key.hash);
    const held = lane.shard(index);
    // Two tables have rows of the same kinds; what is kept is of the lane's own.
    if (lane === this.#carried) return findRow(held, this.#key);
    const counter = lane.counter(index);
    const kept = this.#key.kept(counter);
    if (kept !== -1) return kept;
    const at = findRow(held, this.#key);
    this.#key.keep(counter, at);
    return at;
  }

  #blocks(lane: LaneReader, nowMs: number): boolean {
    if (!lane.hasRows() || this.#find(lane) === 0) return false;
    const held = lane.shard(shardOf(this.#key.hash));
    return someRow(held, this.#key, (at) => {
      const end = blockEnd(held, at);
      return end === null || end > nowMs;
    });
  }

  #begin(): void {
    this.#revoke.begin();
    this.#directory.begin();
    this.#carried.begin();
    this.#signals.begin();
  }

  #holds(): boolean {
    return (
      this.#revoke.holds() &&
      this.#directory.holds() &&
      this.#carried.holds() &&
      this.#signals.holds()
    );
  }

  /** The writer needs microseconds; if its thread was put aside, spinning would keep it there. */
  #pause(tries: number): void {
    this.takeLayouts();
    if (tries > passesAtOnce) Atomics.wait(sleep, 0, 0, 1);
  }
}
