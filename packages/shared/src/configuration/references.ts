import type { Network } from '@sallyport/policy';
import type { HeaderLimits } from '../http/header-limits.ts';
import { nearest } from '../nearest.ts';
import type { Kind, TrustBundleDocument } from './documents.ts';
import { didYouMean } from './hints.ts';

/** What a document may refer to, and what is said where it is not there. */

export type Complain = (path: string, message: string) => void;

export interface Context {
  readonly bundles: ReadonlyMap<string, TrustBundleDocument>;
  readonly providers: ReadonlySet<string>;
  readonly internal: readonly Network[];
  /** Names of known ways out. */
  readonly egress: ReadonlySet<string>;
  /** Where users sign in; null where the settings are missing. */
  readonly signInHost: string | null;
  /** Of the settings. */
  readonly headerLimits: HeaderLimits;
}

/** Says where a trust bundle is not there, or is for something else. */
export function checkTrustBundle(
  name: string | undefined,
  use: TrustBundleDocument['spec']['use'][number],
  path: string,
  { bundles }: Context,
  complain: Complain,
): void {
  if (name === undefined) return;
  const bundle = bundles.get(name);
  if (bundle === undefined) complain(path, noSuch('TrustBundle', name, bundles.keys()));
  else if (!bundle.spec.use.includes(use)) complain(path, `TrustBundle ${name} is not for ${use}`);
}

export function noSuch(kind: Kind, name: string, known: Iterable<string>): string {
  return `there is no ${kind} named ${name}${didYouMean(nearest(name, [...known]))}`;
}
