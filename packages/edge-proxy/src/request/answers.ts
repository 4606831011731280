import { matchRoute, type Reason, type ReasonCode, reasons } from '@sallyport/policy';
import { methodsServed } from '@sallyport/shared/http/methods';
import type { Answer, Received } from './exchange.ts';
import type { HeaderExcess } from './header-excess.ts';
import type { PageAction } from './pages/page.ts';
import { failures, type NoticeCode, notices, type RefusalCode, refusals } from './words.ts';

/** An answer that says something, in words: everything but redirects, JSON and pages of our own. */
export type Message = Exclude<Answer, { kind: 'redirect' | 'preflight' | 'json' | 'self' }>;

export interface Wording {
  readonly status: number;
  readonly code: string;
  readonly sentence: string;
  readonly next: string;
}

/** Status, code and words of an answer. */
export function wordingOf(answer: Message): Wording {
  switch (answer.kind) {
    case 'refused':
      return refusedWording(answer.code, answer.excess ?? null);
    case 'limited':
      return { code: answer.code, ...refusals[answer.code], next: againIn(answer) };
    case 'failed':
      return { code: answer.code, ...failures[answer.code] };
    case 'notice':
      return { code: answer.code, ...notices[answer.code] };
    case 'deny': {
      const code = firstCode(answer.decision.reasons);
      return { status: denialStatuses[code] ?? 403, code, ...reasons[code] };
    }
    case 'sign_in':
    case 'step_up': {
      const code = firstCode(answer.decision.reasons);
      return { status: 401, code, ...reasons[code] };
    }
  }
}

function refusedWording(code: RefusalCode, excess: HeaderExcess | null): Wording {
  const words = refusals[code];
  if (excess === null) return { code, ...words };
  const sentence = `${words.sentence} ${excessSentence(excess)}`;
  return { code, ...words, sentence, next: excessNext(excess) ?? words.next };
}

/** As `Retry-After` says, in words; a little later where it is not exact. */
function againIn({ retryAfterSeconds: seconds }: Extract<Answer, { kind: 'limited' }>): string {
  if (seconds <= 60) return `Try again in ${amount(seconds, 'second')}.`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes <= 60) return `Try again in ${amount(minutes, 'minute')}.`;
  return `Try again in ${amount(Math.ceil(minutes / 60), 'hour')}.`;
}

function amount(number: number, unit: string): string {
  return `${number} ${unit}${number === 1 ? '' : 's'}`;
}

/** Where cookies are not what is too large, it is of no use to delete them. */
function excessNext({ code, largest, cookies }: HeaderExcess): string | null {
  if (code === 'cookies_too_large' || cookies !== null || largest.header === 'Cookie') return null;
  return 'Tell the owner of the application. Deleting cookies would not help.';
}

/** Sizes and names of ours alone: a client's own name of a header is never repeated. */
function excessSentence({ code, bytes, limit, largest, cookies }: HeaderExcess): string {
  const said = [`They take up ${count(bytes)} bytes, and ${count(limit)} are let through.`];
  if (code === 'headers_too_large') {
    const { header } = largest;
    // What is no name is said in words already.
    const named = header.includes(' ') ? header : `the header ${header}`;
    said.push(`The largest of them is ${named}, with ${count(largest.bytes)} bytes.`);
  }
  if (cookies !== null) {
    said.push(`Cookies of an older sign-in, ${cookies.name}, have ${count(cookies.bytes)} bytes.`);
  }
  return said.join(' ');
}

function count(bytes: number): string {
  return bytes.toLocaleString('en-GB');
}

/** The codes that stand in the record and in a problem document, the deciding one first. */
export function codesOf(answer: Answer): readonly string[] {
  switch (answer.kind) {
    case 'refused':
    case 'limited':
    case 'failed':
    case 'notice':
      return [answer.code];
    case 'deny':
    case 'sign_in':
    case 'step_up':
      return answer.decision.reasons.map(({ code }) => code);
    case 'redirect':
      return [answer.code];
    case 'preflight':
      return ['preflight_answered'];
    case 'json':
    case 'self':
      return [];
  }
}

const denialStatuses: { readonly [Code in ReasonCode]?: number } = {
  route_unknown: 404,
  method_not_allowed: 405,
  // Not the person is refused: the gateway cannot know.
  state_too_old: 503,
};

/** News, or the end of a block, comes with a connection: sooner there is no use in asking. */
const retryClosedSeconds = 30;
const retrySeconds = 5;

/** Whether this gateway serves nobody for now, whoever asks. */
function isClosed(answer: Message): boolean {
  if (answer.kind === 'failed') return answer.code === 'edge_blocked';
  return answer.kind === 'deny' && firstCode(answer.decision.reasons) === 'state_too_old';
}

function firstCode(all: readonly Reason[]): ReasonCode {
  return all[0]?.code ?? 'no_rule_allows';
}

const titles: Readonly<Record<number, string>> = {
  200: 'Sign out',
  401: 'Please sign in',
  403: 'Access refused',
  404: 'Not found',
  405: 'Not supported here',
  421: 'Wrong connection',
  429: 'Too many requests',
  431: 'Request too large',
  502: 'Application not available',
  503: 'Not available now',
  504: 'Application too slow',
};

/** The heading of a page. */
export function titleOf(answer: Message, status: number): string {
  if (answer.kind === 'notice' && answer.code === 'signed_out') return 'Signed out';
  if (answer.kind === 'step_up') return 'Please confirm that it is you';
  if (isClosed(answer)) return 'Closed for the moment';
  return (
    titles[status] ?? (status >= 500 ? 'Something went wrong' : 'This request cannot be served')
  );
}

const noticeActions: { readonly [Code in NoticeCode]?: readonly PageAction[] } = {
  sign_out_confirm: [{ kind: 'sign_out' }],
  sign_out_cross_site: [{ kind: 'sign_out' }],
  me_sign_in: [{ kind: 'reload', label: 'Sign in' }],
  sign_in_no_effect: [{ kind: 'reload', label: 'Try again' }, { kind: 'sign_out' }],
};

/** What a person can do about it, besides reading. */
export function actionsOf(answer: Message, value: Received): readonly PageAction[] {
  if (answer.kind === 'notice') return noticeActions[answer.code] ?? [];
  if (answer.kind === 'sign_in' || answer.kind === 'step_up') {
    return [{ kind: 'reload', label: 'Sign in' }];
  }
  if (answer.kind === 'failed' || answer.kind === 'limited' || isClosed(answer)) {
    return [{ kind: 'reload', label: 'Try again' }];
  }
  const signedIn = value.opened !== null && value.opened !== undefined;
  return answer.kind === 'deny' && signedIn ? [{ kind: 'sign_out' }] : [];
}

/** Headers that belong to the answer's status, name and value by turns. */
export function statusHeaders(answer: Message, status: number, value: Received): readonly string[] {
  if (answer.kind === 'limited') {
    return ['Retry-After', String(answer.retryAfterSeconds), ...answer.fields];
  }
  if (status === 405) return ['Allow', allowedMethods(answer, value).join(', ')];
  if (status === 426) return ['Upgrade', 'websocket', 'Sec-WebSocket-Version', '13'];
  if (status === 503) {
    return ['Retry-After', String(isClosed(answer) ? retryClosedSeconds : retrySeconds)];
  }
  if (answer.kind === 'sign_in' || (answer.kind === 'notice' && status === 401)) {
    return ['WWW-Authenticate', signInChallenge(value)];
  }
  if (answer.kind === 'step_up') {
    return ['WWW-Authenticate', stepUpChallenge(value, answer.decision.require.maxAgeSeconds)];
  }
  return [];
}

function allowedMethods(answer: Message, value: Received): readonly string[] {
  if (answer.kind === 'notice') return answer.code === 'get_only' ? ['GET'] : ['GET', 'POST'];
  const { bundle, path } = value;
  if (answer.kind !== 'deny' || bundle === undefined || path === undefined) return methodsServed;
  const { host } = value.head;
  return methodsServed.filter(
    (method) => matchRoute(bundle.policy, { method, host, path }).kind === 'route',
  );
}

/** RFC 6750, section 3: with an error only where there was a session. */
function signInChallenge({ head, facts }: Received): string {
  const ended = facts?.session.kind === 'ended' ? ', error="invalid_token"' : '';
  return `Bearer realm="${head.host}"${ended}`;
}

/** RFC 9470, section 3. */
function stepUpChallenge({ head }: Received, maxAgeSeconds: number | undefined): string {
  const maxAge = maxAgeSeconds === undefined ? '' : `, max_age="${maxAgeSeconds}"`;
  return (
    `Bearer realm="${head.host}", error="insufficient_user_authentication", ` +
    `error_description="A more recent or stronger sign-in is needed"${maxAge}`
  );
}
