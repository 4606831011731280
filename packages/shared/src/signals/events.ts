import type { KnownPlace } from './place.ts';

/** What every event says. All times are of the control plane's clock, milliseconds since 1970. */
interface Happened {
  /** The same event that comes twice, or to two replicas, has the same id and counts once. */
  readonly id: string;
  readonly atMs: number;
  readonly sourceAddress: string;
  /** null: nothing is known of the address. Never a journey. */
  readonly place: KnownPlace | null;
}

interface ByUser extends Happened {
  readonly userId: string;
  /** null: without a device. */
  readonly deviceId: string | null;
  readonly sid: string;
}

/** A request of a session came from somewhere: something of it is new, or some time has passed. */
export interface Sighted extends ByUser {
  readonly kind: 'sighted';
  readonly route: string | null;
}

/** A session was made. */
export interface SignedIn extends ByUser {
  readonly kind: 'signed_in';
}

/** A sign-in that failed where the user is known, by whatever the provider said. */
export interface SignInFailed extends Happened {
  readonly kind: 'sign_in_failed';
  readonly userId: string;
  readonly deviceId: string | null;
}

/** A signed-in user was refused. */
export interface Denied extends ByUser {
  readonly kind: 'denied';
  readonly route: string | null;
  /** Codes, the deciding one first. */
  readonly reasons: readonly string[];
}

/** What detectors look at. Others follow: bulk download, off hours, sign-in latency. */
export type SignalEvent = Sighted | SignedIn | SignInFailed | Denied;
