import type { webcrypto } from 'node:crypto';
import { SallyportError } from '@sallyport/shared/errors';
import { signingKeyFromPem, verificationKeyFromRaw } from '@sallyport/shared/keys/ed25519';
import { sessionStatementPurpose } from '@sallyport/shared/keys/root';
import { Lru } from '@sallyport/shared/lru';
import { open, type SealKey } from '@sallyport/shared/seal';
import { type SessionStatement, verifyStatement } from '@sallyport/shared/session/statement';
import { type Database, read } from '../store/database.ts';
import { findCurrentKey, findKeys, signingKeyContext } from '../store/keys.ts';

export interface StatementSigner {
  readonly keyId: string;
  readonly key: webcrypto.CryptoKey;
}

export interface StatementKeys {
  /** The key to sign with now. */
  signer(nowMs: number): Promise<StatementSigner>;
  /** Finds the key by which a statement is verified; null for one that is not live. */
  verifiers(nowMs: number): Promise<(keyId: string) => webcrypto.CryptoKey | null>;
}

/** The keys of session statements. Private halves are opened once and kept as key objects. */
export function createStatementKeys(database: Database, sealKey: SealKey): StatementKeys {
  const opened = new Lru<string, webcrypto.CryptoKey>({ sizeMax: 8 });
  return {
    async signer(nowMs) {
      const row = await read(database, (db) => findCurrentKey(db, sessionStatementPurpose, nowMs));
      if (row === null) throw new SallyportError('internal', 'there is no session statement key');
      const { keyId, sealedPrivateKey } = row;
      let key = opened.get(keyId);
      if (key === undefined) {
        const pem = open(sealKey, sealedPrivateKey, signingKeyContext(keyId));
        key = signingKeyFromPem(Buffer.from(pem).toString('utf8'));
        opened.set(keyId, key);
      }
      return { keyId, key };
    },
    async verifiers(nowMs) {
      const rows = await read(database, (db) => findKeys(db, sessionStatementPurpose, nowMs));
      const keys = new Map(
        rows
          .filter((row) => row.notBeforeMs <= nowMs)
          .map((row) => [row.keyId, verificationKeyFromRaw(row.publicKey)]),
      );
      return (keyId) => keys.get(keyId) ?? null;
    },
  };
}

const statementCharactersMax = 4_096;

/** A statement that somebody sent, where its signature and time are right; else what is wrong. */
export async function readStatement(
  keys: StatementKeys,
  jws: string,
  nowMs: number,
): Promise<SessionStatement | 'invalid' | 'expired'> {
  if (jws.length > statementCharactersMax) return 'invalid';
  return verifyStatement(jws, await keys.verifiers(nowMs), nowMs);
}
