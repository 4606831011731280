import type { FieldProblem } from '../errors.ts';
import { checkDocument, contextOf } from './check-document.ts';
import { builtInDeviceBundle, type ConfigurationDocument } from './documents.ts';
import { nameOf, ofKind } from './names.ts';
import { compileDocuments } from './policy-set.ts';
import { rulesMax } from './schema/policy.ts';
import { badTests } from './tests/bad.ts';
import { failingTests } from './tests/failing.ts';

export { internalNetworks } from './check-document.ts';
export { nameOf } from './names.ts';
export { toPolicySet } from './policy-set.ts';

/**
 * What the schemas cannot see: whether the documents of a set fit together, and whether they do what
 * their tests say. Run by the control plane before a set becomes a version, by an edge, without the
 * tests, before it goes live, and by the command line.
 */

export interface CheckOptions {
  /** Documents that we add and users cannot define; references to them hold. */
  readonly builtIn?: readonly ConfigurationDocument[];
  /** `false`: the tests were run where the set came from. */
  readonly tests?: boolean;
}

/** Why a set is refused, with all that is wrong. `field`: kind, name and JSON pointer. */
export interface SetRefusal {
  readonly code: 'invalid_configuration' | 'policy_tests_failed';
  readonly problems: readonly FieldProblem[];
}

/** Checks a set whole; null: it is sound, and all of its tests pass. */
export function setRefusal(
  documents: readonly ConfigurationDocument[],
  options: CheckOptions = {},
): SetRefusal | null {
  const problems: FieldProblem[] = [];
  const distinct = checkNames(documents, problems);
  const context = contextOf([...distinct, ...(options.builtIn ?? [])]);
  for (const document of distinct) {
    const name = nameOf(document);
    checkDocument(document, context, (path, message) => {
      problems.push({ field: `${name} ${path}`, message });
    });
  }
  const tooMany = tooManyRules(distinct);
  // What is too much is not worked on.
  if (tooMany !== null) return invalid([...problems, tooMany]);
  const result = compileDocuments(distinct);
  if ('problems' in result) return invalid([...problems, ...result.problems]);
  problems.push(...badTests(distinct));
  if (problems.length > 0) return invalid(problems);
  if (options.tests === false) return null;
  // Only what can be decided by can be tested.
  const failing = failingTests(distinct, result.compiled);
  return failing.length > 0 ? { code: 'policy_tests_failed', problems: failing } : null;
}

/** All that is wrong with the set, failing tests included. None: it is sound. */
export function checkSet(
  documents: readonly ConfigurationDocument[],
  options: CheckOptions = {},
): readonly FieldProblem[] {
  return setRefusal(documents, options)?.problems ?? [];
}

/** Whether the document is one that only we may put into a set. */
export function isBuiltIn({ kind, metadata }: ConfigurationDocument): boolean {
  return kind === 'TrustBundle' && metadata.name === builtInDeviceBundle;
}

/** The documents, each name once. */
function checkNames(
  documents: readonly ConfigurationDocument[],
  problems: FieldProblem[],
): readonly ConfigurationDocument[] {
  const first = new Map<string, ConfigurationDocument>();
  for (const document of documents) {
    const name = nameOf(document);
    if (first.has(name)) problems.push({ field: name, message: 'is in the set twice' });
    else first.set(name, document);
    if (isBuiltIn(document))
      problems.push({ field: name, message: 'is built in; use another name' });
  }
  const distinct = [...first.values()];
  if (!distinct.some(({ kind }) => kind === 'Settings')) {
    problems.push({ field: 'Settings/default', message: 'is missing; every set needs it' });
  }
  return distinct;
}

function tooManyRules(documents: readonly ConfigurationDocument[]): FieldProblem | null {
  const rules = ofKind(documents, 'Policy')
    .flatMap(({ spec }) => [spec.allow, spec.deny, spec.stepUp])
    .reduce((sum, list) => sum + (list?.length ?? 0), 0);
  if (rules <= rulesMax) return null;
  return { field: '', message: `the set has ${rules} rules and may have ${rulesMax}` };
}

function invalid(problems: readonly FieldProblem[]): SetRefusal {
  return { code: 'invalid_configuration', problems };
}
