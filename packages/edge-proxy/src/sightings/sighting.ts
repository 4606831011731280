import type { KnownPlace } from '@sallyport/shared/signals/place';

/** A user was seen somewhere: goes from a worker through the main thread to the control plane. */
export interface Sighting {
  /** Correlation id of the request. */
  readonly id: string;
  /** Of the monotonic clock, which is the same in all threads. */
  readonly seenAtMs: number;
  readonly userId: string;
  readonly sid: string;
  /** null: no known device. */
  readonly deviceId: string | null;
  readonly sourceAddress: string;
  /** null: nothing is known of the address. */
  readonly place: KnownPlace | null;
  readonly route: string | null;
}
