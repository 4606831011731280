/**
 * Everything one decision may look at, gathered in one pass before it. Plain JSON, because the
 * facts are written into the access record, so that explain and replay decide on what was known.
 */

export interface RequestFacts {
  readonly method: string;
  /** Canonical: lower case, no port, no trailing dot. */
  readonly host: string;
  /** Canonical path (canonical-path.ts), without the query. */
  readonly path: string;
}

export type CertificateProblem = 'expired' | 'not_yet_valid' | 'untrusted' | 'unsuitable';

export type DeviceFacts =
  /** No certificate was presented. */
  | { readonly kind: 'none' }
  /** A certificate was presented and does not hold. Never the same as none. */
  | {
      readonly kind: 'bad';
      readonly problem: CertificateProblem;
      readonly certificateSha256: string;
    }
  /** A good certificate of a device that nobody enrolled. */
  | { readonly kind: 'unenrolled'; readonly certificateSha256: string }
  | {
      readonly kind: 'known';
      readonly id: string;
      readonly managed: boolean;
      readonly ownerUserId: string | null;
      readonly certificateSha256: string;
      readonly certificateNotAfterMs: number;
      readonly blocked: 'device' | 'certificate' | null;
    };

export type SessionFacts =
  | { readonly kind: 'none' }
  /** A genuine statement that no longer holds: the same as no session, but the reason is told. */
  | { readonly kind: 'ended'; readonly why: 'revoked' | 'expired' }
  | {
      readonly kind: 'live';
      readonly sid: string;
      readonly userId: string;
      /** The device it was made on; null: made without one. */
      readonly deviceId: string | null;
      readonly authenticatedAtMs: number;
      /** RFC 8176. */
      readonly amr: readonly string[];
      readonly expiresAtMs: number;
    };

export type UserFacts =
  /** Nobody is signed in. */
  | { readonly kind: 'none' }
  /** The session's user is not in the directory this edge holds. */
  | { readonly kind: 'missing'; readonly id: string }
  | {
      readonly kind: 'known';
      readonly id: string;
      readonly email: string;
      readonly groups: readonly string[];
      readonly status: 'active' | 'suspended';
      readonly blocked: boolean;
    };

/**
 * How long ago each lane was last vouched for as whole and current, milliseconds, by a clock that
 * nobody can set. Number.MAX_SAFE_INTEGER: never.
 */
export interface StalenessFacts {
  readonly revokeMs: number;
  readonly signalsMs: number;
  readonly configMs: number;
  readonly directoryMs: number;
}

export interface Facts {
  /** The decision's only clock, milliseconds since the epoch. */
  readonly nowMs: number;
  readonly request: RequestFacts;
  /** Canonical source address (address.ts). */
  readonly sourceAddress: string;
  readonly device: DeviceFacts;
  readonly session: SessionFacts;
  readonly user: UserFacts;
  /** Everyone is blocked. */
  readonly lockdown: boolean;
  readonly staleness: StalenessFacts;
}
