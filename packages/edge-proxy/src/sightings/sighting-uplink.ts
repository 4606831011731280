import { create } from '@bufbuild/protobuf';
import { type SightRequest, SightRequestSchema, type SightResponse } from '@sallyport/proto';
import type { Log } from '@sallyport/shared/log';
import { BatchUplink, type BatchUplinkOptions } from '../ops/batch-uplink.ts';
import { monotonicMs } from '../state/monotonic.ts';
import { BoundedQueue } from './bounded-queue.ts';
import { placeToWire } from './place-to-wire.ts';
import type { Sighting } from './sighting.ts';

const waitingMax = 65_536;
const batchMax = 256;

interface Batch {
  readonly sightings: readonly Sighting[];
  readonly dropped: number;
}

export type SightingUplinkOptions = Pick<
  BatchUplinkOptions<Batch, SightRequest, SightResponse>,
  'channel' | 'log'
>;

/**
 * Sends sightings upward on a stream of their own, each at once: another edge may be asked the next
 * moment. They share a batch only while the batches before are not acknowledged.
 */
export class SightingUplink {
  readonly #waiting = new BoundedQueue<Sighting>(waitingMax);
  readonly #uplink: BatchUplink<Batch, SightRequest, SightResponse>;
  readonly #log: Log;

  constructor({ channel, log }: SightingUplinkOptions) {
    this.#log = log;
    this.#uplink = new BatchUplink({
      channel,
      log,
      streamEnded: 'sightings.stream_ended',
      open: (client) => client.sight(),
      next: () => this.#next(),
      isEmpty: () => this.#waiting.length === 0,
      request,
    });
  }

  start(): void {
    this.#uplink.start();
  }

  /** `dropped`: others that were lost before they came here. */
  push(sightings: readonly Sighting[], dropped: number): void {
    this.#waiting.addDropped(dropped);
    for (const sighting of sightings) this.#waiting.push(sighting);
    this.#uplink.send();
  }

  /** Sightings that wait or are under way. */
  get backlog(): number {
    return this.#uplink.underWay.reduce(
      (sum, { sightings }) => sum + sightings.length,
      this.#waiting.length,
    );
  }

  get droppedTotal(): number {
    return this.#waiting.droppedTotal;
  }

  /** Tries to get rid of everything, for so long at the most, and ends the stream. What is left is lost. */
  async stop(flushMs: number): Promise<void> {
    await this.#uplink.stop(flushMs);
    if (this.backlog > 0) this.#log.warn('sightings.lost_at_end', { sightings: this.backlog });
  }

  #next(): Batch | null {
    if (this.#waiting.length === 0) return null;
    return { sightings: this.#waiting.take(batchMax), dropped: this.#waiting.takeDropped() };
  }
}

/** The age is that at the time of sending, also where a batch is sent again. */
function request({ sightings, dropped }: Batch, batch: bigint): SightRequest {
  const nowMs = monotonicMs();
  return create(SightRequestSchema, {
    batch,
    dropped: BigInt(dropped),
    sightings: sightings.map(({ id, seenAtMs, userId, sid, deviceId, sourceAddress, ...more }) => ({
      id,
      ageMs: BigInt(Math.max(0, Math.round(nowMs - seenAtMs))),
      userId,
      sid,
      deviceId: deviceId ?? '',
      sourceAddress,
      ...placeToWire(more.place),
      route: more.route ?? '',
    })),
  });
}
