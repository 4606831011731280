import {
  type CompiledPolicySet,
  compile,
  PolicyCompileError,
  type PolicySet,
  type StalenessBudgets,
} from '@sallyport/policy';
import type { FieldProblem } from '../errors.ts';
import type {
  ConfigurationDocument,
  PolicyDocument,
  RouteDocument,
  ServiceIdentityDocument,
} from './documents.ts';
import { Hints } from './hints.ts';

const wholeHost = '/**';

interface Parts {
  readonly routes: readonly RouteDocument[];
  readonly policies: readonly PolicyDocument[];
  readonly services: readonly ServiceIdentityDocument[];
  readonly globalPolicies: readonly string[];
  readonly staleness: StalenessBudgets | undefined;
}

/** The part of a configuration that decisions depend on, for `compile` of the policy core. */
export function toPolicySet(
  version: number,
  documents: readonly ConfigurationDocument[],
): PolicySet {
  const { routes, policies, services, globalPolicies, staleness } = partsOf(documents);
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
      ...(spec.monitor === undefined ? {} : { monitor: spec.monitor }),
    })),
    policies: policies.map(({ metadata, spec }) => ({
      name: metadata.name,
      allow: (spec.allow ?? []).map(undescribed),
      deny: (spec.deny ?? []).map(undescribed),
      stepUp: (spec.stepUp ?? []).map(undescribed),
      ...(spec.conditions === undefined ? {} : { conditions: spec.conditions.map(undescribed) }),
    })),
    globalPolicies,
    ...(services.length === 0
      ? {}
      : { services: services.map(({ metadata, spec }) => ({ name: metadata.name, ...spec })) }),
    ...(staleness === undefined ? {} : { staleness }),
  };
}

/** What the policy core makes of the documents, or what it says against them, by document. */
export function compileDocuments(
  documents: readonly ConfigurationDocument[],
): { readonly compiled: CompiledPolicySet } | { readonly problems: readonly FieldProblem[] } {
  try {
    return { compiled: compile(toPolicySet(1, documents)) };
  } catch (error) {
    if (!(error instanceof PolicyCompileError)) throw error;
    const parts = partsOf(documents);
    const hints = new Hints(documents);
    return {
      problems: error.problems.map(({ field, message, unknown }) => ({
        field: fieldOf(field, parts),
        message: unknown === undefined ? message : `${message}${hints.of(unknown)}`,
      })),
    };
  }
}

/** Words for people: no decision depends on them. */
function undescribed<Rule extends { readonly description?: string }>(
  rule: Rule,
): Omit<Rule, 'description'> {
  if (rule.description === undefined) return rule;
  const { description: _, ...rest } = rule;
  return rest;
}

/** A pointer into the policy set as a pointer into the document it was made of. */
function fieldOf(pointer: string, { routes, policies, services }: Parts): string {
  const [, list, index = '', ...rest] = pointer.split('/');
  const inSpec = rest.join('/');
  const at = inSpec === 'name' ? '/metadata/name' : `/spec/${inSpec}`;
  const route = list === 'routes' ? routes[Number(index)] : undefined;
  if (route !== undefined) {
    return `Route/${route.metadata.name} ${at.replace(/^\/spec\/matches\b/, '/spec/match')}`;
  }
  const policy = list === 'policies' ? policies[Number(index)] : undefined;
  if (policy !== undefined) return `Policy/${policy.metadata.name} ${at}`;
  const service = list === 'services' ? services[Number(index)] : undefined;
  if (service !== undefined) return `ServiceIdentity/${service.metadata.name} ${at}`;
  if (list === 'globalPolicies') return `Settings/default /spec/policies/${index}`;
  return list === 'staleness' ? `Settings/default /spec${pointer}` : pointer;
}

function partsOf(documents: readonly ConfigurationDocument[]): Parts {
  const settings = documents.filter((document) => document.kind === 'Settings');
  return {
    routes: documents.filter((document) => document.kind === 'Route'),
    policies: documents.filter((document) => document.kind === 'Policy'),
    services: documents.filter((document) => document.kind === 'ServiceIdentity'),
    globalPolicies: settings.flatMap(({ spec }) => spec.policies ?? []),
    staleness: settings[0]?.spec.staleness,
  };
}
