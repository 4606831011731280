import { encodeBundle } from '@sallyport/shared/configuration/bundle';
import {
  apiVersion,
  builtInDeviceBundle,
  type ConfigurationDocument,
  type TrustBundleDocument,
} from '@sallyport/shared/configuration/documents';
import { setRefusal } from '@sallyport/shared/configuration/set';
import { type FieldProblem, SallyportError } from '@sallyport/shared/errors';
import { liveVersion, readDocumentsOf } from '../../store/configuration.ts';
import type { Executor } from '../../store/database.ts';
import { findKeys } from '../../store/keys.ts';
import { defaultRing } from '../../store/releases.ts';
import type { DocumentChange } from '../../store/schema/index.ts';
import { findSecretsOf } from '../../store/secrets.ts';
import { namedSecrets } from './named-secrets.ts';
import { nextSet, type SetChange } from './next-set.ts';

/** A set that may become a version. */
export interface CheckedSet {
  /** The live version and its documents, which it was made from; null: there is none. */
  readonly live: number | null;
  readonly liveDocuments: readonly ConfigurationDocument[];
  readonly documents: readonly ConfigurationDocument[];
  /** None: it is the live set already. */
  readonly changes: readonly DocumentChange[];
  /** As it goes out, with what we add. */
  readonly bundle: Uint8Array;
}

/**
 * Makes the set that follows the live one and checks it whole, with the code that edges run and with
 * its own tests. `sound`: a bundle that was checked so already. Under `holdConfiguration` where it is
 * to be published.
 */
export async function checkChange(
  db: Executor,
  change: SetChange,
  nowMs: number,
  sound: Uint8Array | null = null,
): Promise<CheckedSet> {
  const live = await liveVersion(db);
  const liveDocuments = live === null ? [] : await readDocumentsOf(db, live);
  const next = nextSet(liveDocuments, change);
  if ('problems' in next) throw refused('invalid_configuration', next.problems);
  const builtIn = [await deviceBundle(db, nowMs)];
  const bundle = encodeBundle([...next.documents, ...builtIn]);
  if (sound === null || Buffer.compare(sound, bundle) !== 0) {
    const refusal = setRefusal(next.documents, { builtIn });
    if (refusal !== null) throw refused(refusal.code, refusal.problems);
  }
  const problems = [...(await secretProblems(db, next.documents)), ...ringProblems(next.documents)];
  if (problems.length > 0) throw refused('invalid_configuration', problems);
  return { live, liveDocuments, ...next, bundle };
}

/** Our own device authorities, which every set trusts. */
export async function deviceBundle(db: Executor, nowMs: number): Promise<TrustBundleDocument> {
  const authorities = await findKeys(db, 'device-ca', nowMs);
  return {
    apiVersion,
    kind: 'TrustBundle',
    metadata: { name: builtInDeviceBundle },
    spec: {
      use: ['device'],
      certificates: authorities.map((authority) => authority.certificatePem ?? '').join(''),
    },
  };
}

/** Throws where a document names a secret that is not there. */
export async function requireSecrets(
  db: Executor,
  documents: readonly ConfigurationDocument[],
): Promise<void> {
  const problems = await secretProblems(db, documents);
  if (problems.length > 0) throw refused('invalid_configuration', problems);
}

async function secretProblems(
  db: Executor,
  documents: readonly ConfigurationDocument[],
): Promise<FieldProblem[]> {
  const named = namedSecrets(documents);
  const found = await findSecretsOf(
    db,
    'control-plane',
    named.map(({ secret }) => secret),
  );
  return named
    .filter(({ secret }) => !found.some(({ id }) => id === secret))
    .map(({ field, secret }) => ({
      field,
      message: `there is no secret named ${secret}; store it first`,
    }));
}

/** Every ring has a name of its own, and `default` is what all other edges are in. */
function ringProblems(documents: readonly ConfigurationDocument[]): FieldProblem[] {
  const settings = documents.find((document) => document.kind === 'Settings');
  const names = (settings?.spec.rollout?.rings ?? []).map(({ name }) => name);
  return names.flatMap((name, index) => {
    const field = `Settings/default /spec/rollout/rings/${index}/name`;
    if (name === defaultRing) return [{ field, message: 'is that of all other edges' }];
    return names.indexOf(name) < index ? [{ field, message: `${name} is here twice` }] : [];
  });
}

function refused(
  code: 'invalid_configuration' | 'policy_tests_failed',
  problems: readonly FieldProblem[],
): SallyportError {
  return new SallyportError(code, 'the configuration was not applied', { problems });
}
