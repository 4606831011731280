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
  /**
   * The headers that conditions name (`CompiledPolicySet.headerNames`) and no others: by lower-case
   * name, every line of its own, as received.
   */
  readonly headers: Readonly<Record<string, readonly string[]>>;
}

/** What was observed of a device, and when. */
export interface PostureFact {
  readonly name: string;
  readonly value: boolean | number | string;
  readonly observedAtMs: number;
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
      readonly certificateNotBeforeMs: number;
      readonly certificateNotAfterMs: number;
      /** At most one of each name. */
      readonly posture: readonly PostureFact[];
      /** `service`: the service identity that the device stands for is. */
      readonly blocked: 'device' | 'certificate' | 'service' | null;
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
      /** null: not known. */
      readonly employment: EmploymentFacts | null;
    };

export interface EmploymentFacts {
  readonly class: 'employee' | 'contractor';
  /** null: without end. */
  readonly endsAtMs: number | null;
}

/** Where the source address is. */
export interface PlaceFacts {
  /** ISO 3166-1 alpha-2, upper case; null: not known. */
  readonly country: string | null;
  /** The region's name, as the data on places writes it; null: not known. */
  readonly region: string | null;
  /** Number of the autonomous system; null: not known. */
  readonly asn: number | null;
  /**
   * Name of the known way out (Settings, network.egress) that the address is of; empty: of none;
   * null: not known.
   */
  readonly egress: string | null;
}

export interface RiskFacts {
  /** 0 to 100. */
  readonly score: number;
  /** Names of what was noticed. */
  readonly signals: readonly string[];
  /** The first instant at which time alone makes it another, milliseconds; null: it never does. */
  readonly untilMs: number | null;
}

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
  /** null: not known. */
  readonly place: PlaceFacts | null;
  /** null: not known. */
  readonly risk: RiskFacts | null;
  /** Everyone is blocked. */
  readonly lockdown: boolean;
  readonly staleness: StalenessFacts;
}
