import { encodeCarried } from './carried-ops.ts';
import type { DiskKeys } from './disk-keys.ts';
import { carriedPlace, type LoadedCarried } from './load-small.ts';
import type { CarriedOps } from './loaded-state.ts';
import { SmallFile } from './small-file.ts';

const nowhere = { epoch: 0, rev: 0 };

/** Denials that hold without being part of the lane's state, in one file that is numbered. */
export class CarriedDisk {
  readonly file: SmallFile;
  #ops: CarriedOps;
  #sequence: number;
  /** What was carried before is lost: the lane counts again when this has been written anew. */
  #lost: boolean;

  constructor(path: string, keys: DiskKeys, found: LoadedCarried) {
    this.file = new SmallFile(path, carriedPlace, keys);
    this.#ops = found.ops;
    this.#sequence = found.sequence;
    this.#lost = !found.complete;
  }

  /** Of what was put last. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Of what is on disk; 0: nothing was put since the start. */
  get sequenceWritten(): number {
    return this.file.written?.sequence ?? 0;
  }

  /** All that is carried now. */
  put(ops: CarriedOps): void {
    this.#ops = ops;
    this.#lost = false;
    this.#sequence += 1;
    const sequence = this.#sequence;
    this.file.put(async () => {
      return { position: nowhere, sequence, body: await encodeCarried(ops) };
    });
  }

  /** The lane's whole state has come, which stands without what was lost. */
  putWhatIsLeft(): void {
    if (this.#lost) this.put(this.#ops);
  }
}
