import fc, { type Arbitrary } from 'fast-check';
import type { Route, RouteMatch } from '../src/index.ts';
import { policyNames } from './policy-rules.ts';
import { instants, mostly, pathPatterns } from './words.ts';

const hostPatterns = ['a.test', 'x.a.test', '*.a.test', '*.test', '*.y.a.test'];

const anyMatches: Arbitrary<RouteMatch[]> = fc.array(
  fc.record({
    host: fc.constantFrom(...hostPatterns),
    path: pathPatterns,
    methods: fc.constantFrom(null, null, ['GET'], ['POST', 'DELETE']),
  }),
  { maxLength: 8 },
);

/** Every host as a whole, most of the time, so that most requests have a route. */
const matches: Arbitrary<RouteMatch[]> = fc
  .tuple(anyMatches, mostly(true, false))
  .map(([all, whole]) => [
    ...all,
    ...hostPatterns.filter(() => whole).map((host) => ({ host, path: '/**', methods: null })),
  ])
  .map(withoutDuplicates);

function withoutDuplicates(all: readonly RouteMatch[]): RouteMatch[] {
  // A slash at the end makes no other pattern.
  const pattern = ({ host, path }: RouteMatch) => `${host} ${path.replace(/(.)\/$/, '$1')}`;
  const divided = new Set(all.filter(({ methods: some }) => some !== null).map(pattern));
  const kept = all.filter((match) => match.methods !== null || !divided.has(pattern(match)));
  const claims = kept.map((match) => [`${pattern(match)} ${match.methods?.[0]}`, match] as const);
  return [...new Map(claims).values()];
}

const monitors = fc.constantFrom<Route['monitor'][]>(
  ...[undefined, undefined, undefined, ...instants.map((until) => ({ until }))],
);

export const routes: Arbitrary<Route[]> = fc
  .tuple(
    matches,
    fc.array(monitors, { minLength: 4, maxLength: 4 }),
    fc.array(fc.subarray(policyNames, { minLength: 1 }), { minLength: 4, maxLength: 4 }),
    fc.array(fc.nat(3), { minLength: 13, maxLength: 13 }),
  )
  .map(([all, monitored, policiesOf, owners]) =>
    policiesOf.map((names, route) => ({
      name: `route-${route}`,
      matches: all.filter((_match, index) => owners[index] === route),
      policies: names,
      ...(monitored[route] === undefined ? {} : { monitor: monitored[route] }),
    })),
  )
  .map((all) => all.filter((route) => route.matches.length > 0));
