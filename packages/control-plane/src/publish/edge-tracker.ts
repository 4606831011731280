import {
  type Ack,
  AckStage,
  laneFromWire,
  type Nack,
  NackCode,
  positionFromWire,
} from '@sallyport/proto';
import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { Lane, Position } from '@sallyport/shared/state/model';
import type { EdgeLaneStatus, EdgeStatus } from '../ports.ts';
import type { Monotonic } from './1-log/follow.ts';
import { isAhead, reaches } from './position.ts';

interface TrackedLane {
  streams: number;
  applied: Position | null;
  enforced: Position | null;
  nack: EdgeLaneStatus['nack'];
  /** It was logged that the edge is ahead. */
  saidAhead: boolean;
  /** The last acknowledgements, oldest first: a receipt names the one that covered its revision. */
  trail: { readonly position: Position; readonly atMs: number }[];
}

interface TrackedEdge {
  streams: number;
  connectedSinceMs: number | null;
  softwareVersion: string;
  lastSeenAtMs: number;
  readonly lanes: Map<Lane, TrackedLane>;
}

const trailMax = 256;
const detailCharactersMax = 512;

/**
 * What the edges connected to this process have said. An edge that left keeps its entry until
 * `forget`, so that its last positions stay visible.
 */
export class EdgeTracker {
  readonly #clock: Clock;
  readonly #monotonic: Monotonic;
  readonly #heads: () => ReadonlyMap<Lane, Position>;
  readonly #log: Log;
  readonly #edges = new Map<string, TrackedEdge>();
  readonly #listeners = new Set<() => void>();

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

  open(edgeId: string, softwareVersion: string, lanes: readonly Lane[]): void {
    const edge = this.#edge(edgeId);
    edge.streams += 1;
    edge.connectedSinceMs ??= this.#clock();
    edge.softwareVersion = softwareVersion;
    for (const lane of lanes) laneOf(edge, lane).streams += 1;
    this.#changed();
  }

  close(edgeId: string, lanes: readonly Lane[]): void {
    const edge = this.#edges.get(edgeId);
    if (edge === undefined) return;
    edge.streams -= 1;
    edge.lastSeenAtMs = this.#clock();
    if (edge.streams === 0) edge.connectedSinceMs = null;
    for (const lane of lanes) laneOf(edge, lane).streams -= 1;
    this.#changed();
  }

  /**
   * What lies beyond the head of its lane is of a history that this database does not have (it was
   * restored, and the epoch stayed): such an acknowledgement says nothing of revisions of ours that
   * come to bear the same numbers, and is left out.
   */
  ack(edgeId: string, ack: Ack): void {
    const found = this.#find(edgeId, ack);
    if (found === null) return;
    const { lane, position } = found;
    lane.nack = null;
    if (ack.stage === AckStage.UNSPECIFIED) return;
    const head = this.#heads().get(found.name);
    if (head === undefined || isAhead(position, head)) {
      if (head !== undefined) this.#sayAhead(edgeId, found.name, lane, position, head);
      return;
    }
    lane.applied = later(lane.applied, position);
    if (ack.stage !== AckStage.ENFORCED) return;
    lane.enforced = later(lane.enforced, position);
    lane.trail.push({ position, atMs: this.#monotonic() });
    if (lane.trail.length > trailMax) lane.trail.shift();
    this.#changed();
  }

  nack(edgeId: string, nack: Nack): void {
    const found = this.#find(edgeId, nack);
    if (found === null) return;
    const code = NackCode[nack.code] ?? 'UNSPECIFIED';
    found.lane.nack = { code, detail: nack.detail.slice(0, detailCharactersMax) };
    this.#changed();
  }

  /** A lane begins again at `head`: what was acknowledged beyond it is void. */
  reset(name: Lane, head: Position): void {
    for (const edge of this.#edges.values()) {
      const lane = edge.lanes.get(name);
      if (lane === undefined) continue;
      lane.trail = lane.trail.filter(({ position }) => !isAhead(position, head));
      if (lane.applied !== null && isAhead(lane.applied, head)) lane.applied = null;
      if (lane.enforced !== null && isAhead(lane.enforced, head)) lane.enforced = null;
    }
    this.#changed();
  }

  /** Whether a stream of the edge carries the lane now. */
  carries(edgeId: string, lane: Lane): boolean {
    return (this.#edges.get(edgeId)?.lanes.get(lane)?.streams ?? 0) > 0;
  }

  /** When (monotonic) the edge said that it enforces the position; null: not yet. */
  enforcedAtMs(edgeId: string, lane: Lane, position: Position): number | null {
    const trail = this.#edges.get(edgeId)?.lanes.get(lane)?.trail ?? [];
    return trail.find((entry) => reaches(entry.position, position))?.atMs ?? null;
  }

  /** Calls back after each change. Returns how to stop it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  status(): readonly EdgeStatus[] {
    return [...this.#edges].map(([edgeId, edge]) => ({
      edgeId,
      connected: edge.streams > 0,
      connectedSinceMs: edge.connectedSinceMs,
      softwareVersion: edge.softwareVersion,
      lastSeenAtMs: edge.streams > 0 ? this.#clock() : edge.lastSeenAtMs,
      lanes: Object.fromEntries(
        [...edge.lanes].map(([lane, { applied, enforced, nack }]) => [
          lane,
          { applied, enforced, nack },
        ]),
      ),
    }));
  }

  /** Drops edges that are not connected and of which `keep` says no. */
  forget(keep: (edgeId: string) => boolean): void {
    for (const [edgeId, edge] of this.#edges) {
      if (edge.streams === 0 && !keep(edgeId)) this.#edges.delete(edgeId);
    }
  }

  #edge(edgeId: string): TrackedEdge {
    let edge = this.#edges.get(edgeId);
    if (edge === undefined) {
      const lastSeenAtMs = this.#clock();
      edge = {
        streams: 0,
        connectedSinceMs: null,
        softwareVersion: '',
        lastSeenAtMs,
        lanes: new Map(),
      };
      this.#edges.set(edgeId, edge);
    }
    return edge;
  }

  /** null: of an edge that said no Hello, or of a lane of a newer protocol. */
  #find(
    edgeId: string,
    message: Pick<Ack, 'lane' | 'position'>,
  ): { readonly name: Lane; readonly lane: TrackedLane; readonly position: Position } | null {
    const edge = this.#edges.get(edgeId);
    const name = laneFromWire(message.lane);
    const position = positionFromWire(message.position);
    if (edge === undefined || name === null || position === null) return null;
    return { name, lane: laneOf(edge, name), position };
  }

  #sayAhead(
    edgeId: string,
    name: Lane,
    lane: TrackedLane,
    position: Position,
    head: Position,
  ): void {
    if (lane.saidAhead) return;
    lane.saidAhead = true;
    this.#log.warn('publish.edge_ahead', { edgeId, lane: name, position, head });
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

function laneOf(edge: TrackedEdge, name: Lane): TrackedLane {
  let lane = edge.lanes.get(name);
  if (lane === undefined) {
    lane = { streams: 0, applied: null, enforced: null, nack: null, saidAhead: false, trail: [] };
    edge.lanes.set(name, lane);
  }
  return lane;
}

function later(known: Position | null, said: Position): Position {
  return known !== null && reaches(known, said) ? known : said;
}
