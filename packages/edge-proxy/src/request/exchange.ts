import type { X509Certificate } from 'node:crypto';
import type {
  Decision,
  Deny,
  DeviceFacts,
  Facts,
  Permit,
  Reason,
  RiskFacts,
  SessionFacts,
  SignIn,
  StepUp,
} from '@sallyport/policy';
import type { LargeHeaders, RevisionVector } from '@sallyport/shared/access-record';
import type { SessionStatement } from '@sallyport/shared/session/statement';
import type { Device } from '@sallyport/shared/state/model';
import type { RequestSignals } from '@sallyport/shared/state/tables/request-signals';
import type { PlacedAddress } from '../places/reader.ts';
import type { UserSignals } from '../sightings/last-place.ts';
import type { FrontProxies, LiveBundle, RouteConfig, TargetConfig } from '../state/current.ts';
import type { SelfDescription } from '../worker/request-worker.ts';
import type { ClientExchange, RawRequest } from './client/exchange.ts';
import type { ReadCookies } from './cookies.ts';
import type { ExchangeList } from './exchange-list.ts';
import type { HeaderExcess } from './header-excess.ts';
import type { Counted } from './limits/fields.ts';
import type { FailureCode, NoticeCode, RedirectCode, RefusalCode } from './words.ts';

/**
 * The value that grows. Each stage takes the one before and returns a richer one; it is the same
 * object, so that a request costs one object, and the types say how far it has come.
 */

/** The device certificate that a client presented in its handshake, looked at once. */
export interface PeerCertificate {
  readonly certificate: X509Certificate;
  /** Of the DER, lower-case hex. */
  readonly sha256: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Names that the listener's certificate for a connection stands for: the connection's reach. */
export interface ServedNames {
  /** Whether the canonical host may be asked for here; otherwise 421. */
  covers(host: string): boolean;
}

export type KnownDevice = Extract<DeviceFacts, { readonly kind: 'known' }>;
export type LiveSession = Extract<SessionFacts, { readonly kind: 'live' }>;

/** One client connection, from its handshake to its end. */
export interface ClientConnection {
  /** Canonical. */
  readonly serverName: string;
  readonly names: ServedNames;
  /** Of the other end of the socket, canonical. */
  readonly socketAddress: string;
  /** Where it comes from, canonical: as a front proxy said by PROXY protocol, else the socket's. */
  readonly sourceAddress: string;
  /** Whether a front proxy forwards on it (forwards.ts), and by which networks. */
  forwards: boolean;
  lookedAtWith: FrontProxies | null;
  /** Where a request of it came from when that was last asked; null: not yet. */
  place: PlacedAddress | null;
  /** null: none was presented. */
  readonly peer: PeerCertificate | null;
  /** Requests read and not yet answered. */
  readonly exchanges: ExchangeList;
  /** The Cookie header last read and the session last opened: a client sends the same each time. */
  lastCookies: ReadCookies | null;
  lastOpened: {
    readonly host: string;
    readonly value: string;
    readonly session: OpenedSession;
  } | null;
  /** Who its device was found to be last, and of what rows; what is the same again is not made anew. */
  lastDevice: {
    readonly device: Device;
    readonly validUntilMs: number;
    readonly facts: KnownDevice;
  } | null;
  /** What was noticed of the last request's subjects, and the risk of it (5-decide). */
  lastRisk: {
    readonly signals: RequestSignals;
    readonly user: UserSignals;
    readonly fromMs: number;
    readonly risk: RiskFacts;
  } | null;
}

/** What the gate read from the raw header lines; everything later reads this. */
export interface RequestHead {
  readonly method: string;
  /** Canonical, without the port. */
  readonly host: string;
  /** Canonical host and, if the client wrote one that is not 443, the port. */
  readonly authority: string;
  /** As sent, without the query; checked for characters only. */
  readonly rawPath: string;
  /** With its question mark; empty without one. */
  readonly query: string;
  /** The lines that go on to the upstream, name and value by turns. */
  readonly passing: readonly string[];
  readonly cookies: ReadCookies | null;
  /** As they are limited (header-excess.ts). */
  readonly headerBytes: number;
  readonly cookieBytes: number;
  /** Headers and cookies of older proxies by name, for the record. */
  readonly legacy: readonly string[];
  readonly origin: string | null;
  readonly accept: string;
  readonly userAgent: string;
  /** Sec-Fetch-Mode and Sec-Fetch-Site; empty where not sent. */
  readonly fetchMode: string;
  readonly fetchSite: string;
  readonly traceparent: string | null;
  readonly tracestate: string | null;
  /** null: chunked, or no body at all. */
  readonly contentLength: number | null;
  readonly hasBody: boolean;
  readonly expectContinue: boolean;
  /** A call of gRPC, over HTTP/2. */
  readonly call: boolean;
  /** How long the client gives it; null: without end. */
  readonly callTimeoutMs: number | null;
  /** Its client reads what comes behind the body of a response. */
  readonly takesTrailers: boolean;
  /** A WebSocket handshake: its key; null for every other request. */
  readonly webSocketKey: string | null;
}

/** How it is going; the only part that changes after a stage has returned. */
export interface Progress {
  bytesIn: number;
  /** More of the request's body is waited for, and would be taken. */
  wantsBody: boolean;
  bytesOut: number;
  /** Status on its way to the client; 0: none yet. */
  status: number;
  /** When the upstream was asked and when it answered, as by performance.now(); 0: not. */
  upstreamAskedAt: number;
  upstreamAnsweredAt: number;
  /** When the session and the assertion were there, alike. */
  recognisedAt: number;
  assertedAt: number;
  /** Why it ended, where it is not `complete` or `client_closed`. */
  ending: string | null;
  recorded: boolean;
  /** Its place among those that are permitted (open-exchanges.ts); null: it has none. */
  openAt: number | null;
}

/** After the gate. */
export interface Received {
  readonly correlationId: string;
  readonly traceparent: string;
  readonly connection: ClientConnection;
  /** Canonical. Requests of one connection may have different ones behind a front proxy. */
  readonly sourceAddress: string;
  readonly raw: RawRequest;
  readonly client: ClientExchange;
  readonly head: RequestHead;
  readonly receivedAtMs: number;
  /** When its headers were complete, and when the gate had read them, as by performance.now(). */
  readonly arrivedAt: number;
  readonly startedAt: number;
  readonly progress: Progress;
  /** What the answer was, where it was not forwarded; for the record. */
  answer?: Answer;
  /** The latest decision and what it was made on; for the record. */
  decision?: Decision;
  facts?: Facts;
  configVersion?: number;
  revisions?: RevisionVector;
  /** As by performance.now(). */
  decidedAt?: number;
  /** Given where a session cookie was opened, whether it held or not. */
  opened?: OpenedSession | null;
  cookieRefused?: boolean;
  /** The configuration it was last looked at with. */
  bundle?: LiveBundle;
  device?: DeviceFacts;
  /** Taken by one of our own endpoints. */
  own?: boolean;
  /** Of a permitted request; for the record. */
  largeHeaders?: readonly LargeHeaders[];
  /** Why a later decision ended it. */
  cutBy?: readonly Reason[];
  /** Canonical path. */
  path?: string;
  /** The rate limits that it was counted by, and what they have left. */
  counted?: readonly Counted[];
  /** The address that it was sent to last. */
  target?: TargetConfig;
  /** What went wrong at the upstream; for the log alone. */
  upstreamError?: Error;
  /** Ends it from outside: frees what it holds at the upstream. Set while something is held. */
  release?: ((cause: Error) => void) | null;
}

/** After the device stage. */
export interface Identified extends Received {
  bundle: LiveBundle;
  readonly device: DeviceFacts;
}

/** After the route stage: one canonical form, for matching and for forwarding. */
export interface Located extends Identified {
  readonly path: string;
}

/** A genuine session cookie, opened. Whether the session still holds is asked of the state. */
export interface OpenedSession {
  readonly statement: SessionStatement;
  /** The statement as signed. */
  readonly jws: string;
  /** Keys it was opened and verified by: where one is withdrawn, the session is none. */
  readonly cookieKeyId: string;
  readonly statementKeyId: string;
  /** Assertions made for it, by route (6-assert). */
  readonly assertions: Map<string, CachedAssertion>;
  /** What it was when it held last (5-decide). */
  lastLive: LiveSession | null;
}

/** An assertion, and all that it says, so that it is used only while it is still true. */
export interface CachedAssertion {
  readonly jwt: string;
  readonly renewAtMs: number;
  readonly keyId: string;
  readonly route: RouteConfig;
  readonly email: string;
  /** The list of the user as it was, before the route chose from it. */
  readonly userGroups: readonly string[];
  readonly deviceId: string | null;
  readonly certificateSha256: string | null;
}

/** After the session stage. */
export interface Recognised extends Located {
  readonly opened: OpenedSession | null;
  /** A session cookie was sent that is not one of ours: the answer takes it back. */
  readonly cookieRefused: boolean;
}

/** After the decision. Without a `Permit` nothing is forwarded, and only `decide` makes one. */
export interface Permitted extends Recognised {
  readonly route: RouteConfig;
  readonly permit: Permit;
  /** What it was permitted on. */
  readonly facts: Facts;
}

/** After the assertion. */
export interface Asserted extends Permitted {
  /** null: nobody is signed in, and the route lets anyone through. */
  readonly assertion: string | null;
}

/** Adds to the value what a stage found out. */
export function grow<Value extends Received, More extends object>(
  value: Value,
  more: More,
): Value & More {
  return Object.assign(value, more);
}

/** What is said to a client that is not (or no longer) forwarded. respond.ts makes it a response. */
export type Answer =
  /** The request itself cannot be: it was not decided on. */
  | {
      readonly kind: 'refused';
      readonly code: RefusalCode;
      /** What was too large, where that is why. */
      readonly excess?: HeaderExcess | null;
    }
  /** Too many of the same came before it. Asked again later it may pass, on the same connection. */
  | {
      readonly kind: 'limited';
      readonly code: 'rate_limited' & RefusalCode;
      readonly retryAfterSeconds: number;
      /** Header lines that name the limit. */
      readonly fields: readonly string[];
    }
  | { readonly kind: 'deny'; readonly decision: Deny }
  | { readonly kind: 'sign_in'; readonly decision: SignIn }
  | { readonly kind: 'step_up'; readonly decision: StepUp }
  /** Ours or the upstream's failure. */
  | { readonly kind: 'failed'; readonly code: FailureCode }
  /** From our own endpoints. */
  | {
      readonly kind: 'redirect';
      readonly location: string;
      readonly cookies: readonly string[];
      /** What it is for, in the record. */
      readonly code: RedirectCode;
    }
  | { readonly kind: 'notice'; readonly code: NoticeCode; readonly cookies?: readonly string[] }
  /** What a page of another origin may ask for, by rule of the route; name and value by turns. */
  | { readonly kind: 'preflight'; readonly lines: readonly string[] }
  | { readonly kind: 'json'; readonly body: string; readonly cacheSeconds: number }
  | { readonly kind: 'self'; readonly description: SelfDescription };

/** Whether a stage answered instead of passing the value on. */
export function isAnswer(result: Received | Answer): result is Answer {
  return 'kind' in result;
}
