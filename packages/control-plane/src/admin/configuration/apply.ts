import { encodeBundle, sha256 } from '@sallyport/shared/configuration/bundle';
import {
  apiVersion,
  builtInDeviceBundle,
  type ConfigurationDocument,
  type TrustBundleDocument,
} from '@sallyport/shared/configuration/documents';
import { parseDocuments } from '@sallyport/shared/configuration/parse';
import { checkSet, nameOf } from '@sallyport/shared/configuration/set';
import { type FieldProblem, SallyportError } from '@sallyport/shared/errors';
import type { Static } from 'typebox';
import {
  bundleOp,
  holdConfiguration,
  insertVersion,
  newestVersion,
  putRelease,
  readLiveDocuments,
  versionsInLane,
} from '../../store/configuration.ts';
import type { Executor } from '../../store/database.ts';
import { findKeys } from '../../store/keys.ts';
import type { DocumentChange } from '../../store/schema/index.ts';
import { findSecretsOf } from '../../store/secrets.ts';
import type { WriteTx } from '../../store/write.ts';
import { badField, contradiction } from '../http/problems.ts';
import { nextSet, type SetChange } from './next-set.ts';
import type { NewConfiguration } from './schemas.ts';

/** Every edge follows this ring until there are others. */
const defaultRing = 'default';

/** A set that may become a version. */
export interface CheckedSet {
  readonly version: number;
  readonly documents: readonly ConfigurationDocument[];
  readonly changes: readonly DocumentChange[];
  /** As it goes out, with what we add. */
  readonly bundle: Uint8Array;
}

/** What a request changes. Throws with all that is wrong in its documents. */
export function readChange(given: Static<typeof NewConfiguration>): SetChange {
  const { documents, yaml, delete: deleted = [], prune = false } = given;
  if (documents !== undefined && yaml !== undefined) {
    throw contradiction('/yaml', 'give either `documents` or `yaml`');
  }
  if (documents === undefined && yaml === undefined && deleted.length === 0) {
    throw badField('/documents', 'is missing; there is nothing to apply');
  }
  if (yaml === undefined) return { given: documents ?? [], deleted, prune };
  const parsed = parseDocuments(yaml, 'yaml');
  if (parsed.problems.length > 0) throw invalid(parsed.problems);
  if (parsed.documents.length === 0) throw badField('/yaml', 'holds no documents');
  return { given: parsed.documents, deleted, prune };
}

/**
 * Makes the set that follows the live one and checks it whole, with the code that edges run: cross
 * references, compilation, size. Under `holdConfiguration` where it is to be published.
 */
export async function checkChange(
  db: Executor,
  change: SetChange,
  nowMs: number,
): Promise<CheckedSet> {
  const next = nextSet(await readLiveDocuments(db), change);
  if ('problems' in next) throw invalid(next.problems);
  const builtIn = [await deviceBundle(db, nowMs)];
  const problems = [
    ...checkSet(next.documents, { builtIn }),
    ...(await secretProblems(db, next.documents)),
  ];
  if (problems.length > 0) throw invalid(problems);
  return {
    version: (await newestVersion(db)) + (next.changes.length > 0 ? 1 : 0),
    ...next,
    bundle: encodeBundle([...next.documents, ...builtIn]),
  };
}

/**
 * Makes the next version of the configuration and releases it, whole. Where nothing changes there
 * is no new version.
 */
export async function publish(
  tx: WriteTx,
  change: SetChange,
  author: string,
  message: string,
): Promise<CheckedSet> {
  await holdConfiguration(tx.db);
  const checked = await checkChange(tx.db, change, tx.nowMs);
  const { version, documents, changes, bundle } = checked;
  tx.describe(String(version), { message, changes: changes.slice(0, 100) });
  if (changes.length === 0) return checked;
  const bundleSha256 = sha256(bundle);
  const row = { version, author, message, changes, bundle, bundleSha256, createdAtMs: tx.nowMs };
  const before = await versionsInLane(tx.db);
  await insertVersion(tx.db, row, documents);
  await putRelease(tx.db, defaultRing, version, tx.nowMs);
  const kept = await versionsInLane(tx.db);
  tx.emit(
    'config',
    bundleOp(version, bundleSha256, bundle),
    { op: 'release', ring: defaultRing, version },
    ...before
      .filter((old) => !kept.includes(old))
      .map((old) => ({ op: 'deleted_bundle', version: old }) as const),
  );
  return checked;
}

/** Our own device authorities, which every set trusts. */
async function deviceBundle(db: Executor, nowMs: number): Promise<TrustBundleDocument> {
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

async function secretProblems(
  db: Executor,
  documents: readonly ConfigurationDocument[],
): Promise<FieldProblem[]> {
  const providers = documents.filter((document) => document.kind === 'IdentityProvider');
  const names = providers.map(({ spec }) => spec.clientSecret);
  const found = await findSecretsOf(db, 'control-plane', names);
  return providers
    .filter(({ spec }) => !found.some((secret) => secret.id === spec.clientSecret))
    .map((provider) => ({
      field: `${nameOf(provider)} /spec/clientSecret`,
      message: `there is no secret named ${provider.spec.clientSecret}; store it first`,
    }));
}

function invalid(problems: readonly FieldProblem[]): SallyportError {
  const detail = 'the configuration was not applied';
  return new SallyportError('invalid_configuration', detail, { problems });
}
