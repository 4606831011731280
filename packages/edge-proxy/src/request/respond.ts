import type { Clock } from '@sallyport/shared/clock';
import type { SelfDescription } from '../worker/request-worker.ts';
import {
  actionsOf,
  codesOf,
  type Message,
  statusHeaders,
  titleOf,
  type Wording,
  wordingOf,
} from './answers.ts';
import { clearCookie, sessionCookie } from './cookies.ts';
import { corsLinesOfAnswer } from './cors/lines.ts';
import type { Answer, Received } from './exchange.ts';
import { callStatus } from './grpc.ts';
import { justSignedIn } from './just-signed-in.ts';
import { navigates, takesPage } from './navigation.ts';
import { type Page, renderPage } from './pages/page.ts';
import { renderSelf } from './pages/self.ts';
import { contentSecurityPolicy } from './pages/style.ts';

export interface RespondNeeds {
  /** Where to send a browser so that its user signs in, or why that cannot be. */
  readonly beginSignIn: (value: Received, stepUp: boolean) => Promise<Answer>;
  readonly clock: Clock;
}

export type Respond = (value: Received, answer: Answer) => void;

interface Content {
  /** Empty: there is no content at all. */
  readonly type: string;
  readonly body: string;
  readonly headers: readonly string[];
}

/**
 * The one place where an outcome becomes a response. Browsers that navigate get a page or a
 * redirect, everything else a problem document (RFC 9457). Nothing that a client sent is repeated,
 * but for the host it asked for, which is canonical and escaped.
 */
export function createRespond({ beginSignIn, clock }: RespondNeeds): Respond {
  const respond = (value: Received, answer: Answer): void => {
    const { client } = value;
    if (client.headersSent || client.gone) {
      client.breakOff();
      return;
    }
    value.answer = answer;
    if ((answer.kind === 'sign_in' || answer.kind === 'step_up') && navigates(value)) {
      const { opened, facts } = value;
      if (!asksForAgeAlone(answer) && justSignedIn(opened, facts?.session, clock())) {
        send(value, message(value, { kind: 'notice', code: 'sign_in_no_effect' }));
        return;
      }
      beginSignIn(value, answer.kind === 'step_up').then(
        (begun) => sendIfOpen(value, begun),
        () => sendIfOpen(value, { kind: 'failed', code: 'internal' }),
      );
      return;
    }
    sendIfOpen(value, answer);
  };
  return respond;
}

function sendIfOpen(value: Received, answer: Answer): void {
  if (value.client.headersSent || value.client.gone) return;
  switch (answer.kind) {
    case 'redirect':
      send(value, {
        status: 302,
        type: 'text/plain; charset=utf-8',
        body: '',
        headers: ['Location', answer.location, ...cookieLines(answer.cookies)],
      });
      return;
    case 'preflight':
      send(value, { status: 204, type: '', body: '', headers: answer.lines });
      return;
    case 'json':
      send(value, {
        status: 200,
        type: 'application/json',
        body: answer.body,
        headers: ['Cache-Control', `public, max-age=${answer.cacheSeconds}`],
      });
      return;
    case 'self':
      send(value, { status: 200, ...selfContent(value, answer.description) });
      return;
    default:
      if (value.head.call) sendCall(value, answer);
      else send(value, message(value, answer));
  }
}

/** A page for people, the same as JSON for everything else. */
function selfContent(value: Received, description: SelfDescription): Content {
  if (!takesPage(value)) {
    return { type: 'application/json', body: `${JSON.stringify(description)}\n`, headers: [] };
  }
  const body = renderSelf(description, { host: value.head.host, nowMs: value.receivedAtMs });
  return { type: 'text/html; charset=utf-8', body, headers: pageHeaders };
}

const pageHeaders: readonly string[] = [
  'Content-Security-Policy',
  contentSecurityPolicy,
  'X-Frame-Options',
  'DENY',
];

/** Asked by no rule but by the age of the state: a sign-in of now always meets that. */
function asksForAgeAlone(answer: Answer): boolean {
  return answer.kind === 'step_up' && answer.decision.ruleIds.length === 0;
}

interface Sendable extends Content {
  readonly status: number;
}

function message(value: Received, answer: Message): Sendable {
  const wording = wordingOf(answer);
  const content = takesPage(value)
    ? htmlContent(value, answer, wording)
    : problemContent(value, answer, wording);
  const cookies = answer.kind === 'notice' ? (answer.cookies ?? []) : [];
  return {
    ...content,
    status: wording.status,
    headers: [
      ...content.headers,
      ...statusHeaders(answer, wording.status, value),
      ...cookieLines(cookies),
    ],
  };
}

/**
 * What a client of gRPC understands: a response that is headers alone, with a status of its own. The
 * record has the status that anybody else would have been given.
 */
function sendCall(value: Received, answer: Message): void {
  const { client, progress } = value;
  const wording = wordingOf(answer);
  if (answer.kind === 'refused') client.beLast();
  progress.status = wording.status;
  const lines = [
    'Content-Type',
    'application/grpc',
    ...callStatus(wording),
    'Sallyport-Request-Id',
    value.correlationId,
    ...statusHeaders(answer, wording.status, value),
  ];
  client.answer(200, lines, null, 0);
}

function htmlContent(value: Received, answer: Message, wording: Wording): Content {
  const { status, code, sentence, next } = wording;
  const page: Page = {
    title: titleOf(answer, status),
    sentence,
    next,
    code,
    mood: moodOf(answer, status),
    actions: actionsOf(answer, value),
    host: value.head.host,
    correlationId: value.correlationId,
    time: new Date(value.receivedAtMs).toISOString().replace(/T(.+)\..+/, ' $1 UTC'),
  };
  return {
    type: 'text/html; charset=utf-8',
    body: renderPage(page),
    headers: pageHeaders,
  };
}

function moodOf(answer: Message, status: number): Page['mood'] {
  if (answer.kind === 'notice' && status === 200) {
    return answer.code === 'signed_out' ? 'good' : 'plain';
  }
  if (status === 401 || status === 429 || status >= 500) return 'wait';
  return status === 403 ? 'stop' : 'plain';
}

function problemContent(value: Received, answer: Message, wording: Wording): Content {
  const { status, code, sentence } = wording;
  const document = {
    type: `https://sallyport.dev/problems/${code}`,
    title: titleOf(answer, status),
    status,
    detail: sentence,
    code,
    correlationId: value.correlationId,
    reasons: codesOf(answer),
    ...excessMember(answer),
  };
  return { type: 'application/problem+json', body: `${JSON.stringify(document)}\n`, headers: [] };
}

/** Which header is too large, and how large, for who makes the requests. */
function excessMember(answer: Message): object {
  const excess = answer.kind === 'refused' ? (answer.excess ?? null) : null;
  if (excess === null) return {};
  const { bytes, limit, largest, cookies } = excess;
  return { excess: { bytes, limit, largest, cookies } };
}

function cookieLines(cookies: readonly string[]): string[] {
  return cookies.flatMap((cookie) => ['Set-Cookie', cookie]);
}

function send(value: Received, { status, type, body, headers }: Sendable): void {
  const { client, head, progress } = value;
  const bytes = Buffer.from(body);
  if (value.answer?.kind === 'refused') client.beLast();
  if (client.permit !== undefined) progress.ending ??= 'verdict';
  progress.status = status;
  progress.bytesOut = head.method === 'HEAD' ? 0 : bytes.length;
  const content = type === '' ? [] : ['Content-Type', type, 'Content-Length', String(bytes.length)];
  const lines = [
    ...content,
    'X-Content-Type-Options',
    'nosniff',
    // Not `no-referrer`: with it a browser sends `Origin: null` even with our own sign-out form.
    'Referrer-Policy',
    'same-origin',
    // No window that another site opened keeps hold of a sign-in.
    'Cross-Origin-Opener-Policy',
    'same-origin',
    'Sallyport-Request-Id',
    value.correlationId,
    ...(headers.includes('Cache-Control') ? [] : ['Cache-Control', 'no-store']),
    ...headers,
    ...corsLinesOfAnswer(value),
    ...staleSessionLines(value, headers),
  ];
  const unreadBytes = head.hasBody ? head.contentLength : 0;
  client.answer(status, lines, head.method === 'HEAD' || type === '' ? null : bytes, unreadBytes);
}

/** Takes back a session cookie that opens nothing or whose session has ended. */
function staleSessionLines(value: Received, headers: readonly string[]): readonly string[] {
  const stale = value.cookieRefused === true || value.facts?.session.kind === 'ended';
  const setAnew = headers.some((line) => line.startsWith(`${sessionCookie}=`));
  return stale && !setAnew ? ['Set-Cookie', clearCookie(sessionCookie)] : [];
}
