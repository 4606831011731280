import type { Position } from '@sallyport/shared/state/model';
import type { KeyedRows } from '@sallyport/shared/state/tables/keyed-rows';
import type { FrameProof } from '@sallyport/shared/sync/messages';
import { encodeProof } from './bytes.ts';
import type { DiskKeys } from './disk-keys.ts';
import { configPlace } from './load-small.ts';
import { SmallFile } from './small-file.ts';

/** The config lane on disk: few rows that change seldom, in one file. */
export class ConfigDisk {
  readonly file: SmallFile;
  readonly #rows: KeyedRows;
  readonly #found: Position | null;
  #position: Position | null;
  #sequence = 0;

  constructor(path: string, keys: DiskKeys, rows: KeyedRows, position: Position | null) {
    this.file = new SmallFile(path, configPlace, keys);
    this.#rows = rows;
    this.#found = position;
    this.#position = position;
  }

  /** What a restart would come back with. */
  get storedPosition(): Position | null {
    return this.file.written?.position ?? this.#found;
  }

  /** What is in memory. */
  get position(): Position | null {
    return this.#position;
  }

  /** Whether the file brings back what is in memory. */
  get whole(): boolean {
    return this.#position !== null && !this.file.dirty;
  }

  /** The rows, or the position, are other ones now. */
  changed(position: Position, proof: FrameProof | null): void {
    this.#position = position;
    this.file.put(() => {
      this.#sequence += 1;
      const body = [encodeProof(proof), this.#rows.encode()];
      return { position, sequence: this.#sequence, body };
    });
  }
}
