import { stat } from 'node:fs/promises';
import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import { loadInThread } from './load.ts';
import type {
  FileStamp,
  LoadedFile,
  PlaceKind,
  PlaceSource,
  RefusalCode,
  SharedPlaces,
} from './place-file.ts';

export interface PlaceKeeperOptions {
  readonly sources: readonly PlaceSource[];
  /** Called with all data whenever some of it has changed. */
  readonly onPlaces: (places: SharedPlaces) => void;
  readonly log: Log;
  readonly clock: Clock;
}

/** How the files of one kind stand. */
export interface PlaceStatus {
  /** Files that the settings name. */
  readonly configured: number;
  /** Those of them that lookups use. */
  readonly loaded: number;
  /** Those that lookups use as they are on the disk; the others are the last good ones. */
  readonly current: number;
  /** Since the data was made, of the oldest file that is used; null: none is. */
  readonly ageMs: number | null;
  readonly bytes: number;
  /** Attempts that came to nothing, by code. */
  readonly refused: Readonly<Partial<Record<RefusalCode, number>>>;
}

const lookEveryMs = 60_000;

interface Held {
  readonly source: PlaceSource;
  /** What was last tried; null: nothing yet. */
  tried: FileStamp | null;
  isCurrent: boolean;
  good: Extract<LoadedFile, { readonly ok: true }> | null;
}

/**
 * The files of places, on the main thread: loads them, looks whether they have changed, and keeps the
 * last good one where the new one cannot be used. A file that was refused is tried again only when
 * it has changed.
 */
export class PlaceKeeper {
  readonly #options: PlaceKeeperOptions;
  readonly #held: readonly Held[];
  readonly #refused: Record<PlaceKind, Partial<Record<RefusalCode, number>>> = {
    city: {},
    asn: {},
  };
  readonly #stopping = new AbortController();
  #started = false;
  #timer: NodeJS.Timeout | null = null;
  /** One look after the other. */
  #last: Promise<void> = Promise.resolve();

  constructor(options: PlaceKeeperOptions) {
    this.#options = options;
    this.#held = options.sources.map((source) => ({
      source,
      tried: null,
      isCurrent: false,
      good: null,
    }));
  }

  /** Loads the files, and looks at them again from time to time. Once is enough. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    if (this.#held.length === 0) {
      this.#options.log.info('places.none');
      return;
    }
    void this.look();
    this.#timer = setInterval(() => void this.look(), lookEveryMs);
    this.#timer.unref();
  }

  /** Looks at once; resolves when what has changed is loaded or refused. Never rejects. */
  look(): Promise<void> {
    this.#last = this.#last
      .then(() => this.#look())
      .catch((error: unknown) => this.#options.log.error('places.look_failed', { error }));
    return this.#last;
  }

  /** Ends what is being loaded. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#stopping.abort();
    await this.#last;
  }

  status(kind: PlaceKind): PlaceStatus {
    const held = this.#held.filter(({ source }) => source.kind === kind);
    const good = held.flatMap((one) => (one.good === null ? [] : [one.good]));
    const oldestMs = Math.min(...good.map(({ builtAtMs }) => builtAtMs));
    return {
      configured: held.length,
      loaded: good.length,
      current: held.filter(({ isCurrent }) => isCurrent).length,
      ageMs: good.length === 0 ? null : Math.max(0, this.#options.clock() - oldestMs),
      bytes: good.reduce((sum, { bytes }) => sum + bytes.byteLength, 0),
      refused: this.#refused[kind],
    };
  }

  async #look(): Promise<void> {
    let changed = false;
    for (const held of this.#held) {
      if (this.#stopping.signal.aborted) return;
      const stamp = await stampOf(held.source.path);
      if (stamp === held.tried) continue;
      held.tried = stamp;
      const { path, kind } = held.source;
      const loaded = await loadInThread(path, kind, this.#stopping.signal);
      if (this.#stopping.signal.aborted) return;
      changed = this.#take(held, loaded) || changed;
    }
    if (changed) this.#options.onPlaces(this.#shared());
  }

  /** Whether lookups have another file now. */
  #take(held: Held, loaded: LoadedFile): boolean {
    const { log } = this.#options;
    const { path, kind } = held.source;
    held.isCurrent = loaded.ok;
    if (loaded.ok) {
      held.good = loaded;
      const builtAt = new Date(loaded.builtAtMs).toISOString();
      const { databaseType, bytes } = loaded;
      log.info('places.loaded', { kind, path, builtAt, databaseType, bytes: bytes.byteLength });
      return true;
    }
    const { code, detail } = loaded;
    this.#refused[kind][code] = (this.#refused[kind][code] ?? 0) + 1;
    // It is being written: that it is there again unchanged says nothing of what was read.
    if (code === 'changing') held.tried = null;
    log.error('places.refused', { kind, path, code, detail, lastGood: held.good !== null });
    return false;
  }

  #shared(): SharedPlaces {
    const of = (kind: PlaceKind) =>
      this.#held.flatMap(({ source, good }) =>
        source.kind === kind && good !== null ? [{ bytes: good.bytes }] : [],
      );
    return { city: of('city'), asn: of('asn') };
  }
}

async function stampOf(path: string): Promise<FileStamp> {
  try {
    const { dev, ino, size, mtimeMs } = await stat(path);
    return `${dev} ${ino} ${size} ${mtimeMs}`;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
}
