import type { SyncRequest, SyncResponse } from '@sallyport/proto';
import type { ClientDuplexStream } from '@sallyport/proto/grpc';
import type { Lane } from '@sallyport/shared/state/model';
import type { Stage } from '../../worker/distributor.ts';

/**
 * Sends acknowledgements without ever queueing more than one of a lane and stage: they are
 * cumulative, so while the stream does not drain only the latest is kept.
 */
export class AckSender {
  readonly #call: ClientDuplexStream<SyncRequest, SyncResponse>;
  readonly #held = new Map<string, SyncRequest>();
  #blocked = false;

  constructor(call: ClientDuplexStream<SyncRequest, SyncResponse>) {
    this.#call = call;
    call.on('drain', () => this.#flush());
  }

  send(lane: Lane, stage: Stage, message: SyncRequest): void {
    if (this.#blocked) this.#held.set(`${lane}:${stage}`, message);
    else this.#blocked = !this.#call.write(message);
  }

  #flush(): void {
    this.#blocked = false;
    for (const [key, message] of this.#held) {
      this.#held.delete(key);
      this.#blocked = !this.#call.write(message);
      if (this.#blocked) return;
    }
  }
}
