import type { AccessRecord } from '@sallyport/shared/access-record';
import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { Lookup } from '@sallyport/shared/network/lookup';
import type { KnownPlace } from '@sallyport/shared/signals/place';
import type { Position } from '@sallyport/shared/state/model';
import type { SpanSource } from '../ops/tracing/span.ts';
import type { PlaceReader } from '../places/reader.ts';
import type { Http2Figures } from '../request/1-listen/h2/counts.ts';
import type { ShadowResult } from '../request/8-record/shadow.ts';
import type { Received } from '../request/exchange.ts';
import type { SharedBuckets } from '../request/limits/shared-buckets.ts';
import type { Sighting } from '../sightings/sighting.ts';
import type { CurrentState, RateLimit, StateChange } from '../state/current.ts';
import type { ConnectionRoom } from './connection-room.ts';

/** What the request side is told about the process it runs in. */
export interface WorkerConfig {
  readonly edgeId: string;
  readonly region: string;
  /** SPIFFE trust domain; also in the `iss` of assertions. */
  readonly trustDomain: string;
  /** Port in the URLs that users see; 443 is not written. null: the port listened on. */
  readonly publicPort: number | null;
  /** Which share of requests is said to be sampled, from 0 to 1. */
  readonly traceShare: number;
}

export interface ListenAddress {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Set when several workers share the port. */
  readonly reusePort: boolean;
}

/** What there is no room in: what one address may have, all may have, or file descriptors. */
export const connectionRefusals = ['address', 'total', 'descriptors'] as const;
export type ConnectionRefusal = (typeof connectionRefusals)[number];

/** Why a call to the control plane gave no answer; `detail` is for the log. */
export type CallFailure =
  | { readonly code: 'unavailable'; readonly detail: string }
  | { readonly code: 'timeout'; readonly detail: string }
  /** The control plane does not accept the request as it is. */
  | { readonly code: 'invalid'; readonly detail: string }
  | { readonly code: 'internal'; readonly detail: string };

export type CallResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: CallFailure };

export interface BeginSignIn {
  /** Name of an IdentityProvider document. */
  readonly provider: string;
  readonly redirectUri: string;
  readonly state: string;
  readonly nonce: string;
  readonly codeChallenge: string;
  readonly stepUp: boolean;
}

export interface CompleteSignIn {
  readonly provider: string;
  readonly redirectUri: string;
  /** As it came, without the leading question mark. */
  readonly callbackQuery: string;
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  /** null: signed in without a device. */
  readonly deviceId: string | null;
  readonly sourceAddress: string;
  /** Where that is; null: nothing is known of it. */
  readonly place: KnownPlace | null;
  readonly userAgent: string;
  readonly stepUp: boolean;
  /** As BeginSignIn gave it. */
  readonly revoke: Position;
}

export interface BegunSignIn {
  readonly authorizationUrl: string;
  /** Head of the revoke lane at the control plane when the sign-in began. */
  readonly revoke: Position;
}

export type SignInFailure =
  | 'refused'
  | 'state_used'
  | 'provider_unavailable'
  | 'user_blocked'
  | 'device_blocked'
  | 'lockdown';

export type SignInResult =
  | {
      readonly kind: 'signed_in';
      /** Session statement, JWS. */
      readonly statement: string;
      /** Directory position that the user's row and groups need; wait for it with `reached`. */
      readonly directory: Position | null;
    }
  | { readonly kind: 'refused'; readonly failure: SignInFailure; readonly detail: string };

export interface OwnSession {
  readonly sid: string;
  /** Whether it is the one of who asks. */
  readonly current: boolean;
  readonly begunAtMs: number;
  readonly expiresAtMs: number;
  /** 0: not known. */
  readonly lastSeenAtMs: number;
  /** Empty: without a device. */
  readonly deviceId: string;
  readonly sourceAddress: string;
  readonly userAgent: string;
  /** Where it was used last; empty: not known. */
  readonly country: string;
}

export interface OwnDevice {
  readonly deviceId: string;
  readonly name: string;
  readonly managed: boolean;
  readonly blocked: boolean;
  /** 0: there is no certificate. */
  readonly certificateExpiresAtMs: number;
  /** 0: not known. */
  readonly lastSeenAtMs: number;
}

/** Empty texts: not known, or none. */
export interface OwnPlace {
  readonly country: string;
  readonly region: string;
  readonly egress: string;
  readonly deviceId: string;
  readonly lastSeenAtMs: number;
}

export interface OwnDenial {
  readonly correlationId: string;
  readonly atMs: number;
  readonly host: string;
  readonly path: string;
  readonly outcome: string;
  readonly reasons: readonly string[];
  readonly deviceId: string;
}

/** What a signed-in person may know of themselves. */
export interface SelfDescription {
  readonly email: string;
  readonly name: string;
  readonly sessions: readonly OwnSession[];
  readonly devices: readonly OwnDevice[];
  readonly places: readonly OwnPlace[];
  readonly denials: readonly OwnDenial[];
}

/** The calls that wait on the network. Each ends within 5 s and never rejects. */
export interface ControlCalls {
  beginSignIn(request: BeginSignIn): Promise<CallResult<BegunSignIn>>;
  completeSignIn(request: CompleteSignIn): Promise<CallResult<SignInResult>>;
  /** Marks a hand-over token as used; `first` only for the first caller. */
  redeemHandOver(request: {
    readonly jti: string;
    readonly expiresAtMs: number;
    readonly sid: string;
  }): Promise<CallResult<{ readonly first: boolean }>>;
  endSession(request: {
    readonly statement: string;
  }): Promise<CallResult<{ readonly revoke: Position | null }>>;
  /** `invalid`: the session of the statement does not hold. */
  describeSelf(request: { readonly statement: string }): Promise<CallResult<SelfDescription>>;
  /** Ends sessions of the statement's user: those named, or with none all but its own. */
  endOwnSessions(request: {
    readonly statement: string;
    readonly sids: readonly string[];
  }): Promise<CallResult<{ readonly ended: number; readonly revoke: Position | null }>>;
}

/** Counts how large requests are, in bytes; never blocks and never throws. */
export interface HeaderSizes {
  /** Of every request that could be read. */
  seen(headerBytes: number, cookieBytes: number): void;
  /** One that was permitted, and comes near a limit of its route or is over it. */
  large(route: string, what: 'headers' | 'cookies', level: 'near' | 'over'): void;
}

export interface RequestWorkerOptions {
  readonly config: WorkerConfig;
  readonly state: CurrentState;
  readonly places: PlaceReader;
  readonly connectionRoom: ConnectionRoom;
  readonly control: ControlCalls;
  /** Never blocks and never throws; counts the request in the metrics. */
  readonly emitRecord: (record: AccessRecord) => void;
  /** Tells of a sampled request that has ended; null: nobody wants to know. */
  readonly emitSpan: ((source: SpanSource) => void) | null;
  /** Counts the times and bytes of an exchange that has ended. */
  readonly observe: (value: Received) => void;
  /** Counts a record that is not written. */
  readonly recordLost: () => void;
  /** Counts what came of deciding a request by the shadow version. */
  readonly countShadow: (result: ShadowResult) => void;
  /** Of the rate limits, shared by all workers. */
  readonly buckets: SharedBuckets;
  /** Counts a request that a rate limit refused. */
  readonly countLimited: (per: RateLimit['per']) => void;
  /** Takes where users were seen, and how many sightings were lost; never blocks and never throws. */
  readonly emitSightings: (sightings: readonly Sighting[], dropped: number) => void;
  readonly headerSizes: HeaderSizes;
  /** Whether the next record may be kept only in the place of another. */
  readonly recordsFull: () => boolean;
  /** Whether the request that has just come is turned away, for there is too much to do. */
  readonly sheds: () => boolean;
  /** Resolves the names of upstreams. */
  readonly lookup: Lookup;
  readonly log: Log;
  readonly clock: Clock;
}

/** Requests that were tried again, and those for which the budget was used up. */
export interface RetryCounts {
  tried: number;
  no_budget: number;
}

/**
 * Requests that found no place at their upstream: nobody more may wait (`queue`), or none more of the
 * same one (`share`), the wait was over (`wait`), there was no file descriptor for a connection in
 * time (`connections`), or the upstream took none (`refused`), as it can say over HTTP/2.
 */
export interface BusyCounts {
  queue: number;
  share: number;
  wait: number;
  connections: number;
  refused: number;
}

/** What this worker has at upstreams that were used lately. */
export interface UpstreamFigures {
  /** Requests that have their place, and those that wait for one. */
  active: number;
  waiting: number;
  /** Connections that no request uses. */
  idle: number;
  /** Connections to upstreams, of all workers. */
  readonly connections: number;
  /** Targets, for users and for anybody apart. */
  healthy: number;
  unhealthy: number;
  ejected: number;
  readonly retries: RetryCounts;
  readonly busy: BusyCounts;
  /** Of the configuration: routes whose upstream is reached without TLS. */
  readonly plaintextRoutes: number;
}

/** The request side of one worker, made by `createRequestWorker` in request/worker.ts. */
export interface RequestWorker {
  /** Opens the public listener; resolves with the port. */
  listen(address: ListenAddress): Promise<number>;
  /** The same for the listener of front proxies that ask for verdicts. */
  listenForVerdicts(address: ListenAddress): Promise<number>;
  /**
   * Decides again every open exchange that the change may concern and ends those refused. Resolves
   * when that is done. Called after the change is visible in the state, one call at a time.
   */
  redecide(change: Pick<StateChange, 'subjects'>): Promise<void>;
  /** Stops accepting and waits for open exchanges; after `deadlineMs` the rest is destroyed. */
  drain(deadlineMs: number): Promise<void>;
  openExchanges(): number;
  openConnections(): number;
  /** Connections that were not let in, by what was full. */
  refusedConnections(): Readonly<Record<ConnectionRefusal, number>>;
  http2(): Http2Figures;
  upstreams(): UpstreamFigures;
}
