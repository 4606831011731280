import type {
  AccessRecord,
  RecordedDenial,
  RecordedOutcome,
} from '@sallyport/shared/access-record';
import type { RecordRules } from '../../state/current.ts';
import { codesOf } from '../answers.ts';
import type { Answer, ClientConnection, Received } from '../exchange.ts';
import { newCorrelationId } from '../random.ts';
import { unsampledTraceparent } from '../trace.ts';
import type { HandshakeCode, RefusalCode, TurnedAwayCode } from '../words.ts';
import { type RecordedQuery, recordedQuery } from './query.ts';

/** Which edge it is that writes. */
export interface Recorder {
  readonly edge: string;
  readonly region: string;
}

/** Longer texts of clients are cut; what decisions were made on stands whole in the facts. */
const textLengthMax = 1_024;

/** The record of a request that has ended, whatever way it went. */
export function recordOf(
  value: Received,
  { edge, region }: Recorder,
  rules: RecordRules,
): AccessRecord {
  const { head, connection, facts, progress, decision } = value;
  const endedAt = performance.now();
  const ending = progress.ending ?? (value.client.finished ? 'complete' : 'client_closed');
  const device = facts?.device ?? value.device;
  const { query, queryRedacted } = queryOf(value, rules);
  return {
    kind: 'access',
    time: timeText(value.receivedAtMs),
    correlationId: value.correlationId,
    traceparent: value.traceparent,
    edge,
    region,
    sourceAddress: value.sourceAddress,
    method: head.method,
    host: head.host,
    path: cut(value.path ?? head.rawPath),
    query,
    queryRedacted,
    userAgent: cut(head.userAgent),
    legacy: head.legacy,
    largeHeaders: value.largeHeaders ?? [],
    userId: userIdOf(value),
    userEmail: facts?.user.kind === 'known' ? facts.user.email : null,
    // Also of a session that does not hold any more: that is what one looks for afterwards.
    sid: value.opened?.statement.sid ?? null,
    deviceId: device?.kind === 'known' ? device.id : null,
    certificateSha256: connection.peer?.sha256 ?? null,
    route: decision?.route ?? null,
    outcome: outcomeOf(value),
    reasons: reasonsOf(value, ending),
    ruleIds: decision?.ruleIds ?? [],
    configVersion: value.configVersion ?? null,
    revisions: value.revisions ?? {},
    facts: facts ?? null,
    wouldDeny: wouldDenyOf(value),
    shadow: null,
    redacted: [],
    status: progress.status,
    ending,
    decisionUs: Math.round(((value.decidedAt ?? value.startedAt) - value.startedAt) * 1000),
    upstreamMs: upstreamMsOf(value),
    totalMs: milliseconds(endedAt - value.startedAt),
    bytesIn: progress.bytesIn,
    bytesOut: progress.bytesOut,
  };
}

/** The record of bytes that could not be read as a request; status 0: not even a handshake. */
export function recordOfUnreadable(
  connection: Pick<ClientConnection, 'sourceAddress' | 'serverName'> & {
    readonly peer: { readonly sha256: string } | null;
  },
  code: RefusalCode | HandshakeCode | TurnedAwayCode,
  status: number,
  nowMs: number,
  { edge, region }: Recorder,
): AccessRecord {
  return {
    kind: 'access',
    time: new Date(nowMs).toISOString(),
    correlationId: newCorrelationId(),
    traceparent: unsampledTraceparent(null),
    edge,
    region,
    sourceAddress: connection.sourceAddress,
    method: '',
    host: connection.serverName,
    path: '',
    query: null,
    queryRedacted: false,
    userAgent: '',
    legacy: [],
    largeHeaders: [],
    userId: null,
    userEmail: null,
    sid: null,
    deviceId: null,
    certificateSha256: connection.peer?.sha256 ?? null,
    route: null,
    outcome: 'refused',
    reasons: [code],
    ruleIds: [],
    configVersion: null,
    revisions: {},
    facts: null,
    wouldDeny: null,
    shadow: null,
    redacted: [],
    status,
    ending: status === 0 ? 'refused' : 'complete',
    decisionUs: 0,
    upstreamMs: null,
    totalMs: 0,
    bytesIn: 0,
    bytesOut: 0,
  };
}

const ownPaths = '/.well-known/sallyport';

/** What our own endpoints are given is for us alone: codes, states, tokens that hand over. */
function queryOf({ head, own, path }: Received, { query }: RecordRules): RecordedQuery {
  const ours = own === true || (path ?? head.rawPath).startsWith(ownPaths);
  return recordedQuery(head.query, ours ? 'drop' : query);
}

/** Our own endpoints decide nothing, but they know whose session they made, handed over or ended. */
function userIdOf({ facts, own, opened }: Received): string | null {
  if (facts?.session.kind === 'live') return facts.session.userId;
  return own === true ? (opened?.statement.userId ?? null) : null;
}

function outcomeOf(value: Received): RecordedOutcome {
  const { own, answer, decision } = value;
  if (isRefusal(answer) && !mayHaveArrived(value)) return 'refused';
  if (own === true) return 'own';
  return decision?.outcome ?? 'refused';
}

/**
 * Whether the upstream may have got something of it before bytes came that are no request: what was
 * done there must not look as if nobody had been let through.
 */
function mayHaveArrived({ head, progress }: Received): boolean {
  return progress.upstreamAskedAt !== 0 && (!head.hasBody || progress.bytesIn > 0);
}

/** Of the decision first, then of what came of it. What was over before there was any ended so. */
function reasonsOf({ decision, answer, cutBy }: Received, ending: string): readonly string[] {
  if (decision === undefined && answer === undefined) return [ending];
  const codes = (decision?.reasons ?? []).map((reason): string => reason.code);
  if (answer === undefined && cutBy === undefined) return codes;
  const later = [...(answer === undefined ? [] : codesOf(answer))];
  for (const { code } of cutBy ?? []) later.push(code);
  return [...new Set(isRefusal(answer) ? [...later, ...codes] : [...codes, ...later])];
}

/** Whether it did not go on, whatever was decided. */
function isRefusal(answer: Answer | undefined): boolean {
  return answer?.kind === 'refused' || answer?.kind === 'limited';
}

function wouldDenyOf({ decision }: Received): RecordedDenial | null {
  const denial = decision?.outcome === 'permit' ? decision.wouldDeny : null;
  if (denial === null) return null;
  return { reasons: denial.reasons.map(({ code }) => code), ruleIds: denial.ruleIds };
}

function upstreamMsOf({ progress }: Received): number | null {
  if (progress.upstreamAskedAt === 0 || progress.upstreamAnsweredAt === 0) return null;
  return milliseconds(progress.upstreamAnsweredAt - progress.upstreamAskedAt);
}

let lastMs = 0;
let lastText = '';

/** RFC 3339; many requests come within the same millisecond. */
function timeText(atMs: number): string {
  if (atMs !== lastMs) {
    lastMs = atMs;
    lastText = new Date(atMs).toISOString();
  }
  return lastText;
}

function milliseconds(span: number): number {
  return Math.round(span * 1000) / 1000;
}

function cut(text: string): string {
  if (text.length <= textLengthMax) return text;
  // Half of a pair at the cut would be no text.
  return `${text.slice(0, textLengthMax).toWellFormed()}…`;
}
