import type { Decision, Facts } from '@sallyport/policy';
import type { Lane, Position } from './state/model.ts';

/**
 * Whether the facts of a record are what was decided on: what has become of the agent that a client
 * named does not matter, unless it stands in the headers, which says so itself.
 */
export function hasWholeFacts({ redacted }: Partial<Pick<AccessRecord, 'redacted'>>): boolean {
  // Records of older edges have no such member.
  return (redacted ?? []).every((field) => field === 'userAgent');
}

/** What stands for the verdict in a record; `refused`: the gate let no decision happen. */
export type RecordedOutcome = Decision['outcome'] | 'refused' | 'own';

/** The revisions a decision was made on; a lane without state is absent. */
export type RevisionVector = { readonly [lane in Lane]?: Position };

/** What a version that is decided besides, without effect, comes to on the same facts. */
export interface ShadowVerdict {
  /** Configuration version. */
  readonly version: number;
  readonly outcome: Decision['outcome'];
  /** Codes, the deciding one first. */
  readonly reasons: readonly string[];
  readonly ruleIds: readonly string[];
}

/** Why rules would have denied what a route that only watches them let through. */
export interface RecordedDenial {
  /** Codes, the deciding one first. */
  readonly reasons: readonly string[];
  readonly ruleIds: readonly string[];
}

/** Headers of a permitted request that came near a limit of its route, or went beyond it. */
export interface LargeHeaders {
  /** `cookies`: what stands in Cookie; `headers`: all of them, with the target. */
  readonly what: 'headers' | 'cookies';
  readonly bytes: number;
  /** What the route lets through, or would if it did not only count. */
  readonly limit: number;
}

/** What a record leaves out or changes of what was known; `headers`: of those in the facts. */
export type RedactedField =
  | 'sourceAddress'
  | 'userAgent'
  | 'userEmail'
  | 'path'
  | 'place'
  | 'headers';

/**
 * One request, however it ended. Written as one JSON line at the edge and sent upward in the same
 * form. No secret stands in it: no cookie, no token, and of the query only what was asked for.
 */
export interface AccessRecord {
  readonly kind: 'access';
  /** RFC 3339 with milliseconds, when the request's headers were complete. */
  readonly time: string;
  /** Sallyport-Request-Id. */
  readonly correlationId: string;
  /** W3C trace context of the request to the upstream. */
  readonly traceparent: string;
  readonly edge: string;
  readonly region: string;
  readonly sourceAddress: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  /** With its question mark; null: there was none, or none of it is told. */
  readonly query: string | null;
  /** There was a query, and not all of it is in `query`. */
  readonly queryRedacted: boolean;
  readonly userAgent: string;
  /**
   * Names of headers and cookies of older proxies that came with it: `header:remote-user`,
   * `cookie:_oauth2_proxy`. What they said stands nowhere.
   */
  readonly legacy: readonly string[];
  /** Empty: they were small enough, or there was no permit. */
  readonly largeHeaders: readonly LargeHeaders[];
  readonly userId: string | null;
  readonly userEmail: string | null;
  readonly sid: string | null;
  readonly deviceId: string | null;
  readonly certificateSha256: string | null;
  readonly route: string | null;
  readonly outcome: RecordedOutcome;
  /** Codes, the deciding one first. */
  readonly reasons: readonly string[];
  readonly ruleIds: readonly string[];
  /** Configuration version decided by; null where none was. */
  readonly configVersion: number | null;
  readonly revisions: RevisionVector;
  /** What `decide` was given; null where the gate refused before there were facts. */
  readonly facts: Facts | null;
  /** null: monitor mode had no part in it. */
  readonly wouldDeny: RecordedDenial | null;
  /** Only where its outcome is another one than that of the decision. */
  readonly shadow: ShadowVerdict | null;
  /** What the configuration had taken away or changed, in the facts too; empty: nothing. */
  readonly redacted: readonly RedactedField[];
  /** Status sent to the client; 0: the connection ended first. */
  readonly status: number;
  /** How it ended: `complete`, `client_closed`, `upstream_failed`, `revoked`, ... */
  readonly ending: string;
  readonly decisionUs: number;
  readonly upstreamMs: number | null;
  readonly totalMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}
