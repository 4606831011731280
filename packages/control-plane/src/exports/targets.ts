import type { Network } from '@sallyport/policy';
import type {
  ConfigurationDocument,
  SettingsDocument,
} from '@sallyport/shared/configuration/documents';
import { internalNetworks } from '@sallyport/shared/configuration/set';
import { liveVersion, readDocumentsOf, readLiveDocuments } from '../store/configuration.ts';
import type { Executor } from '../store/database.ts';

type Settings = SettingsDocument['spec'];
export type ExportSettings = NonNullable<Settings['exports']>[number];
export type WebhookSettings = NonNullable<Settings['webhooks']>[number];

/** An entry of the settings, and what it needs of other documents. */
export interface Target<Entry> {
  readonly entry: Entry;
  /** PEM; null: the system's authorities. */
  readonly authorities: string | null;
  readonly internal: readonly Network[];
  /** The same text, the same target. */
  readonly fingerprint: string;
}

/** What the live configuration says of where things go. */
export interface Targets {
  readonly exports: readonly Target<ExportSettings>[];
  readonly webhooks: readonly Target<WebhookSettings>[];
}

/** What the live version says now. */
export async function readTargets(db: Executor): Promise<Targets> {
  return targetsOf(await readLiveDocuments(db));
}

/** Makes a reader that keeps what the live version says. */
export function createTargetsReader(): (db: Executor) => Promise<Targets> {
  let kept: { readonly version: number | null; readonly targets: Targets } | null = null;
  return async (db) => {
    const version = await liveVersion(db);
    if (kept === null || kept.version !== version) {
      const documents = version === null ? [] : await readDocumentsOf(db, version);
      kept = { version, targets: targetsOf(documents) };
    }
    return kept.targets;
  };
}

function targetsOf(documents: readonly ConfigurationDocument[]): Targets {
  const settings = documents.find((document) => document.kind === 'Settings')?.spec;
  const bundles = new Map(
    documents
      .filter((document) => document.kind === 'TrustBundle')
      .map(({ metadata, spec }) => [metadata.name, spec.certificates]),
  );
  const target = <Entry>(entry: Entry, bundle: string | undefined): Target<Entry> => {
    const authorities = bundle === undefined ? null : bundles.get(bundle);
    // The set was checked; the system's authorities must not take the place of a bundle.
    if (authorities === undefined) throw new Error(`there is no trust bundle ${bundle}`);
    const networks = settings?.network?.internal ?? [];
    return {
      entry,
      authorities,
      internal: internalNetworks(documents),
      fingerprint: JSON.stringify([entry, authorities, networks]),
    };
  };
  return {
    exports: (settings?.exports ?? []).map((entry) =>
      target(entry, entry.syslog?.trustBundle ?? entry.otlp?.trustBundle),
    ),
    webhooks: (settings?.webhooks ?? []).map((entry) => target(entry, entry.trustBundle)),
  };
}
