import { all, any, type Known, type Value } from './known.ts';

/** Expressions in CEL, and what each means. */
export interface Expression {
  readonly text: string;
  readonly aboutUser: boolean;
  /** It looks at the time, and so is evaluated again every minute. */
  readonly timed: boolean;
  readonly means: (known: Known) => Value;
}

export const expressions: readonly Expression[] = [
  {
    text: 'request.method == "GET"',
    aboutUser: false,
    timed: false,
    means: ({ facts }) => facts.request.method === 'GET',
  },
  {
    text: 'device.managed && place.country == "DE"',
    aboutUser: false,
    timed: false,
    means: ({ device, facts }) =>
      all([device?.managed ?? false, known(facts.place?.country, (found) => found === 'DE')]),
  },
  {
    text: 'place.egress == "office" || place.region == "Tyrol"',
    aboutUser: false,
    timed: false,
    means: ({ facts }) =>
      any([
        known(facts.place?.egress, (found) => found === 'office'),
        known(facts.place?.region, (found) => found === 'Tyrol'),
      ]),
  },
  {
    text: 'risk.score < 50.0 || request.path.startsWith("/a")',
    aboutUser: false,
    timed: false,
    means: ({ facts }) =>
      any([known(facts.risk?.score, (score) => score < 50), facts.request.path.startsWith('/a')]),
  },
  {
    text: 'now < timestamp("2027-01-15T08:00:00Z")',
    aboutUser: false,
    timed: true,
    means: ({ facts }) => facts.nowMs < 1_800_000_000_000,
  },
  {
    text: 'user.groups.exists(group, group == "red") || source.inNetwork("10.1.0.0/16")',
    aboutUser: true,
    timed: false,
    means: ({ user, facts }) =>
      any([
        user === null ? 'pending' : user.groups.includes('red'),
        facts.sourceAddress === 'unreadable' ? 'unknown' : facts.sourceAddress.startsWith('10.1.'),
      ]),
  },
  {
    text: '!("hwk" in session.amr) && device.known',
    aboutUser: true,
    timed: false,
    means: ({ session, device }) =>
      all([session === null ? 'pending' : !session.amr.includes('hwk'), device !== null]),
  },
  {
    text: 'session.age < duration("5m")',
    aboutUser: true,
    timed: true,
    means: ({ session, facts }) =>
      session === null ? 'pending' : facts.nowMs - session.authenticatedAtMs < 300_000,
  },
];

function known<Found>(found: Found | null | undefined, holds: (found: Found) => boolean): Value {
  return found === null || found === undefined ? 'unknown' : holds(found);
}
