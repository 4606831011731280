import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { Lane, Position } from '@sallyport/shared/state/model';
import type { NackMessage, PathName } from '@sallyport/shared/sync/messages';
import type { EdgeStatus } from '../ports.ts';
import type { Monotonic } from './1-log/follow.ts';
import { type EarlyAck, EdgeLane, type LaneReport } from './edge-lane.ts';
import { isAhead } from './position.ts';
import type { Refusals } from './refusals.ts';

interface TrackedEdge {
  streams: number;
  connectedSinceMs: number | null;
  softwareVersion: string;
  lastSeenAtMs: number;
  carriedBlocks: number | null;
  readonly lanes: Map<Lane, EdgeLane>;
}

/** What an edge said of a position it has. */
export interface SaidAck {
  readonly lane: Lane;
  readonly position: Position;
  readonly stage: 'applied' | 'enforced';
  readonly path: PathName | null;
}

/** Called with the edge of which something is known that was not known before. */
export type EdgeListener = (edgeId: string) => void;

const detailCharactersMax = 512;

/**
 * What the edges connected to this process have said. An edge that left keeps its entry until
 * `forget`, so that its last positions stay visible and what it refused is not sent again.
 */
export class EdgeTracker {
  readonly #clock: Clock;
  readonly #monotonic: Monotonic;
  readonly #heads: () => ReadonlyMap<Lane, Position>;
  readonly #log: Log;
  readonly #edges = new Map<string, TrackedEdge>();
  readonly #listeners = new Set<EdgeListener>();
  /** Where something was said beyond the head; one word a lane of an edge. */
  readonly #early = new Map<EdgeLane, { readonly edgeId: string; readonly lane: Lane }>();

  constructor(parts: {
    readonly clock: Clock;
    readonly monotonic: Monotonic;
    /** The lanes as far as this replica has read them. */
    readonly heads: () => ReadonlyMap<Lane, Position>;
    readonly log: Log;
  }) {
    this.#clock = parts.clock;
    this.#monotonic = parts.monotonic;
    this.#heads = parts.heads;
    this.#log = parts.log;
  }

  /** An edge with other software may take what it refused before. */
  open(edgeId: string, softwareVersion: string, lanes: readonly Lane[]): void {
    const edge = this.#edge(edgeId);
    edge.streams += 1;
    edge.connectedSinceMs ??= this.#clock();
    if (edge.softwareVersion !== softwareVersion) {
      for (const lane of edge.lanes.values()) lane.refused.clear();
    }
    edge.softwareVersion = softwareVersion;
    for (const lane of lanes) laneOf(edge, lane).streams += 1;
    this.#changed(edgeId);
  }

  close(edgeId: string, lanes: readonly Lane[]): void {
    const edge = this.#edges.get(edgeId);
    if (edge === undefined) return;
    edge.streams -= 1;
    edge.lastSeenAtMs = this.#clock();
    if (edge.streams === 0) edge.connectedSinceMs = null;
    for (const lane of lanes) laneOf(edge, lane).streams -= 1;
    this.#changed(edgeId);
  }

  /**
   * What lies beyond the head of its lane counts once this replica has read so far, if the lane has
   * not begun anew before. The caller leaves out what is said of a lane that this replica has not
   * resumed: that may be of a history that the database does not have.
   */
  ack(edgeId: string, { lane: name, position, stage, path }: SaidAck): void {
    const lane = this.#lane(edgeId, name);
    const head = this.#heads().get(name);
    if (lane === null || head === undefined) return;
    const atMs = this.#monotonic();
    if (isAhead(position, head)) {
      // By another way the edge has what this replica is about to read.
      lane.early = { position, stage, path, atMs };
      this.#early.set(lane, { edgeId, lane: name });
      return this.#sayAhead(edgeId, name, lane, position, head);
    }
    this.#count(edgeId, lane, { position, stage, path, atMs });
  }

  /** This replica has read on: what edges said of it before counts now. */
  headMoved(name: Lane, head: Position): void {
    for (const [lane, { edgeId, lane: laneName }] of this.#early) {
      const { early } = lane;
      if (laneName !== name || early === null || isAhead(early.position, head)) continue;
      lane.early = null;
      this.#early.delete(lane);
      if (early.position.epoch === head.epoch) this.#count(edgeId, lane, early);
    }
  }

  #count(edgeId: string, lane: EdgeLane, { position, stage, path, atMs }: EarlyAck): void {
    lane.apply(position);
    lane.clearNack(position);
    if (stage !== 'enforced') return;
    lane.enforce(position, atMs, path);
    this.#changed(edgeId);
  }

  nack(edgeId: string, { lane: name, position, code, detail, refusedSha256 }: NackMessage): void {
    const lane = this.#lane(edgeId, name);
    if (lane === null) return;
    lane.nack = { position, code, detail: printable(detail) };
    if (refusedSha256.length === 32) lane.refused.add(Buffer.from(refusedSha256).toString('hex'));
    this.#changed(edgeId);
  }

  report(edgeId: string, name: Lane, report: LaneReport): void {
    const lane = this.#lane(edgeId, name);
    lane?.take(report, this.#monotonic());
  }

  carries(edgeId: string, lane: Lane): boolean {
    return (this.#edges.get(edgeId)?.lanes.get(lane)?.streams ?? 0) > 0;
  }

  carried(edgeId: string, blocks: number): void {
    const edge = this.#edges.get(edgeId);
    if (edge !== undefined) edge.carriedBlocks = blocks;
  }

  hold(edgeId: string, name: Lane, held: boolean): void {
    const lane = this.#lane(edgeId, name);
    if (lane !== null) lane.held = held;
  }

  /** What the edge refused of the lane, to be looked at before anything is sent. */
  refusals(edgeId: string, lane: Lane): Refusals {
    return laneOf(this.#edge(edgeId), lane).refused;
  }

  /** A lane begins again at `head`: what was acknowledged beyond it is void. */
  reset(name: Lane, head: Position): void {
    for (const [edgeId, edge] of this.#edges) {
      const lane = edge.lanes.get(name);
      if (lane === undefined) continue;
      lane.reset(head);
      this.#early.delete(lane);
      this.#changed(edgeId);
    }
  }

  /** When (monotonic) and by which way the edge came to enforce the position; null: not yet. */
  enforcementOf(
    edgeId: string,
    lane: Lane,
    position: Position,
  ): { readonly atMs: number; readonly path: PathName | null } | null {
    return this.#edges.get(edgeId)?.lanes.get(lane)?.enforcementOf(position) ?? null;
  }

  /** Calls back after each change. Returns how to stop it. */
  onChange(listener: EdgeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  status(): readonly EdgeStatus[] {
    return [...this.#edges.keys()].flatMap((edgeId) => this.statusOf(edgeId) ?? []);
  }

  statusOf(edgeId: string): EdgeStatus | null {
    const edge = this.#edges.get(edgeId);
    if (edge === undefined) return null;
    const nowMs = this.#monotonic();
    return {
      edgeId,
      connected: edge.streams > 0,
      connectedSinceMs: edge.connectedSinceMs,
      softwareVersion: edge.softwareVersion,
      lastSeenAtMs: edge.streams > 0 ? this.#clock() : edge.lastSeenAtMs,
      lanes: Object.fromEntries([...edge.lanes].map(([name, lane]) => [name, lane.status(nowMs)])),
      carriedBlocks: edge.carriedBlocks,
    };
  }

  /** What the edges that are connected report, summed up by alarm. */
  alarms(): ReadonlyMap<string, number> {
    const sums = new Map<string, number>();
    for (const edge of this.#edges.values()) {
      if (edge.streams === 0) continue;
      for (const { alarms } of edge.lanes.values()) {
        for (const [name, count] of Object.entries(alarms)) {
          sums.set(name, (sums.get(name) ?? 0) + count);
        }
      }
    }
    return sums;
  }

  /** Drops edges that are not connected and of which `keep` says no. */
  forget(keep: (edgeId: string) => boolean): void {
    for (const [edgeId, edge] of this.#edges) {
      if (edge.streams > 0 || keep(edgeId)) continue;
      for (const lane of edge.lanes.values()) this.#early.delete(lane);
      this.#edges.delete(edgeId);
    }
  }

  #edge(edgeId: string): TrackedEdge {
    let edge = this.#edges.get(edgeId);
    if (edge === undefined) {
      edge = {
        streams: 0,
        connectedSinceMs: null,
        softwareVersion: '',
        lastSeenAtMs: this.#clock(),
        carriedBlocks: null,
        lanes: new Map(),
      };
      this.#edges.set(edgeId, edge);
    }
    return edge;
  }

  /** null: of an edge that said no Hello. */
  #lane(edgeId: string, name: Lane): EdgeLane | null {
    const edge = this.#edges.get(edgeId);
    return edge === undefined ? null : laneOf(edge, name);
  }

  #sayAhead(edgeId: string, name: Lane, lane: EdgeLane, position: Position, head: Position): void {
    if (lane.saidAhead) return;
    lane.saidAhead = true;
    this.#log.warn('publish.edge_ahead', { edgeId, lane: name, position, head });
  }

  #changed(edgeId: string): void {
    for (const listener of this.#listeners) listener(edgeId);
  }
}

function laneOf(edge: TrackedEdge, name: Lane): EdgeLane {
  let lane = edge.lanes.get(name);
  if (lane === undefined) {
    lane = new EdgeLane();
    edge.lanes.set(name, lane);
  }
  return lane;
}

function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f]/g, ' ').slice(0, detailCharactersMax);
}
