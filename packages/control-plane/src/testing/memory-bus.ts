import type { Bus } from '@sallyport/shared/bus/bus';

/** A bus within this process, which a test can break. What is published is heard at once. */
export class MemoryBus implements Bus {
  readonly published: { readonly subject: string; readonly payload: Uint8Array }[] = [];
  readonly #listeners = new Map<string, Set<(payload: Uint8Array, subject: string) => void>>();
  #connected = true;

  publish(subject: string, payload: Uint8Array): boolean {
    if (!this.#connected) return false;
    this.published.push({ subject, payload });
    for (const listener of this.#listeners.get(subject) ?? []) listener(payload, subject);
    return true;
  }

  subscribe(subject: string, listener: (payload: Uint8Array, subject: string) => void): () => void {
    const listeners = this.#listeners.get(subject) ?? new Set();
    this.#listeners.set(subject, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  connected(): boolean {
    return this.#connected;
  }

  cut(): void {
    this.#connected = false;
  }

  async close(): Promise<void> {
    this.cut();
  }
}
