import type { FromWorker } from '../worker/messages.ts';
import { BoundedQueue } from './bounded-queue.ts';
import type { Sighting } from './sighting.ts';

const waitingMax = 4_096;
const batchMax = 256;
/** Batches that the main thread has not taken yet. */
const inFlightMax = 4;

type SightingsMessage = Extract<FromWorker, { readonly type: 'sightings' }>;

/** The worker's end of the way of the sightings: what waits is bounded, and nothing waits for more. */
export class SightingOutbox {
  readonly #post: (message: SightingsMessage) => void;
  readonly #waiting = new BoundedQueue<Sighting>(waitingMax);
  #inFlight = 0;

  constructor(post: (message: SightingsMessage) => void) {
    this.#post = post;
  }

  /** `dropped`: others that were lost before they came here. */
  push(sightings: readonly Sighting[], dropped: number): void {
    this.#waiting.addDropped(dropped);
    for (const sighting of sightings) this.#waiting.push(sighting);
    this.#flush();
  }

  /** The main thread has taken so many batches. */
  taken(batches: number): void {
    this.#inFlight -= batches;
    this.#flush();
  }

  #flush(): void {
    while (this.#inFlight < inFlightMax && this.#waiting.length > 0) {
      this.#inFlight += 1;
      const sightings = this.#waiting.take(batchMax);
      this.#post({ type: 'sightings', sightings, dropped: this.#waiting.takeDropped() });
    }
  }
}
