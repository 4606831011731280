import { configRowKey, opsFromBytes } from '@sallyport/proto';
import type { ConfigOp, SigningKey } from '@sallyport/shared/state/model';
import type { KeyedRows } from '@sallyport/shared/state/tables/keyed-rows';

const prefix = configRowKey({ op: 'deleted_signing_key', keyId: '' });

/** The signing keys in the rows that these ops take out. */
export function keysGone(rows: KeyedRows, ops: readonly ConfigOp[]): SigningKey[] {
  return ops.flatMap((op) => {
    const bytes = op.op === 'deleted_signing_key' ? rows.get(configRowKey(op)) : null;
    return bytes === null ? [] : readKey(bytes);
  });
}

/** The signing keys in the rows that a whole state does not have. */
export function keysMissing(rows: KeyedRows, state: readonly ConfigOp[]): SigningKey[] {
  const kept = new Set(state.map(configRowKey));
  const gone = [...rows.entries()].filter(([key]) => key.startsWith(prefix) && !kept.has(key));
  return gone.flatMap(([, bytes]) => readKey(bytes));
}

/** With bytes of their own: the row's may be used again. */
function readKey(bytes: Uint8Array): SigningKey[] {
  return opsFromBytes(Uint8Array.from(bytes)).filter((op) => op.op === 'signing_key');
}
