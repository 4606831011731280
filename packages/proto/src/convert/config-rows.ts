import type { ConfigOp } from '@sallyport/shared/state/model';
import { opsToBytes } from './ops.ts';

/** Where the rows of the `config` lane are kept: the name of a row, and the bytes of its op. */
export interface ConfigRows {
  put(key: string, bytes: Uint8Array): void;
  delete(key: string): void;
}

/** The row that an op of the `config` lane is, or takes away. */
export function configRowKey(op: ConfigOp): string {
  switch (op.op) {
    case 'bundle':
    case 'deleted_bundle':
      return `bundle/${op.version}`;
    case 'release':
      return `release/${op.ring}`;
    case 'edge_keys':
    case 'deleted_edge':
      return `edge/${op.edgeId}`;
    case 'signing_key':
    case 'deleted_signing_key':
      return `signing-key/${op.keyId}`;
    case 'secret_ref':
    case 'deleted_secret':
      return `secret/${op.id}`;
  }
}

/** Changes the rows as the ops say. A row's bytes are its op's, encoded alone. */
export function applyConfigOps(rows: ConfigRows, ops: readonly ConfigOp[]): void {
  for (const op of ops) {
    const key = configRowKey(op);
    if (isDeletion(op)) rows.delete(key);
    else rows.put(key, opsToBytes([op]));
  }
}

function isDeletion({ op }: ConfigOp): boolean {
  return op.startsWith('deleted_');
}
