import { createPublicKey } from 'node:crypto';
import { readCheckedBundle } from '@sallyport/shared/configuration/checked-bundle';
import { sessionStatementPurpose } from '@sallyport/shared/keys/root';
import type { ConfigOp, PutBundle, Release, SigningKey } from '@sallyport/shared/state/model';
import type { JWK } from 'jose';
import { buildLiveBundle } from '../3-index/live-bundle.ts';
import { bundlesKept, Shelf } from '../3-index/shelf.ts';
import type { LiveBundle, StatementKey } from '../current.ts';
import { readJwks } from './edge-jwks.ts';
import { versionsInUse } from './releases.ts';
import type { SubjectSets } from './subjects.ts';

export interface HeldBundle {
  readonly sha256: Uint8Array;
  readonly live: LiveBundle;
}

/** Rows of the `config` lane as a worker holds them. The main thread has checked every op. */
export interface ConfigTable {
  readonly bundles: Shelf<HeldBundle>;
  /** What was compiled before a whole state came: the same version is not compiled again. */
  readonly before: Shelf<HeldBundle> | null;
  /** By ring. */
  readonly releases: Map<string, Release>;
  readonly edgeKeys: Map<string, readonly JWK[]>;
  readonly statementKeys: Map<string, StatementKey>;
}

export function createConfigTable(before: Shelf<HeldBundle> | null): ConfigTable {
  return {
    bundles: new Shelf(bundlesKept),
    before,
    releases: new Map(),
    edgeKeys: new Map(),
    statementKeys: new Map(),
  };
}

/**
 * Applies one op; a new bundle is compiled beside those that are live. Throws if the bundle does
 * not compile, which the main thread has ruled out before.
 */
export function applyConfigOp(table: ConfigTable, op: ConfigOp, changed: SubjectSets): void {
  switch (op.op) {
    case 'bundle':
      table.bundles.put(op.version, holdBundle(table, op), versionsInUse(table.releases));
      return;
    case 'deleted_bundle':
      // As on the main thread: what is released stays.
      if (!versionsInUse(table.releases).has(op.version)) table.bundles.drop(op.version);
      return;
    case 'release':
      table.releases.set(op.ring, op);
      return;
    case 'edge_keys':
      table.edgeKeys.set(op.edgeId, readJwks(op));
      return;
    case 'deleted_edge':
      table.edgeKeys.delete(op.edgeId);
      return;
    case 'signing_key':
      if (putSigningKey(table, op)) changed.everyone = true;
      return;
    case 'deleted_signing_key':
      if (table.statementKeys.delete(op.keyId)) changed.everyone = true;
      return;
    case 'secret_ref':
    case 'deleted_secret':
      // References; the main thread fetches the values.
      return;
  }
}

function holdBundle(table: ConfigTable, op: PutBundle): HeldBundle {
  const held = table.bundles.get(op.version) ?? table.before?.get(op.version) ?? null;
  if (held !== null && Buffer.compare(held.sha256, op.sha256) === 0) return held;
  const { documents } = readCheckedBundle(op.documentsJson);
  return { sha256: op.sha256, live: buildLiveBundle(op.version, documents) };
}

/** Returns whether a key was replaced or taken away, so that statements must be checked again. */
function putSigningKey(table: ConfigTable, op: SigningKey): boolean {
  if (op.purpose !== sessionStatementPurpose) return false;
  const replaced = table.statementKeys.has(op.keyId);
  const publicKey = createPublicKey({
    format: 'jwk',
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(op.publicKey).toString('base64url') },
  });
  table.statementKeys.set(op.keyId, {
    key: publicKey.toCryptoKey('Ed25519', true, ['verify']),
    notBeforeMs: op.notBeforeMs,
    notAfterMs: op.notAfterMs,
  });
  return replaced;
}
