import type { Bus } from '@sallyport/shared/bus/bus';

/** A bus within one process: everybody hears what anybody says, as on one without permissions. */
export class LocalBus implements Bus {
  readonly #listeners = new Map<string, Set<(payload: Uint8Array, subject: string) => void>>();
  #connected = true;

  /** Cuts everybody off, or lets them back. */
  connect(connected: boolean): void {
    this.#connected = connected;
  }

  publish(subject: string, payload: Uint8Array): boolean {
    if (!this.#connected) return false;
    for (const listener of this.#listeners.get(subject) ?? []) listener(payload, subject);
    return true;
  }

  subscribe(subject: string, listener: (payload: Uint8Array, subject: string) => void): () => void {
    const listeners = this.#listeners.get(subject) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(subject, listeners);
    return () => listeners.delete(listener);
  }

  connected(): boolean {
    return this.#connected;
  }

  close(): Promise<void> {
    this.#listeners.clear();
    return Promise.resolve();
  }
}
