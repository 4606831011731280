import type { EndorsedPurpose } from '@sallyport/shared/keys/root';
import { index, integer, pgTable, text } from 'drizzle-orm/pg-core';
import { bytea, count, instant } from './columns.ts';

/** One row: what `sallyport init` decided for good. */
export const installation = pgTable('installation', {
  id: integer('id').primaryKey(),
  trustDomain: text('trust_domain').notNull(),
  /** Raw Ed25519 public key, 32 bytes. The private half is kept offline. */
  rootPublicKey: bytea('root_public_key').notNull(),
  createdAtMs: instant('created_at_ms').notNull(),
});

export type AuthorityPurpose = 'edge-ca' | 'upstream-ca' | 'device-ca' | 'admin-ca';
export type KeyPurpose = EndorsedPurpose | AuthorityPurpose;

/** Keys of the control plane. Private halves are sealed under the key file (shared/seal.ts). */
export const signingKeys = pgTable(
  'signing_keys',
  {
    keyId: text('key_id').primaryKey(),
    purpose: text('purpose').$type<KeyPurpose>().notNull(),
    /** Raw Ed25519 key for endorsed keys, SPKI DER for authorities. */
    publicKey: bytea('public_key').notNull(),
    /** PKCS#8 PEM, sealed with the context `signing-key:<key id>`. */
    sealedPrivateKey: bytea('sealed_private_key').notNull(),
    /** Authorities only. */
    certificatePem: text('certificate_pem'),
    /** All but authorities: what the root key says of them (shared/keys/root.ts). */
    rootSignature: bytea('root_signature'),
    notBeforeMs: instant('not_before_ms').notNull(),
    notAfterMs: instant('not_after_ms').notNull(),
    createdAtMs: instant('created_at_ms').notNull(),
    /** Endorsed keys only: nothing signs with it any more, and edges refuse it. */
    withdrawnAtMs: instant('withdrawn_at_ms'),
  },
  (table) => [index('signing_keys_purpose').on(table.purpose, table.notAfterMs)],
);

/** Key pairs that wait for the root key's endorsement. One that is used or expired goes. */
export const keyProposals = pgTable(
  'key_proposals',
  {
    keyId: text('key_id').primaryKey(),
    purpose: text('purpose').$type<EndorsedPurpose>().notNull(),
    publicKey: bytea('public_key').notNull(),
    /** As in `signing_keys`. */
    sealedPrivateKey: bytea('sealed_private_key').notNull(),
    notBeforeMs: instant('not_before_ms').notNull(),
    notAfterMs: instant('not_after_ms').notNull(),
    proposedBy: text('proposed_by').notNull(),
    expiresAtMs: instant('expires_at_ms').notNull(),
  },
  (table) => [index('key_proposals_expiry').on(table.expiresAtMs)],
);

/**
 * Who may have the value: edges fetch theirs by unary RPC, those of the control plane (client
 * secrets of identity providers) never leave it and are not in the state either.
 */
export type SecretHolder = 'edge' | 'control-plane';

export const secrets = pgTable('secrets', {
  id: text('id').primaryKey(),
  holder: text('holder').$type<SecretHolder>().notNull(),
  version: count('version').notNull(),
  /** Sealed with the context `secret:<id>:<version>`. */
  sealedValue: bytea('sealed_value').notNull(),
  /** Of the value. */
  sha256: bytea('sha256').notNull(),
  createdAtMs: instant('created_at_ms').notNull(),
  updatedAtMs: instant('updated_at_ms').notNull(),
});
