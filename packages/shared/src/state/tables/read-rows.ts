import { headWords, placeMask } from './index-search.ts';
import type { RowOp } from './lane.ts';
import { rowKind } from './rows/kinds.ts';
import type { Shard } from './shard.ts';

/** The shard's rows as the ops that put them, in the order of the index. */
export function* readRows<Name extends RowOp['op']>(
  shard: Shard,
  name: Name | undefined,
): Generator<Extract<RowOp, { readonly op: Name }>> {
  for (let slot = 0; slot < shard.slots; slot += 1) {
    const place = (shard.words[headWords + slot] as number) & placeMask;
    const row = place === 0 ? null : rowKind(shard.words[place] as number);
    if (row === null || (name !== undefined && row.op !== name)) continue;
    yield row.read(shard, place) as Extract<RowOp, { readonly op: Name }>;
  }
}
