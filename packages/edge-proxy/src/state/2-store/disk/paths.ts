import { join } from 'node:path';
import type { Lane } from '@sallyport/shared/state/model';
import type { RowLane } from '@sallyport/shared/state/tables/lane';
import { temporaryEnd } from './files.ts';

/** Where everything is, under `state/` in the edge's home. */
export class DiskPaths {
  readonly root: string;

  constructor(home: string) {
    this.root = join(home, 'state');
  }

  get marks(): string {
    return join(this.root, 'marks');
  }

  small(name: 'config' | 'keys' | 'carried'): string {
    return join(this.root, name);
  }

  lane(lane: RowLane): LanePaths {
    return new LanePaths(join(this.root, lane), lane);
  }
}

const shardName = /^(\d{1,3})-(\d{1,15})\.shard$/;
const journalName = /^(\d{1,15})\.journal$/;

/** What a name in a lane's directory says; null: the file is not one of ours. */
export type LaneFileName =
  | { readonly kind: 'shard'; readonly shard: number; readonly sequence: number }
  | { readonly kind: 'journal'; readonly sequence: number }
  | { readonly kind: 'index' | 'unfinished' };

export class LanePaths {
  readonly directory: string;
  readonly lane: Lane;

  constructor(directory: string, lane: RowLane) {
    this.directory = directory;
    this.lane = lane;
  }

  get index(): string {
    return join(this.directory, 'index');
  }

  shard(shard: number, sequence: number): string {
    return join(this.directory, `${shard}-${sequence}.shard`);
  }

  journal(sequence: number): string {
    return join(this.directory, `${sequence}.journal`);
  }

  parse(name: string): LaneFileName | null {
    if (name === 'index') return { kind: 'index' };
    if (name.endsWith(temporaryEnd)) return { kind: 'unfinished' };
    const shard = shardName.exec(name);
    if (shard !== null) {
      return { kind: 'shard', shard: Number(shard[1]), sequence: Number(shard[2]) };
    }
    const journal = journalName.exec(name);
    return journal === null ? null : { kind: 'journal', sequence: Number(journal[1]) };
  }
}
