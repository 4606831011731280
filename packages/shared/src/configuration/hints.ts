import type { UnknownName } from '@sallyport/policy';
import { nearest } from '../nearest.ts';
import type { ConfigurationDocument } from './documents.ts';
import { ofKind, ruleKinds } from './names.ts';

/** What a name that nothing has was probably meant to be. */

/** Comparing names takes time, and there can be many that are wrong and many that are known. */
const comparisonsMax = 20_000;

/** `; did you mean NAME?`, or nothing. */
export function didYouMean(name: string | null): string {
  return name === null ? '' : `; did you mean ${name}?`;
}

/** Finds what was meant by names that no document of the set has, up to a bound of work. */
export class Hints {
  readonly #documents: readonly ConfigurationDocument[];
  readonly #conditions: ReadonlyMap<string, readonly string[]>;
  #left = comparisonsMax;

  constructor(documents: readonly ConfigurationDocument[]) {
    this.#documents = documents;
    this.#conditions = new Map(
      ofKind(documents, 'Policy').map(({ metadata, spec }) => [
        metadata.name,
        (spec.conditions ?? []).map(({ name }) => name),
      ]),
    );
  }

  /** For what the policy core does not know. */
  of({ kind, name }: UnknownName): string {
    switch (kind) {
      case 'policy':
        return didYouMean(this.#nearest(name, this.#namesOf('Policy')));
      case 'service':
        return didYouMean(this.#nearest(name, this.#namesOf('ServiceIdentity')));
      case 'condition':
        return didYouMean(this.#condition(name));
    }
  }

  /** For the id of a rule: `policy/list/name`. */
  ofRule(id: string): string {
    const [policy = '', ...rest] = id.split('/');
    const found = ofKind(this.#documents, 'Policy').find(
      ({ metadata }) => metadata.name === policy,
    );
    if (found === undefined) {
      const other = this.#nearest(policy, this.#namesOf('Policy'));
      return didYouMean(other === null ? null : [other, ...rest].join('/'));
    }
    const rules = ruleKinds.flatMap((kind) =>
      (found.spec[kind] ?? []).map(({ name }) => `${kind}/${name}`),
    );
    const sameName = rules.find((rule) => rule.split('/')[1] === rest[1]);
    const near = sameName ?? this.#nearest(rest.join('/'), rules);
    return didYouMean(near === null ? null : `${policy}/${near}`);
  }

  /** Most often the policy before the name is missing, or there is a letter wrong in one of them. */
  #condition(id: string): string | null {
    const [policy = '', name = ''] = id.split('/');
    const own = this.#conditions.get(policy);
    const near = own === undefined ? null : this.#nearest(name, own);
    if (near !== null) return `${policy}/${near}`;
    const elsewhere = [...this.#conditions]
      .filter(([, names]) => names.includes(name))
      .map(([other]) => other);
    const other = this.#nearest(policy, elsewhere) ?? elsewhere[0];
    return other === undefined ? null : `${other}/${name}`;
  }

  #namesOf(kind: 'Policy' | 'ServiceIdentity'): readonly string[] {
    return ofKind(this.#documents, kind).map(({ metadata }) => metadata.name);
  }

  #nearest(name: string, known: readonly string[]): string | null {
    if (known.length > this.#left) return null;
    this.#left -= known.length;
    return nearest(name, known);
  }
}
