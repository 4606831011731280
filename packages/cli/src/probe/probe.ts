import { type Asked, type AskOptions, askUpstream } from './ask.ts';
import { createForger } from './forged.ts';
import { type Target, targetsOf } from './target.ts';

export { type Target, targetsOf };

/** What an upstream does with somebody who is no edge; the worst first. */
export const probeResults = {
  'answers-without-assertion': 'it answers anybody who can reach it',
  'accepts-forged': 'it asks for an assertion and takes one that no edge has signed',
  unclear: 'it is there, and what it would answer could not be told',
  untried: 'the time was over before it was asked',
  refuses: 'it answers nobody without a genuine assertion, or without a certificate',
  unreachable: 'it cannot be reached from here',
} as const satisfies Record<string, string>;

export type ProbeResult = keyof typeof probeResults;

/** What was found of one route. */
export interface Probed {
  readonly route: string;
  readonly upstream: string;
  readonly result: ProbeResult;
  /** Status without an assertion and with a forged one; null: there was no answer, or no need. */
  readonly withoutAssertion: number | null;
  readonly withForged: number | null;
  readonly detail: string;
}

export interface ProbeOptions {
  readonly method: 'GET' | 'HEAD';
  readonly timeoutMs: number;
  readonly concurrency: number;
  /** Ends the whole, with what is known by then. */
  readonly signal: AbortSignal;
}

type Answered = Extract<Asked, { kind: 'answer' }>;

const redirectsMax = 3;

/** Asks the upstream of each target, some at a time; the results stand in their order. */
export async function probe(
  targets: readonly Target[],
  options: ProbeOptions,
): Promise<readonly Probed[]> {
  const forge = createForger();
  const results: Probed[] = [];
  const waiting = targets.entries();
  const work = async (): Promise<void> => {
    for (const [index, target] of waiting) {
      results[index] = await probeOne(target, forge(target.audience), options);
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, work));
  return results;
}

async function probeOne(target: Target, forged: string, options: ProbeOptions): Promise<Probed> {
  const found = (result: ProbeResult, detail: string, more: Partial<Probed> = {}): Probed => ({
    route: target.route,
    upstream: target.url.href,
    result,
    withoutAssertion: null,
    withForged: null,
    detail,
    ...more,
  });
  const { method, timeoutMs, signal } = options;
  if (signal.aborted) return found('untried', 'out of time');
  const plain = await follow(target, { method, timeoutMs, signal, assertion: null });
  if (plain.kind !== 'answer') return found(...without(plain, signal));
  const withoutAssertion = plain.status;
  const first = verdictOf(plain);
  if (first !== 'refuses') {
    const result = first === 'answers' ? 'answers-without-assertion' : 'unclear';
    return found(result, answerText(plain), { withoutAssertion });
  }
  const second = await follow(target, { method, timeoutMs, signal, assertion: forged });
  if (second.kind !== 'answer') {
    // Whoever is refused without an assertion and then hung up on is not let in.
    return found(...without(second, signal), { withoutAssertion });
  }
  const statuses = { withoutAssertion, withForged: second.status };
  const verdict = verdictOf(second);
  if (verdict === 'refuses') return found('refuses', answerText(plain), statuses);
  const result = verdict === 'answers' ? 'accepts-forged' : 'unclear';
  return found(result, answerText(second), statuses);
}

/** Goes along redirects on the upstream itself: what is behind them is the upstream's answer. */
async function follow(target: Target, options: AskOptions): Promise<Asked> {
  let { url } = target;
  for (let hop = 0; ; hop += 1) {
    const asked = await askUpstream(target, url, options);
    const next = asked.kind === 'answer' ? ownRedirect(asked, url, target) : null;
    if (next === null || hop === redirectsMax) return asked;
    url = next;
  }
}

function ownRedirect({ status, location }: Answered, from: URL, target: Target): URL | null {
  if (status < 300 || status > 399 || location === null) return null;
  const to = URL.parse(location, from);
  if (to === null) return null;
  if (to.host !== target.host && to.host !== target.url.host) return null;
  // The name may be the public one: the address asked stays the upstream's.
  const next = new URL(target.url);
  // Not read as a reference: a path that begins with // would be another host.
  next.pathname = to.pathname;
  next.search = to.search;
  return next;
}

/**
 * 400, 401 and 403 are how applications say that they want an assertion or a certificate. A failure
 * and a way to another host say nothing about what is behind them; everything else is an answer.
 */
function verdictOf({ status }: Answered): 'answers' | 'refuses' | 'unclear' {
  if (status === 400 || status === 401 || status === 403) return 'refuses';
  if (status >= 500 || (status >= 300 && status < 400)) return 'unclear';
  return 'answers';
}

function without(
  asked: Exclude<Asked, { kind: 'answer' }>,
  signal: AbortSignal,
): [ProbeResult, string] {
  if (signal.aborted) return ['untried', 'out of time'];
  if (asked.kind === 'certificate_wanted') return ['refuses', 'wants a client certificate'];
  return [asked.kind, asked.detail];
}

function answerText({ status, location }: Answered): string {
  return location === null ? String(status) : `${status} to ${location}`;
}
