import { type CompiledPolicySet, compile } from '@sallyport/policy';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { toPolicySet } from '@sallyport/shared/configuration/set';
import { Lru } from '@sallyport/shared/lru';
import { findVersionSummary, readDocumentsOf } from '../store/configuration.ts';
import type { Executor } from '../store/database.ts';

/** A configuration version, read and compiled. */
export interface PolicyVersion {
  readonly version: number;
  readonly documents: readonly ConfigurationDocument[];
  readonly policies: CompiledPolicySet;
}

/** Questions are asked in bunches, and of few versions. */
const versionsKept = 4;

/** The versions that were asked about last; what a version says never changes. */
export class PolicyVersions {
  readonly #kept = new Lru<number, PolicyVersion>({ sizeMax: versionsKept });

  /** null: this database has no such version. */
  async find(db: Executor, version: number): Promise<PolicyVersion | null> {
    const kept = this.#kept.get(version);
    if (kept !== undefined) return kept;
    if ((await findVersionSummary(db, version)) === null) return null;
    const documents = await readDocumentsOf(db, version);
    const made = { version, documents, policies: compile(toPolicySet(version, documents)) };
    this.#kept.set(version, made);
    return made;
  }
}
