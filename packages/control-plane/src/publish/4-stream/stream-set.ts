import type { Encoded } from '../3-frames/encode.ts';
import { type Pipe, type StreamParts, type StreamPeer, SyncStream } from './sync-stream.ts';

const streamsPerEdgeMax = 8;

/** All Sync streams of this replica. */
export class StreamSet {
  readonly #parts: Omit<StreamParts, 'onClosed'>;
  readonly #streams = new Set<SyncStream>();
  #ended = false;

  constructor(parts: Omit<StreamParts, 'onClosed'>) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** null: the edge has too many already, or this replica is going away. */
  open(peer: StreamPeer, pipe: Pipe): SyncStream | null {
    const open = [...this.#streams].filter((stream) => stream.peer.edgeId === peer.edgeId);
    if (this.#ended || open.length >= streamsPerEdgeMax) return null;
    const onClosed = (): void => {
      this.#streams.delete(stream);
    };
    const stream: SyncStream = new SyncStream(peer, pipe, { ...this.#parts, onClosed });
    this.#streams.add(stream);
    return stream;
  }

  edgeIds(): ReadonlySet<string> {
    return new Set([...this.#streams].map(({ peer }) => peer.edgeId));
  }

  /** There may be more to send on any of them. */
  pump(): void {
    for (const stream of this.#streams) stream.pump();
  }

  tick(heartbeat: Encoded, wallMs: number): void {
    for (const stream of this.#streams) stream.tick(heartbeat, wallMs);
  }

  bar(edgeId: string): void {
    for (const stream of this.#streams) {
      if (stream.peer.edgeId === edgeId) stream.end({ kind: 'barred' });
    }
  }

  /** Ends all, so that edges go to another replica, and opens no more. */
  end(): void {
    this.#ended = true;
    for (const stream of this.#streams) stream.end({ kind: 'draining' });
  }
}
