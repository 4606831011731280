import type { KeyObject } from 'node:crypto';
import type { CompiledPolicySet, Network } from '@sallyport/policy';
import type { RevisionVector } from '@sallyport/shared/access-record';
import type { IdentityProviderDocument } from '@sallyport/shared/configuration/documents';
import type { PathRewrite } from '@sallyport/shared/configuration/rewrite-path';
import type { HeaderLimits } from '@sallyport/shared/http/header-limits';
import type { EgressTable } from '@sallyport/shared/network/egress';
import type { DeviceAuthorities } from '@sallyport/shared/pki/device-authorities';
import type { DetectorSettings } from '@sallyport/shared/signals/settings';
import type {
  BlockKind,
  Device,
  Lane,
  Position,
  Signal,
  SignalSubject,
  User,
} from '@sallyport/shared/state/model';
import type {
  RequestSignals,
  RequestSubjects,
} from '@sallyport/shared/state/tables/request-signals';
import type { CryptoKey, JWK } from 'jose';

/** What a route's document says, with defaults filled in and names resolved. */
export interface RouteConfig {
  readonly name: string;
  /** Hosts and wildcard patterns of its matches, in the order written. */
  readonly hosts: readonly string[];
  readonly audience: string;
  readonly upstream: UpstreamConfig;
  readonly identity: {
    /** Groups to name in the assertion if the user has them. */
    readonly groups: readonly string[];
    readonly ttlSeconds: number;
    readonly bytesMax: number;
  };
  readonly webSocket: {
    /** Origins that may open one besides the route's own host. */
    readonly origins: readonly string[];
    /** Without a byte either way. */
    readonly idleMs: number;
    /** From its opening on. */
    readonly totalMs: number;
  };
  /** Its own, and those of the settings that hold for it too. */
  readonly rateLimits: RateLimits;
  /** Of what goes to the upstream and comes from it; decisions look at what the client sent. */
  readonly headers: { readonly request: HeaderEdits; readonly response: HeaderEdits };
  /** null: other origins are not spoken of, and what the upstream says of them passes. */
  readonly cors: CorsRules | null;
  /** What the upstream does not get of them, besides ours; null: it gets all others. */
  readonly cookies: CookieRules | null;
  /** `audit`: what is above is only counted. */
  readonly headerLimits: HeaderLimits & { readonly audit: boolean };
  readonly records: RecordRules;
}

/** `burst` requests at once after a rest, and `requests` in each window on end. */
export interface RateLimit {
  readonly name: string;
  /** Whose requests are counted together; `sign_in`: of an address, to our own endpoints. */
  readonly per: 'user' | 'device' | 'address' | 'route' | 'sign_in';
  readonly requests: number;
  readonly windowSeconds: number;
  readonly burst: number;
  /** From one request to the next at an even pace. */
  readonly intervalNs: bigint;
  /** How the names of its buckets begin: with all of the above, and the route where it is of one. */
  readonly key: string;
}

/** By when they can be counted. */
export interface RateLimits {
  /** `per: address`: before it is known who asks. */
  readonly address: readonly RateLimit[];
  readonly permitted: readonly RateLimit[];
}

/** Header lines that are taken out, and such that are put in. */
export interface HeaderEdits {
  /** Folded names (shared, http/header-names.ts); those of the lines put in are among them. */
  readonly removed: ReadonlySet<string>;
  /** Name and value by turns. */
  readonly added: readonly string[];
}

/** Cookies that are not for the upstream. */
export interface CookieRules {
  /** Sessions of older proxies (request/legacy.ts). */
  readonly legacy: boolean;
  readonly names: ReadonlySet<string>;
  /** Of names. */
  readonly beginnings: readonly string[];
}

/** Which other origins' scripts may use the application (Fetch, section 3.3). */
export interface CorsRules {
  /** null: any. */
  readonly origins: ReadonlySet<string> | null;
  readonly methods: ReadonlySet<string>;
  /** In lower case. */
  readonly headers: ReadonlySet<string>;
  /** Names of headers, as a list in a header; empty: none. */
  readonly exposed: string;
  readonly credentials: boolean;
  readonly maxAgeSeconds: number;
}

/** What is written down of requests. */
export interface RecordRules {
  readonly query: 'drop' | 'names' | 'keep';
  readonly redact: readonly {
    readonly field: 'sourceAddress' | 'userAgent' | 'userEmail' | 'path' | 'place';
    readonly as: 'remove' | 'hash' | 'truncate';
  }[];
  /** No request passes while its record could not be kept. */
  readonly required: boolean;
}

/** One address of an upstream, and how its certificate is looked at. */
export interface TargetConfig {
  readonly protocol: 'https:' | 'http:';
  /** As in the URL; an IPv6 address without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** What is spoken there; without it HTTP/1.1. */
  readonly http2: boolean;
  /** `protocol//host[:port]`, without a path. */
  readonly origin: string;
  /** Name asked for and verified in TLS. */
  readonly serverName: string;
  /** Whose its certificate must be, instead of that of a name; null: of the name. */
  readonly spiffeId: string | null;
  /** PEM certificates of the authorities to trust; null: those of the system. */
  readonly authoritiesPem: readonly string[] | null;
}

/** Where requests go and what is asked for there: what is under way goes on only while it stays. */
export interface UpstreamWay {
  readonly targets: readonly TargetConfig[];
  /** What the upstream sees as Host. */
  readonly host: 'preserve' | 'upstream';
  /** Of the path that was decided on. */
  readonly path: PathRewrite;
}

/** How a target is asked whether it is well. */
export interface HealthConfig {
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Checks in a row that pass, or fail, before anything follows from it. */
  readonly healthyAfter: number;
  readonly unhealthyAfter: number;
  /** Those that are well; null: 200 to 399. */
  readonly statuses: readonly number[] | null;
}

export interface UpstreamConfig {
  readonly way: UpstreamWay;
  /** Shares of the targets, in their order. */
  readonly weights: readonly number[];
  readonly timeouts: {
    readonly connectMs: number;
    /** From the end of the request to the headers of the response. */
    readonly headersMs: number;
    /** Between two pieces of the response. */
    readonly idleMs: number;
    /** The same two of calls of gRPC; null: without end. */
    readonly calls: { readonly headersMs: number | null; readonly idleMs: number | null };
    /** From the first try to the end of the response; null: without end. */
    readonly totalMs: number | null;
  };
  /** A connection takes no new request after that: names may stand for other addresses by then. */
  readonly connectionMaxAgeMs: number;
  /** Of each worker, for each trust level. */
  readonly limits: {
    readonly connections: number;
    readonly queue: number;
    readonly queueWaitMs: number;
  };
  /** When a target that fails requests is left out. */
  readonly ejection: {
    /** In a row. */
    readonly failures: number;
    /** The first time. */
    readonly timeMs: number;
    /** Of the targets; one always stays. */
    readonly percentMax: number;
  };
  readonly retry: {
    /** For one request, after the first try. */
    readonly attempts: number;
    /** Retries among all requests. */
    readonly budgetPercent: number;
  };
  /** null: targets are not asked. */
  readonly health: HealthConfig | null;
}

/** A ring of releases, and the labels that an edge of it has. */
export interface RingConfig {
  readonly name: string;
  readonly matchLabels: Readonly<Record<string, string>>;
}

/** A front proxy that asks for verdicts and forwards by itself. */
export interface FrontAsker {
  readonly name: string;
  /** How it says what it was asked. */
  readonly dialect: 'nginx' | 'x-forwarded';
  /** It is believed which device certificate its client showed. */
  readonly deviceCertificates: boolean;
  /** Whether it may ask about the canonical host. */
  covers(host: string): boolean;
}

/** Networks of front proxies, which alone may say which address a client has. */
export interface FrontProxies {
  /** Each of their connections begins with a header of PROXY protocol version 2. */
  readonly proxyV2: readonly Network[];
  /** Each of their requests has an X-Forwarded-For of theirs. */
  readonly forwardedFor: readonly Network[];
}

/** What hosts ask of the TLS connection that they are asked for on. */
export interface TlsPolicy {
  readonly name: string;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly deviceCertificate: 'optional' | 'required';
}

export interface TlsPolicies {
  /** The policy of a canonical host, within one configuration always the same object. */
  of(host: string): TlsPolicy;
}

/** When clients are too slow to go on with. */
export interface SlowClientLimits {
  /** For so long a request's body may stand still while it is waited for. */
  readonly bodyIdleMs: number;
  /** Of a body, on average over `bodyIdleMs` of waiting. */
  readonly bodyBytesPerSecond: number;
  /** For so long a client may take nothing of a response that waits for it. */
  readonly responseIdleMs: number;
}

/** What the public listener goes by. */
export interface ListenerSettings {
  readonly tlsPolicies: TlsPolicies;
  /** Connections that may be open, at all workers together. */
  readonly connections: { readonly perAddress: number; readonly total: number };
  readonly slowClients: SlowClientLimits;
  /** Whether HTTP/2 is spoken with clients. */
  readonly http2: boolean;
}

/** Of hosts that no other policy lists. */
export const defaultTlsPolicy: TlsPolicy = {
  name: 'default',
  minVersion: 'TLSv1.2',
  deviceCertificate: 'optional',
};

/** Where the settings say nothing, or are not here yet. */
export const defaultListener: ListenerSettings = {
  tlsPolicies: { of: () => defaultTlsPolicy },
  connections: { perAddress: 1_000, total: 20_000 },
  slowClients: { bodyIdleMs: 30_000, bodyBytesPerSecond: 240, responseIdleMs: 60_000 },
  http2: true,
};

/** One configuration version, compiled; immutable. */
export interface LiveBundle {
  readonly version: number;
  readonly policy: CompiledPolicySet;
  /** The headers that conditions look at, of what is decided besides too. */
  readonly headerNames: readonly string[];
  /** What is decided besides, on the same facts and without effect; null: nothing. */
  readonly shadow: { readonly version: number; readonly policy: CompiledPolicySet } | null;
  readonly routes: ReadonlyMap<string, RouteConfig>;
  readonly settings: {
    readonly signInHost: string;
    readonly identityProvider: string;
    /** Internal networks that upstreams may be in. */
    readonly internalNetworks: readonly Network[];
    readonly frontProxies: FrontProxies;
    readonly listener: ListenerSettings;
    readonly headerLimits: HeaderLimits;
    /** By the SHA-256 of their certificates, lower-case hex. */
    readonly frontAskers: ReadonlyMap<string, FrontAsker>;
    /** The known ways out to the internet. */
    readonly egress: EgressTable;
    /** In which rings edges are, by their labels; in order. */
    readonly rings: readonly RingConfig[];
    readonly signals: DetectorSettings;
    /** Of requests that have no route, and of those to our own endpoints. */
    readonly addressRateLimits: readonly RateLimit[];
    readonly signInRateLimit: RateLimit;
    /** Whether some route has address limits other than these. */
    readonly routesLimitAddresses: boolean;
    /** Of requests that have no route. */
    readonly records: RecordRules;
  };
  readonly identityProviders: ReadonlyMap<string, IdentityProviderDocument['spec']>;
  /**
   * The age of each lane, milliseconds, from which on nobody passes on any route; Infinity: somebody
   * always may.
   */
  readonly denyAfterMs: Readonly<Record<Lane, number>>;
  /** Authorities that may issue device certificates. */
  readonly deviceAuthorities: DeviceAuthorities;
  /** The same as PEM, for the list of acceptable authorities in the TLS handshake. */
  readonly deviceAuthoritiesPem: readonly string[];
}

export interface DeviceCertificateRow {
  /** Of the DER, lower-case hex. */
  readonly sha256: string;
  readonly deviceId: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface Generations {
  readonly global: number;
  readonly user: number;
  readonly device: number;
}

/** The ring of keys that session cookies are sealed with (JWE dir, A256GCM). */
export interface CookieRing {
  readonly current: { readonly id: string; readonly key: CryptoKey };
  readonly keys: ReadonlyMap<string, CryptoKey>;
  /** From the current key: what stands in records as a hash is made with it. */
  readonly recordKey: KeyObject;
}

export interface StatementKey {
  readonly key: CryptoKey;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface AssertionKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  /** The same key, for signing without a pause. */
  readonly keyObject: KeyObject;
}

export interface UpstreamCredentials {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** Rises with each renewal. */
  readonly serial: number;
}

/** One certificate of the public listener with its key; chosen by the names in it. */
export interface ServerCertificate {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/**
 * How old each lane is, milliseconds: the age of the last verified heartbeat that found it complete,
 * and of what that heartbeat said of its log. `unknownAgeMs` where nothing is known.
 */
export interface LaneStaleness {
  readonly revokeMs: number;
  readonly signalsMs: number;
  readonly configMs: number;
  readonly directoryMs: number;
}

/** The only subjects whose facts changed. */
export interface ChangedSubjects {
  readonly sessions: ReadonlySet<string>;
  readonly users: ReadonlySet<string>;
  readonly devices: ReadonlySet<string>;
  /** SHA-256, lower-case hex. */
  readonly certificates: ReadonlySet<string>;
}

export interface StateChange {
  readonly lane: Lane;
  /** null: the lane has none yet. */
  readonly position: Position | null;
  /** Another configuration version is live. */
  readonly bundleChanged: boolean;
  /** null: anyone's facts may have changed. */
  readonly subjects: ChangedSubjects | null;
}

/**
 * The only door from requests to state, one per worker. Everything here answers from memory at
 * once; what is returned is plain or immutable. Devices, users, revocations and signals stand in
 * memory that the main thread changes at any instant: gather the facts of one decision within
 * `pass`, without awaiting in between, so that they are of one revision.
 */
export interface CurrentState {
  /** Whether requests can be decided: configuration, directory, revocations and keys are here. */
  ready(): boolean;
  /** Why not, as codes; empty when ready. */
  notReadyReasons(): readonly string[];
  /** The configuration this edge decides by. */
  bundle(): LiveBundle | null;

  /**
   * Runs `gather`, which must only read, and runs it again when a row that it read was changed
   * meanwhile. Throws StateBusyError when the state does not stand still for it; then nothing may be
   * permitted.
   */
  pass<T>(gather: () => T): T;
  /** Read with one look at the clock. */
  staleness(): LaneStaleness;

  deviceByCertificate(sha256: string): DeviceCertificateRow | null;
  device(id: string): Device | null;
  user(id: string): User | null;

  generations(userId: string, deviceId: string | null): Generations;
  isSessionEnded(sid: string): boolean;
  block(kind: BlockKind, subjectId: string, nowMs: number): boolean;
  lockdown(nowMs: number): boolean;
  /**
   * What was noticed of a request's subjects and has not expired. The same as `kept`, which a request
   * of the same connection was given last, while nothing of it has changed.
   */
  requestSignals(
    kept: RequestSignals | null,
    subjects: RequestSubjects,
    nowMs: number,
  ): RequestSignals;
  /** What was noticed of the subject and has not expired. */
  signals(subject: SignalSubject, id: string, nowMs: number): readonly Signal[];

  /** The key that session statements with this key id verify by; null: none that is live. */
  statementKey(keyId: string, nowMs: number): StatementKey | null;
  cookieRing(): CookieRing | null;
  /** The newest own key whose public half is published; null: none is yet. */
  assertionKey(): AssertionKey | null;
  /** Public assertion keys of all edges that are not blocked; the same object until they change. */
  jwks(): { readonly keys: readonly JWK[] };
  upstreamCredentials(): UpstreamCredentials;
  serverCertificates(): readonly ServerCertificate[];

  revisions(): RevisionVector;
  /** Waits until the lane has reached the position; false: not within `timeoutMs` (2,000 at most). */
  reached(lane: Lane, position: Position, timeoutMs: number): Promise<boolean>;

  /** Called after each applied frame, at once and in order; must not throw. */
  onChange(listener: (change: StateChange) => void): void;
  /** Called when upstream credentials, server certificates, cookie ring or assertion key changed. */
  onCredentialsChange(listener: () => void): void;
}
