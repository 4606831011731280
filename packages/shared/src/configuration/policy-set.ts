import {
  compile,
  PolicyCompileError,
  type PolicySet,
  type StalenessBudgets,
} from '@sallyport/policy';
import type { FieldProblem } from '../errors.ts';
import type { ConfigurationDocument, PolicyDocument, RouteDocument } from './documents.ts';

const wholeHost = '/**';

interface Parts {
  readonly routes: readonly RouteDocument[];
  readonly policies: readonly PolicyDocument[];
  readonly globalPolicies: readonly string[];
  readonly staleness: StalenessBudgets | undefined;
}

/** The part of a configuration that decisions depend on, for `compile` of the policy core. */
export function toPolicySet(
  version: number,
  documents: readonly ConfigurationDocument[],
): PolicySet {
  const { routes, policies, globalPolicies, staleness } = partsOf(documents);
  return {
    version,
    routes: routes.map(({ metadata, spec }) => ({
      name: metadata.name,
      matches: spec.match.map(({ host, path, methods }) => ({
        host,
        path: path ?? wholeHost,
        methods: methods ?? null,
      })),
      policies: spec.policies,
      ...(spec.staleness === undefined ? {} : { staleness: spec.staleness }),
    })),
    policies: policies.map(({ metadata, spec }) => ({
      name: metadata.name,
      allow: spec.allow ?? [],
      deny: spec.deny ?? [],
      stepUp: spec.stepUp ?? [],
    })),
    globalPolicies,
    ...(staleness === undefined ? {} : { staleness }),
  };
}

/** What the policy core says against the documents, by document. */
export function compileProblems(documents: readonly ConfigurationDocument[]): FieldProblem[] {
  try {
    compile(toPolicySet(1, documents));
    return [];
  } catch (error) {
    if (!(error instanceof PolicyCompileError)) throw error;
    const parts = partsOf(documents);
    return error.problems.map(({ field, message }) => ({ field: fieldOf(field, parts), message }));
  }
}

/** A pointer into the policy set as a pointer into the document it was made of. */
function fieldOf(pointer: string, { routes, policies }: Parts): string {
  const [, list, index = '', ...rest] = pointer.split('/');
  const tail = rest.join('/');
  const route = list === 'routes' ? routes[Number(index)] : undefined;
  if (route !== undefined) {
    return `Route/${route.metadata.name} /spec/${tail.replace(/^matches\b/, 'match')}`;
  }
  const policy = list === 'policies' ? policies[Number(index)] : undefined;
  if (policy !== undefined) return `Policy/${policy.metadata.name} /spec/${tail}`;
  if (list === 'globalPolicies') return `Settings/default /spec/policies/${index}`;
  return list === 'staleness' ? `Settings/default /spec${pointer}` : pointer;
}

function partsOf(documents: readonly ConfigurationDocument[]): Parts {
  const settings = documents.filter((document) => document.kind === 'Settings');
  return {
    routes: documents.filter((document) => document.kind === 'Route'),
    policies: documents.filter((document) => document.kind === 'Policy'),
    globalPolicies: settings.flatMap(({ spec }) => spec.policies ?? []),
    staleness: settings[0]?.spec.staleness,
  };
}
