import type { Block, Position } from '../../state/model.ts';
import type { LaneHead, ManifestMessage, ProvisionalMessage } from '../messages.ts';
import { comparePositions, samePosition } from '../position.ts';
import type { LaneSource } from '../replica-lane-model.ts';
import { bodySha256 } from '../signing.ts';
import { type Database, type ModelLane, modelLanes, type Revision } from './database.ts';
import { encodeOps, type ModelOp, type ModelRows, type ModelShard } from './model-rows.ts';
import type { Nats } from './nats.ts';
import { ReplicaSession } from './replica-session.ts';
import type { Stream } from './stream.ts';
import type { Timeline } from './timeline.ts';

/** What a replica holds of one lane: the rows, and a ring of the last frames. */
interface Image {
  head: Position;
  forkedAt: Position | null;
  rows: ModelRows;
  ring: Revision[];
  digest: { at: Position; digest: Uint8Array } | null;
}

export interface ManifestSet {
  readonly manifest: ManifestMessage;
  readonly shards: readonly ModelShard[];
}

const ringMax = 12;
const preloadMax = 6;
const followMs = 250;
const heartbeatMs = 1_000;
const provisionalMs = 8_000;

/** One replica of the control plane: a process that may die, stand still, or lose the database. */
export class Replica {
  readonly name: string;
  up = true;
  paused = false;
  databaseCut = false;
  /** Its wall clock minus the true one. */
  wallMs = 0;
  readonly timeline: Timeline;
  readonly database: Database;
  readonly #nats: Nats;
  readonly #images = new Map<ModelLane, Image>();
  readonly #sessions = new Set<ReplicaSession>();
  /** Denials that were broadcast and are not in the log yet: its journal, which survives it. */
  readonly #owed: { readonly ops: readonly ModelOp[] }[] = [];
  /** The newest list of blocks of each edge, until the database has taken it. */
  readonly #carried = new Map<string, readonly Block[]>();
  #seenDatabaseMs = Number.NEGATIVE_INFINITY;
  #life = 0;

  constructor(name: string, timeline: Timeline, database: Database, nats: Nats) {
    this.name = name;
    this.timeline = timeline;
    this.database = database;
    this.#nats = nats;
  }

  start(offsetMs: number): void {
    this.up = true;
    this.#life += 1;
    const life = this.#life;
    const alive = () => this.up && this.#life === life;
    this.timeline.every(offsetMs, followMs, () => alive() && (this.follow(), true));
    this.timeline.every(offsetMs + 100, heartbeatMs, () => alive() && (this.#beat(), true));
  }

  crash(): void {
    this.up = false;
    this.paused = false;
    this.#images.clear();
    this.#carried.clear();
    this.#seenDatabaseMs = Number.NEGATIVE_INFINITY;
    for (const session of [...this.#sessions]) session.end();
    this.#sessions.clear();
  }

  get reachesDatabase(): boolean {
    return this.up && !this.paused && !this.databaseCut && this.database.up;
  }

  accept(edge: string, lane: ModelLane, stream: () => Stream): ReplicaSession {
    const session = new ReplicaSession(this, edge, lane, stream);
    this.#sessions.add(session);
    return session;
  }

  forget(session: ReplicaSession): void {
    this.#sessions.delete(session);
  }

  /** What an edge carries; none: what it told before counts no more. */
  takeCarried(edge: string, blocks: readonly Block[]): void {
    if (blocks.length === 0) this.#carried.delete(edge);
    else this.#carried.set(edge, blocks);
  }

  /** Writes what waits for the database, and reads what is new in its log. */
  follow(): void {
    if (!this.reachesDatabase) return;
    this.#seenDatabaseMs = this.timeline.nowMs;
    for (const { ops } of this.#owed.splice(0)) this.database.commit('revoke', ops);
    for (const blocks of this.#carried.values()) this.database.adopt(blocks);
    this.#carried.clear();
    for (const lane of modelLanes) this.#followLane(lane);
    this.pump();
  }

  pump(): void {
    for (const session of this.#sessions) session.pump();
  }

  source(lane: ModelLane): LaneSource {
    const image = this.#images.get(lane);
    return {
      head: image?.head ?? null,
      forkedAt: image?.forkedAt ?? null,
      ringAfter: image === undefined ? 0 : image.head.rev - image.ring.length,
      logAfter: this.reachesDatabase ? this.database.floor(lane) : null,
    };
  }

  /** From the ring, or from the log. */
  revision(lane: ModelLane, position: Position): Revision | null {
    const ring = this.#images.get(lane)?.ring ?? [];
    const held = ring.find(({ frame }) => samePosition(frame, position));
    if (held !== undefined) return held;
    return this.reachesDatabase ? this.database.revision(lane, position) : null;
  }

  /** null: nothing was read yet. */
  manifest(lane: ModelLane): ManifestSet | null {
    const image = this.#images.get(lane);
    if (image === undefined) return null;
    const shards = image.rows.shards();
    const { head: position } = image;
    const manifest = { lane, position, shards, keyId: 'key', signature: new Uint8Array() };
    return { manifest, shards };
  }

  /** The database is away: the denial is broadcast, and written to the log when it is back. */
  provisional(id: string, ops: readonly ModelOp[]): ProvisionalMessage {
    const nowMs = this.timeline.nowMs + this.wallMs;
    const body = encodeOps(ops);
    const value: ProvisionalMessage = {
      id,
      issuedAtMs: nowMs,
      expiresAtMs: nowMs + provisionalMs,
      body,
      keyId: 'key',
      signature: new Uint8Array(),
    };
    const message = {
      type: 'provisional',
      value,
      sha256: bodySha256(body),
      verdict: 'ok',
    } as const;
    this.#owed.push({ ops });
    this.#nats.publish(message);
    for (const session of this.#sessions) {
      if (session.lane === 'revoke') session.broadcast(message);
    }
    return value;
  }

  #followLane(lane: ModelLane): void {
    const { database } = this;
    const head = database.head(lane);
    const image = this.#images.get(lane);
    if (image === undefined || image.head.epoch < head.epoch) return this.#load(lane, head);
    if (comparePositions(image.head, head) > 0) {
      // It had read more than the database has now.
      database.raiseEpoch(image.head.epoch);
      return this.#load(lane, database.head(lane));
    }
    for (let rev = image.head.rev + 1; rev <= head.rev; rev += 1) {
      const revision = database.revision(lane, { epoch: head.epoch, rev });
      if (revision === null) return this.#load(lane, head);
      image.rows.apply(revision.ops);
      image.head = { epoch: head.epoch, rev };
      image.ring = [...image.ring, revision].slice(-ringMax);
      this.#publish(revision);
    }
  }

  #load(lane: ModelLane, head: Position): void {
    const { database } = this;
    const ring: Revision[] = [];
    for (let rev = head.rev; rev > head.rev - preloadMax; rev -= 1) {
      const revision = database.revision(lane, { epoch: head.epoch, rev });
      if (revision === null) break;
      ring.unshift(revision);
    }
    const rows = database.rows(lane).copy();
    const forkedAt = database.forkedAt(lane);
    this.#images.set(lane, { head, forkedAt, rows, ring, digest: null });
  }

  #publish({ frame, sha256 }: Revision): void {
    if (frame.lane !== 'revoke') return;
    this.#nats.publish({ type: 'frame', value: frame, sha256, verdict: 'ok' });
  }

  #beat(): void {
    if (this.paused || !Number.isFinite(this.#seenDatabaseMs)) return;
    const heads = modelLanes.flatMap((lane) => this.#laneHead(lane));
    const value = {
      replica: this.name,
      sentAtMs: this.timeline.nowMs + this.wallMs,
      logAgeMs: this.timeline.nowMs - this.#seenDatabaseMs,
      heads,
      keyId: 'key',
      signature: new Uint8Array(),
    };
    const message = { type: 'heartbeat', value, verdict: 'ok' } as const;
    this.#nats.publish(message);
    for (const session of this.#sessions) session.broadcast(message);
    this.pump();
  }

  #laneHead(lane: ModelLane): LaneHead[] {
    const image = this.#images.get(lane);
    if (image === undefined) return [];
    if (image.digest === null || !samePosition(image.digest.at, image.head)) {
      image.digest = { at: image.head, digest: image.rows.digest() };
    }
    const { at, digest } = image.digest;
    return [{ lane, head: image.head, digest, digestAt: at }];
  }
}
