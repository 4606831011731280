import { nearest } from '../../nearest.ts';
import { testsOf } from '../tests/placed.ts';
import type { LintFinding } from './finding.ts';
import type { Subject } from './rules.ts';

/** Comparing names takes time, and a set can hold many of them. */
const comparisonsMax = 20_000;

interface PlacedGroup {
  readonly group: string;
  readonly document: string;
  readonly path: string;
}

/**
 * Groups that only one place names, and that look like one that others name. Which groups there are
 * is known at sign-in alone, so a wrong name is no error; it just never matches.
 */
export function misspeltGroups(subject: Subject): LintFinding[] {
  const places = placesOf(subject);
  const times = Map.groupBy([...places.map(({ group }) => group), ...otherwise(subject)], String);
  const known = [...times].filter(([, all]) => all.length > 1).map(([group]) => group);
  let left = comparisonsMax;
  return places.flatMap(({ group, document, path }) => {
    if (times.get(group)?.length !== 1 || known.length > left) return [];
    left -= known.length;
    const near = nearest(group, known);
    if (near === null || areSiblings(group, near)) return [];
    const message = `the group ${group} is named here alone; did you mean ${near}?`;
    return [{ code: 'group_misspelt' as const, document, path, message }];
  });
}

function placesOf({ policies }: Subject): PlacedGroup[] {
  return policies.flatMap(({ metadata, spec }) =>
    (['allow', 'deny', 'stepUp', 'conditions'] as const).flatMap((list) =>
      (spec[list] ?? []).flatMap(({ groups }, rule) =>
        (groups ?? []).map((group, index) => ({
          group,
          document: `Policy/${metadata.name}`,
          path: `/spec/${list}/${rule}/groups/${index}`,
        })),
      ),
    ),
  );
}

/** Groups that are named elsewhere than in rules. */
function otherwise({ documents, routes }: Subject): string[] {
  return [
    ...testsOf(documents).flatMap(({ test }) => test.user?.groups ?? []),
    ...routes.flatMap(({ spec }) => spec.identity?.groups ?? []),
  ];
}

/** Names that are meant to be alike: `team-a` and `team-b`, `sales1` and `sales2`. */
function areSiblings(one: string, other: string): boolean {
  if (one.replace(/\d+/g, '') === other.replace(/\d+/g, '')) return true;
  const [parts, others] = [one, other].map((name) => name.split(/[^\p{L}\p{N}]+/u));
  if (parts?.length !== others?.length) return true;
  return parts?.some((part, at) => part !== others?.[at] && part.length < 4) === true;
}
