import type { Decision, Facts } from '@sallyport/policy';

/** How two versions differ about one request: who gains, who loses, who is asked for more. */
export type Change = 'same' | 'gained' | 'lost' | 'askedMore' | 'askedLess' | 'other';

type Outcome = Decision['outcome'];

/** What both versions say of one request. */
export interface Compared {
  readonly correlationId: string;
  readonly facts: Facts;
  readonly live: Side;
  readonly candidate: Side;
}

/** What counts of a verdict. */
export interface Side {
  readonly outcome: Outcome;
  readonly route: string | null;
  /** The deciding one first. */
  readonly reasons: readonly string[];
  readonly ruleIds: readonly string[];
}

/** A verdict as it is compared. */
export function sideOf({ outcome, route, reasons, ruleIds }: Decision): Side {
  return { outcome, route, reasons: reasons.map(({ code }) => code), ruleIds };
}

/**
 * Whoever only has to confirm who they are has access; whoever is sent to sign in has not: a
 * workload cannot, and what becomes open to all is gained by those who are not signed in.
 */
export function changeOf(live: Outcome, candidate: Outcome): Change {
  if (live === candidate) return 'same';
  const had = hasAccess(live);
  const has = hasAccess(candidate);
  if (had && has) return candidate === 'step_up' ? 'askedMore' : 'askedLess';
  if (had) return 'lost';
  return has ? 'gained' : 'other';
}

function hasAccess(outcome: Outcome): boolean {
  return outcome === 'permit' || outcome === 'step_up';
}

interface Counted<Key> {
  readonly key: Key;
  requests: number;
  readonly examples: string[];
}

const examplesMax = 10;
const shownMax = 100;
/** A verdict may name many step-up rules. */
const rulesOfVerdictMax = 16;
const keysMax = 10_000;

/** Requests counted by something. What comes when there is no more room is counted as left out. */
class Counts<Key> {
  readonly #rows = new Map<string, Counted<Key>>();
  #leftOut = 0;

  add(id: string, key: Key, example: string): void {
    let row = this.#rows.get(id);
    if (row === undefined) {
      if (this.#rows.size >= keysMax) {
        this.#leftOut += 1;
        return;
      }
      row = { key, requests: 0, examples: [] };
      this.#rows.set(id, row);
    }
    row.requests += 1;
    if (row.examples.length < examplesMax) row.examples.push(example);
  }

  get size(): number {
    return this.#rows.size + this.#leftOut;
  }

  /** Those with the most requests first. */
  top(): readonly Counted<Key>[] {
    return [...this.#rows.entries()]
      .sort(([a, x], [b, y]) => y.requests - x.requests || (a < b ? -1 : 1))
      .slice(0, shownMax)
      .map(([, row]) => row);
  }

  /** How many are not in `top`. */
  get more(): number {
    return Math.max(0, this.size - shownMax);
  }
}

interface Who {
  readonly user: string | null;
  readonly email: string | null;
  /** Where nobody was signed in. */
  readonly device: string | null;
}

interface RuleSide {
  readonly rule: string;
  /** Whose verdict it made. */
  readonly side: 'live' | 'candidate';
}

/** The requests about which two versions differ in one way. Its memory has a bound. */
class Difference {
  #requests = 0;
  readonly #users = new Counts<Who>();
  readonly #routes = new Counts<{ readonly route: string | null }>();
  readonly #rules = new Counts<RuleSide>();
  readonly #reasons = new Counts<{ readonly reason: string }>();

  add({ correlationId, facts, live, candidate }: Compared): void {
    const who = whoOf(facts);
    this.#requests += 1;
    this.#users.add(who.user ?? `device ${who.device}`, who, correlationId);
    const route = live.route ?? candidate.route;
    this.#routes.add(route ?? '', { route }, correlationId);
    for (const [side, { ruleIds }] of Object.entries({ live, candidate })) {
      for (const rule of ruleIds.slice(0, rulesOfVerdictMax)) {
        const key: RuleSide = { rule, side: side === 'live' ? 'live' : 'candidate' };
        this.#rules.add(`${side} ${rule}`, key, correlationId);
      }
    }
    const reason = candidate.reasons[0] ?? '';
    this.#reasons.add(reason, { reason }, correlationId);
  }

  present() {
    return {
      requests: this.#requests,
      users: this.#users.size,
      byUser: this.#users.top().map(flat),
      byRoute: this.#routes.top().map(flat),
      byRule: this.#rules.top().map(flat),
      byReason: this.#reasons.top().map(flat),
      more: { users: this.#users.more, routes: this.#routes.more, rules: this.#rules.more },
    };
  }
}

/** All the ways in which two versions differ, and how often they do not. */
export class Differences {
  same = 0;
  /** Neither lets them in, and says it otherwise. */
  other = 0;
  readonly #by = {
    gained: new Difference(),
    lost: new Difference(),
    askedMore: new Difference(),
    askedLess: new Difference(),
  };

  add(compared: Compared): void {
    const change = changeOf(compared.live.outcome, compared.candidate.outcome);
    if (change === 'same') this.same += 1;
    else if (change === 'other') this.other += 1;
    else this.#by[change].add(compared);
  }

  present() {
    const { gained, lost, askedMore, askedLess } = this.#by;
    return {
      other: this.other,
      gained: gained.present(),
      lost: lost.present(),
      askedMore: askedMore.present(),
      askedLess: askedLess.present(),
    };
  }
}

function flat<Key extends object>({ key, requests, examples }: Counted<Key>) {
  return { ...key, requests, examples: [...examples] };
}

function whoOf({ user, device }: Facts): Who {
  if (user.kind === 'known') return { user: text(user.id), email: text(user.email), device: null };
  if (user.kind === 'missing') return { user: text(user.id), email: null, device: null };
  return { user: null, email: null, device: device.kind === 'known' ? text(device.id) : null };
}

/** Facts are as an edge wrote them. */
function text(found: unknown): string | null {
  return typeof found === 'string' ? found : null;
}
