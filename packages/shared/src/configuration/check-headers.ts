import { foldedHeader, isHopByHopHeader, isReservedHeader } from '../http/header-names.ts';
import type { RouteDocument } from './documents.ts';
import type { Complain } from './references.ts';

type Headers = NonNullable<RouteDocument['spec']['headers']>;
type Way = 'request' | 'response';
type Edits = NonNullable<Headers[Way]>;

/** What cuts a message, or says how its bytes are to be read: only who makes the bytes can say it. */
const framing = new Set(['host', 'content-length', 'content-encoding', 'content-range', 'expect']);

const ownCookies = /^__host-sallyport(-|\*|$)/i;

/** Our own cookies are taken out in any case. */
export function checkCookies(cookies: RouteDocument['spec']['cookies'], complain: Complain): void {
  for (const [index, name] of (cookies?.remove ?? []).entries()) {
    if (!ownCookies.test(name)) continue;
    complain(`/spec/cookies/remove/${index}`, 'is the edge’s own, which no application sees');
  }
}

/** What the schema cannot see of the header lines that a route takes out and puts in. */
export function checkHeaders(headers: Headers | undefined, complain: Complain): void {
  for (const way of ['request', 'response'] as const) {
    const edits = headers?.[way];
    if (edits !== undefined) checkEdits(edits, way, complain);
  }
}

function checkEdits({ set = [], remove = [] }: Edits, way: Way, complain: Complain): void {
  const seen = new Set<string>();
  const check = (name: string, path: string, problem: string | null): void => {
    const folded = foldedHeader(name);
    if (problem !== null) complain(path, problem);
    else if (seen.has(folded)) complain(path, `${name} stands in the lists twice`);
    seen.add(folded);
  };
  for (const [index, { name }] of set.entries()) {
    const folded = foldedHeader(name);
    const problem = nameProblem(folded, way) ?? setProblem(folded, way);
    check(name, `/spec/headers/${way}/set/${index}/name`, problem);
  }
  for (const [index, name] of remove.entries()) {
    const problem = nameProblem(foldedHeader(name), way);
    check(name, `/spec/headers/${way}/remove/${index}`, problem);
  }
}

/** Why a header cannot be touched at all; null: it can. */
function nameProblem(folded: string, way: Way): string | null {
  if (isReservedHeader(folded)) {
    return 'must not be a header that says who asks or from where: those are the edge’s alone';
  }
  if (isHopByHopHeader(folded) || framing.has(folded) || folded.startsWith('sec-websocket-')) {
    return 'must not be a header that says how a message or a connection is to be read';
  }
  if (way === 'request' && folded === 'traceparent') return 'must not be traceparent';
  if (way === 'request' && folded === 'cookie') {
    return 'must not be Cookie, which holds more than one thing';
  }
  return null;
}

/** Why a header cannot be given a value, although it may be taken out. */
function setProblem(folded: string, way: Way): string | null {
  if (folded === 'authorization') return 'must not be Authorization: a document holds no secrets';
  if (way === 'request') return null;
  if (folded === 'set-cookie') return 'must not be Set-Cookie: one for everybody is no session';
  return folded === 'alt-svc' ? 'must not be Alt-Svc, which leads around the edge' : null;
}
