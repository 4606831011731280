import type {
  AuthenticationRule,
  DeviceRule,
  Policy,
  PolicySet,
  PostureRule,
  RuleConditions,
  TimeWindow,
} from '../src/index.ts';
import { expressions } from './expressions.ts';
import { all, type Known, type KnownDevice, type Value } from './known.ts';

/** What conditions mean, one after the other. */

type Kind = 'allow' | 'deny' | 'stepUp';

/** Where named conditions are looked up. */
export interface Names {
  readonly set: PolicySet;
  readonly policy: Policy;
}

/** What all conditions come to. */
export function holds(rule: RuleConditions, kind: Kind, names: Names, known: Known): Value {
  const { facts, user, session } = known;
  const { place, risk, nowMs } = facts;
  const values: Value[] = [];
  const add = <Given>(given: Given | undefined, value: (given: Given) => Value): void => {
    if (given !== undefined) values.push(value(given));
  };
  add(rule.methods, (methods) => methods.includes(facts.request.method));
  add(rule.paths, (paths) => paths.some((path) => matches(path, facts.request.path)));
  add(rule.pathsMatching, (patterns) => patterns.some((one) => isMatch(one, facts.request.path)));
  add(rule.sourceNetworks, (networks) => within(networks, facts.sourceAddress));
  add(rule.services, (services) => known.service !== null && services.includes(known.service));
  add(rule.users, (users) => {
    const mine = user === null ? [] : [user.id, user.email.toLowerCase()];
    const wanted = users.map((entry) => (entry.includes('@') ? entry.toLowerCase() : entry));
    return user === null ? 'pending' : wanted.some((entry) => mine.includes(entry));
  });
  add(rule.groups, (groups) =>
    user === null ? 'pending' : groups.some((group) => user.groups.includes(group)),
  );
  add(rule.employment, ({ class: classes, ended }) => {
    if (user === null) return 'pending';
    if (user.employment === null) return 'unknown';
    const { class: its, endsAtMs } = user.employment;
    const over = endsAtMs !== null && endsAtMs <= nowMs;
    return (classes?.includes(its) ?? true) && (ended === undefined || ended === over);
  });
  add(rule.device, (device) => deviceHolds(device, known));
  add(rule.countries, (countries) =>
    place?.country ? countries.includes(place.country) : 'unknown',
  );
  add(rule.asns, (asns) => (place?.asn ? asns.includes(place.asn) : 'unknown'));
  add(rule.egress, (names) =>
    typeof place?.egress === 'string' ? names.includes(place.egress) : 'unknown',
  );
  add(rule.risk, ({ atLeast = 0, below = 101, signals }) => {
    if (risk === null) return 'unknown';
    const noticed = signals === undefined || signals.some((one) => risk.signals.includes(one));
    return risk.score >= atLeast && risk.score < below && noticed;
  });
  add(rule.notBefore, (instant) => nowMs >= Date.parse(instant));
  add(rule.notAfter, (instant) => nowMs < Date.parse(instant));
  add(rule.time, (windows) => windows.some((window) => isWithin(window, nowMs)));
  add(rule.authentication, (wanted) => (session === null ? 'pending' : signedIn(wanted, known)));
  add(rule.headers, (headers) =>
    headers.every(({ name, is }) => {
      const lines = Object.entries(facts.request.headers).find(([key]) => key === name)?.[1] ?? [];
      const found = lines
        .join(',')
        .split(',')
        .map((value) => value.trim());
      if (lines.length === 0) return false;
      return kind === 'allow'
        ? found.every((value) => is.includes(value))
        : found.some((value) => is.includes(value));
    }),
  );
  add(rule.when, (text) => expressions.find((one) => one.text === text)?.means(known) ?? 'unknown');
  add(rule.conditions, (named) =>
    all(
      named.map((name) => {
        const [found, where] = lookUp(name, names);
        return holds(found, kind, where, known);
      }),
    ),
  );
  return all(values);
}

/** A named condition, and where the names that it has itself are looked up. */
export function lookUp(name: string, { set, policy }: Names): [RuleConditions, Names] {
  const [own = '', other] = name.split('/').toReversed();
  const from = other === undefined ? policy : set.policies.find((one) => one.name === other);
  const found = from?.conditions?.find((condition) => condition.name === own);
  if (from === undefined || found === undefined) throw new Error(`no condition ${name}`);
  return [found, { set, policy: from }];
}

/** Whether the session was made as it is wanted; false without one. */
export function signedIn({ maxAge, amr }: AuthenticationRule, { session, facts }: Known): boolean {
  if (session === null) return false;
  const young = isYounger(session.authenticatedAtMs, maxAge, facts.nowMs);
  return young && (amr === undefined || amr.some((method) => session.amr.includes(method)));
}

function deviceHolds(wanted: DeviceRule, { device, user, facts }: Known): Value {
  const values: Value[] = [];
  const { known, managed, ownedByUser, certificateMaxAge, posture = [] } = wanted;
  if (known !== undefined) values.push(known === (device !== null));
  if (managed !== undefined) values.push(managed === (device?.managed === true));
  const owner = device?.ownerUserId ?? null;
  if (ownedByUser !== undefined && owner === null) values.push(!ownedByUser);
  if (ownedByUser !== undefined && owner !== null) {
    values.push(user === null ? 'pending' : ownedByUser === (owner === user.id));
  }
  if (certificateMaxAge !== undefined) {
    const made = device?.certificateNotBeforeMs;
    values.push(made !== undefined && isYounger(made, certificateMaxAge, facts.nowMs));
  }
  return all([...values, ...posture.map((one) => postureHolds(one, device, facts.nowMs))]);
}

function postureHolds(wanted: PostureRule, device: KnownDevice | null, nowMs: number): Value {
  const found = device?.posture.find(({ name }) => name === wanted.name);
  if (found === undefined || !isYounger(found.observedAtMs, wanted.maxAge, nowMs)) return 'unknown';
  const { value } = found;
  const values = wanted.in ?? (wanted.is === undefined ? null : [wanted.is]);
  if (values !== null) {
    return typeof values[0] === typeof value ? values.includes(value) : 'unknown';
  }
  if (typeof value !== 'number') return 'unknown';
  return value >= (wanted.atLeast ?? value) && value <= (wanted.atMost ?? value);
}

/** A minute in the future is forgiven. */
function isYounger(atMs: number, maxAge: string | undefined, nowMs: number): boolean {
  return nowMs - atMs >= -60_000 && (maxAge === undefined || nowMs - atMs < milliseconds(maxAge));
}

/** Of a duration. */
export function milliseconds(text: string): number {
  const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  return Number(text.slice(0, -1)) * units[text.slice(-1) as keyof typeof units];
}

const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

function isWithin({ days, from, to, zone }: TimeWindow, nowMs: number): boolean {
  const { day, clock } = wallClock(zone, nowMs);
  const isOn = (index: number): boolean =>
    days === undefined || days.some((name) => name === dayNames[(index + 7) % 7]);
  if (from < to) return isOn(day) && clock >= from && clock < to;
  return (isOn(day) && clock >= from) || (isOn(day - 1) && clock < to);
}

const shown = new Map<string, { readonly day: number; readonly clock: string }>();

/** As a clock on a wall in that zone shows it; asked for once, as that is slow even for this. */
function wallClock(timeZone: string, nowMs: number): { day: number; clock: string } {
  const key = `${timeZone} ${nowMs}`;
  const known = shown.get(key);
  if (known !== undefined) return known;
  const options = { timeZone, weekday: 'short', hour: '2-digit', minute: '2-digit' } as const;
  const parts = new Intl.DateTimeFormat('en-GB', options).formatToParts(nowMs);
  const get = (type: string): string => parts.find((part) => part.type === type)?.value ?? '';
  const made = {
    day: dayNames.indexOf(get('weekday').toLowerCase()),
    clock: `${get('hour')}:${get('minute')}`,
  };
  shown.set(key, made);
  return made;
}

/** Whether a path pattern matches. */
export function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/').filter((part) => part !== '');
  const parts = path.split('/').filter((part) => part !== '');
  const rest = wanted.at(-1) === '**';
  if (rest) wanted.pop();
  if (rest ? parts.length < wanted.length : parts.length !== wanted.length) return false;
  return wanted.every((part, index) => part.startsWith('{') || part === parts[index]);
}

function isMatch(pattern: string, path: string): boolean {
  return new RegExp(`^(?:${pattern})$`).test(path.replace(/(.)\/$/, '$1'));
}

function within(networks: readonly string[], address: string): Value {
  const bits = bitsOf(address);
  if (bits === null) return 'unknown';
  return networks.some((network) => {
    const [base = '', prefix = ''] = network.split('/');
    const its = bitsOf(base) ?? '';
    return its.length === bits.length && bits.startsWith(its.slice(0, Number(prefix)));
  });
}

/** An address as a text of ones and zeros; only what the laws use of IPv6 is read. */
function bitsOf(address: string): string | null {
  const binary = (value: number, width: number) => value.toString(2).padStart(width, '0');
  if (/^\d+\.\d+\.\d+\.\d+$/.test(address)) {
    return address
      .split('.')
      .map((part) => binary(Number(part), 8))
      .join('');
  }
  if (!address.includes('::')) return null;
  const [head = [], tail = []] = address.split('::').map((side) => side.split(':').filter(Boolean));
  const middle = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return [...head, ...middle, ...tail]
    .map((part) => binary(Number.parseInt(part, 16), 16))
    .join('');
}
