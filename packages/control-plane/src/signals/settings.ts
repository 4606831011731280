import { durationMs } from '@sallyport/policy';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { type DetectorSettings, detectorSettings } from '@sallyport/shared/signals/settings';
import { liveVersion, readDocumentsOf } from '../store/configuration.ts';
import type { Executor } from '../store/database.ts';
import { type Redactions, redactionsOf } from './redact-evidence.ts';

/** What the live configuration says of detectors. */
export interface LiveSettings {
  readonly detectors: DetectorSettings;
  /** How long a dismissed finding is not raised again. */
  readonly dismissalsLastMs: number;
  /** What is left out of records, and so of what findings rest on. */
  readonly redactions: Redactions;
}

const dismissalsLastDefaultMs = 30 * 86_400_000;

/** Reads them; what a version says never changes, so the live one is kept. */
export class SignalSettings {
  #version: number | null = null;
  #kept: LiveSettings = settingsOf([]);

  async live(db: Executor): Promise<LiveSettings> {
    const version = await liveVersion(db);
    if (version === this.#version) return this.#kept;
    const documents = version === null ? [] : await readDocumentsOf(db, version);
    const read = settingsOf(documents);
    this.#version = version;
    this.#kept = read;
    return read;
  }
}

function settingsOf(documents: readonly ConfigurationDocument[]): LiveSettings {
  const settings = documents.find((document) => document.kind === 'Settings');
  const written = settings?.spec.signals;
  const last = written?.dismissalsLast === undefined ? null : durationMs(written.dismissalsLast);
  return {
    detectors: detectorSettings(written),
    dismissalsLastMs: last ?? dismissalsLastDefaultMs,
    redactions: redactionsOf(documents),
  };
}
