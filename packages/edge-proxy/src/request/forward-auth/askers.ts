import type { Clock } from '@sallyport/shared/clock';
import type { CurrentState, FrontAsker } from '../../state/current.ts';
import type { ClientConnection } from '../exchange.ts';

/** Which front proxy is at the other end of a connection, by its certificate and the state of now. */
export class Askers {
  readonly #state: CurrentState;
  readonly #clock: Clock;

  constructor(state: CurrentState, clock: Clock) {
    this.#state = state;
    this.#clock = clock;
  }

  /** null: none that is registered, within its time and not blocked; or that cannot be told. */
  find({ peer }: Pick<ClientConnection, 'peer'>): FrontAsker | null {
    if (peer === null) return null;
    const nowMs = this.#clock();
    if (nowMs < peer.notBeforeMs || nowMs >= peer.notAfterMs) return null;
    const state = this.#state;
    try {
      const asker = state.bundle()?.settings.frontAskers.get(peer.sha256);
      if (asker === undefined) return null;
      const blocked = state.pass(() => state.block('certificate', peer.sha256, nowMs));
      return blocked === false ? asker : null;
    } catch {
      // Runs in an event of the connection, where nobody catches it.
      return null;
    }
  }
}
