import { parseNetwork } from '@sallyport/policy';
import { nearest } from '../nearest.ts';
import type { PolicyDocument, SettingsDocument } from './documents.ts';
import { didYouMean } from './hints.ts';
import { ruleKinds } from './names.ts';
import type { Complain } from './references.ts';

/**
 * Says what is wrong with the known ways out: each has a name of its own, and networks or autonomous
 * systems that no other has too.
 */
export function checkEgress({ network }: SettingsDocument['spec'], complain: Complain): void {
  const names = new Set<string>();
  const owners = new Map<string | number, string>();
  for (const [index, { name, networks, asns }] of (network?.egress ?? []).entries()) {
    const at = `/spec/network/egress/${index}`;
    if (names.has(name)) complain(`${at}/name`, `another way out is named ${name}`);
    names.add(name);
    if (networks === undefined && asns === undefined) {
      complain(at, 'needs networks or asns: by them it is known');
    }
    const once = (key: string | number, path: string): void => {
      const owner = owners.get(key);
      if (owner !== undefined && owner !== name) complain(path, `is one of ${owner} already`);
      owners.set(key, name);
    };
    for (const [entry, text] of (networks ?? []).entries()) {
      const path = `${at}/networks/${entry}`;
      const read = parseNetwork(text);
      if (read !== null) once(`${read.words.join()}/${read.family}/${read.prefix}`, path);
      else complain(path, 'must be a network such as 10.0.0.0/8, without bits beyond its length');
    }
    for (const [entry, asn] of (asns ?? []).entries()) once(asn, `${at}/asns/${entry}`);
  }
}

/** Names of ways out in conditions are those of the settings. */
export function checkEgressNames(
  { spec }: PolicyDocument,
  known: ReadonlySet<string>,
  complain: Complain,
): void {
  for (const list of [...ruleKinds, 'conditions'] as const) {
    for (const [index, { egress = [] }] of (spec[list] ?? []).entries()) {
      for (const [entry, name] of egress.entries()) {
        if (known.has(name)) continue;
        const hint = didYouMean(nearest(name, [...known]));
        complain(
          `/spec/${list}/${index}/egress/${entry}`,
          `there is no way out named ${name} in the settings (network.egress)${hint}`,
        );
      }
    }
  }
}
