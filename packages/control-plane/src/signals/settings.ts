import { durationMs } from '@sallyport/policy';
import { type DetectorSettings, detectorSettings } from '@sallyport/shared/signals/settings';
import { liveVersion, readDocumentsOf } from '../store/configuration.ts';
import type { Executor } from '../store/database.ts';

/** What the live configuration says of detectors. */
export interface LiveSettings {
  readonly detectors: DetectorSettings;
  /** How long a dismissed finding is not raised again. */
  readonly dismissalsLastMs: number;
}

const dismissalsLastDefaultMs = 30 * 86_400_000;

/** Reads them; what a version says never changes, so the live one is kept. */
export class SignalSettings {
  #version: number | null = null;
  #kept: LiveSettings = settingsOf(undefined);

  async live(db: Executor): Promise<LiveSettings> {
    const version = await liveVersion(db);
    if (version === this.#version) return this.#kept;
    const documents = version === null ? [] : await readDocumentsOf(db, version);
    const spec = documents.find((document) => document.kind === 'Settings')?.spec;
    const read = settingsOf(spec?.signals);
    this.#version = version;
    this.#kept = read;
    return read;
  }
}

function settingsOf(written: Parameters<typeof detectorSettings>[0]): LiveSettings {
  const last = written?.dismissalsLast === undefined ? null : durationMs(written.dismissalsLast);
  return {
    detectors: detectorSettings(written),
    dismissalsLastMs: last ?? dismissalsLastDefaultMs,
  };
}
