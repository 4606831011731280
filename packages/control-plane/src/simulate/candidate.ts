import { type CompiledPolicySet, compile } from '@sallyport/policy';
import {
  apiVersion,
  builtInDeviceBundle,
  type ConfigurationDocument,
  type TrustBundleDocument,
} from '@sallyport/shared/configuration/documents';
import { parseDocuments } from '@sallyport/shared/configuration/parse';
import { nameOf, setRefusal, toPolicySet } from '@sallyport/shared/configuration/set';
import { type FieldProblem, SallyportError } from '@sallyport/shared/errors';
import { liveVersion, readLiveDocuments } from '../store/configuration.ts';
import type { Executor } from '../store/database.ts';
import type { PolicyVersions } from './versions.ts';

/** What is to be tried out: a version, documents over the live set, or, with nothing, the live set. */
export interface GivenCandidate {
  readonly version?: number;
  readonly yaml?: string;
  readonly documents?: readonly ConfigurationDocument[];
  /** Of the live set, keep nothing but what is given. */
  readonly prune?: boolean;
}

export interface Candidate {
  /** null: documents that are no version yet. */
  readonly version: number | null;
  readonly policies: CompiledPolicySet;
}

/** Compiles what is to be tried out. null: there is no such version, or nothing is live. */
export async function candidateOf(
  db: Executor,
  versions: PolicyVersions,
  given: GivenCandidate,
): Promise<Candidate | null> {
  if (given.yaml === undefined && given.documents === undefined) {
    const version = given.version ?? (await liveVersion(db));
    return version === null ? null : versions.find(db, version);
  }
  const documents = nextDocuments(await readLiveDocuments(db), readGiven(given), given.prune);
  // Its tests may fail: this is where one finds out why.
  const refusal = setRefusal(documents, { builtIn, tests: false });
  if (refusal !== null) throw invalid(refusal.problems);
  return { version: null, policies: compile(toPolicySet(0, documents)) };
}

function readGiven({ yaml, documents = [] }: GivenCandidate): readonly ConfigurationDocument[] {
  if (yaml === undefined) return documents;
  const parsed = parseDocuments(yaml, 'yaml');
  if (parsed.problems.length > 0) throw invalid(parsed.problems);
  return parsed.documents;
}

/** What every set may name; what it holds decides nothing. */
const builtIn: readonly TrustBundleDocument[] = [
  {
    apiVersion,
    kind: 'TrustBundle',
    metadata: { name: builtInDeviceBundle },
    spec: { use: ['device'], certificates: '' },
  },
];

/** A document that is given twice stays twice, and is refused for it. */
function nextDocuments(
  live: readonly ConfigurationDocument[],
  given: readonly ConfigurationDocument[],
  prune = false,
): readonly ConfigurationDocument[] {
  const replaced = new Set(given.map(nameOf));
  return [...(prune ? [] : live.filter((document) => !replaced.has(nameOf(document)))), ...given];
}

function invalid(problems: readonly FieldProblem[]): SallyportError {
  const detail = 'the candidate is no valid configuration';
  return new SallyportError('invalid_configuration', detail, { problems });
}
