import type { Encoded } from '../3-frames/encode.ts';
import type { Slices } from '../slices.ts';
import { type BudgetLimits, EdgeBudgets } from './edge-budget.ts';
import { type Pipe, type StreamParts, type StreamPeer, SyncStream } from './sync-stream.ts';

/** What all streams have in common. */
type SharedParts = Omit<StreamParts, 'onClosed' | 'budget'>;

const streamsPerEdgeMax = 8;

/** All Sync streams of this replica. */
export class StreamSet {
  readonly #parts: SharedParts;
  readonly #budgets: EdgeBudgets;
  readonly #slices: Slices;
  readonly #streams = new Map<string, Set<SyncStream>>();
  #size = 0;
  #ended = false;
  /** A round over all streams is under way; another one is wanted after it. */
  #round = false;
  #again = false;

  constructor(parts: SharedParts, slices: Slices, limits: BudgetLimits) {
    this.#parts = parts;
    this.#budgets = new EdgeBudgets(limits, parts.monotonic);
    this.#slices = slices;
  }

  get size(): number {
    return this.#size;
  }

  /** null: the edge has too many already, or this replica is going away. */
  open(peer: StreamPeer, pipe: Pipe): SyncStream | null {
    const known = this.#streams.get(peer.edgeId);
    if (this.#ended || (known?.size ?? 0) >= streamsPerEdgeMax) return null;
    const streams = known ?? new Set<SyncStream>();
    this.#streams.set(peer.edgeId, streams);
    const onClosed = (): void => {
      if (streams.delete(stream)) this.#size -= 1;
      if (streams.size === 0 && this.#streams.get(peer.edgeId) === streams) {
        this.#streams.delete(peer.edgeId);
      }
    };
    const stream: SyncStream = new SyncStream(peer, pipe, {
      ...this.#parts,
      budget: this.#budgets.of(peer.edgeId),
      onClosed,
    });
    streams.add(stream);
    this.#size += 1;
    return stream;
  }

  edgeIds(): Iterable<string> {
    return this.#streams.keys();
  }

  /** A revocation is there: nothing else comes before it. */
  pumpRevoke(): void {
    for (const stream of this.#all()) if (stream.carries('revoke')) stream.pump();
  }

  /** There may be more to send on any of them; everybody gets a turn between some and the next. */
  pump(): void {
    this.#again = true;
    if (!this.#round) void this.#rounds();
  }

  /** Resolves when all have been told, which others do not wait for. */
  async tick(heartbeat: Encoded | null, wallMs: number): Promise<void> {
    this.#budgets.forget((edgeId) => this.#streams.has(edgeId));
    for (const stream of this.#all()) {
      stream.tick(heartbeat, wallMs);
      await this.#slices.turn();
    }
  }

  hush(edgeId: string): void {
    for (const stream of this.#streams.get(edgeId) ?? []) stream.hush();
  }

  bar(edgeId: string): void {
    for (const stream of this.#streams.get(edgeId) ?? []) stream.end({ kind: 'barred' });
  }

  /** Ends all, so that edges go to another replica, and opens no more. */
  end(): void {
    this.#ended = true;
    for (const stream of this.#all()) stream.end({ kind: 'draining' });
  }

  async #rounds(): Promise<void> {
    this.#round = true;
    while (this.#again) {
      this.#again = false;
      for (const stream of this.#all()) {
        stream.pump();
        await this.#slices.turn();
      }
    }
    this.#round = false;
  }

  /** Those there are now; some may be over when their turn comes, which they bear. */
  #all(): SyncStream[] {
    return [...this.#streams.values()].flatMap((streams) => [...streams]);
  }
}
