import { createPublicKey } from 'node:crypto';
import { sessionStatementPurpose } from '@sallyport/shared/keys/root';
import type { ConfigOp, EdgeKeys, PutBundle, SigningKey } from '@sallyport/shared/state/model';
import type { JWK } from 'jose';
import { buildLiveBundle } from '../3-index/live-bundle.ts';
import { bundlesKept, Shelf } from '../3-index/shelf.ts';
import type { LiveBundle, StatementKey } from '../current.ts';
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
  /** Ring -> version. */
  readonly releases: Map<string, number>;
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
      table.bundles.put(op.version, holdBundle(table, op), new Set(table.releases.values()));
      return;
    case 'deleted_bundle':
      // As on the main thread: what is released stays.
      if (![...table.releases.values()].includes(op.version)) table.bundles.drop(op.version);
      return;
    case 'release':
      table.releases.set(op.ring, op.version);
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
  return { sha256: op.sha256, live: buildLiveBundle(op.version, op.documentsJson) };
}

/** The version that an edge of this ring decides by; null: there is no release for it. */
export function releasedVersion(
  releases: ReadonlyMap<string, number>,
  ring: string,
): number | null {
  return releases.get(ring) ?? releases.get('default') ?? null;
}

/** Public JWKs of one edge. Only the members of an EC public key pass. */
export function readJwks(op: EdgeKeys): readonly JWK[] {
  return op.assertionJwks.map((text) => {
    const { kty, crv, x, y, kid } = JSON.parse(text) as Record<string, unknown>;
    const members = { kty, crv, x, y, kid };
    if (
      kty !== 'EC' ||
      crv !== 'P-256' ||
      Object.values(members).some((v) => typeof v !== 'string')
    )
      throw new TypeError(`edge ${op.edgeId} has an assertion key that is not a P-256 public key`);
    return { ...members, alg: 'ES256', use: 'sig' } as JWK;
  });
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
