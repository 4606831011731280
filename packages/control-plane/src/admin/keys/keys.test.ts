import { createPrivateKey } from 'node:crypto';
import { newEd25519KeyPair } from '@sallyport/shared/keys/ed25519';
import {
  type EndorsedPurpose,
  endorsedPurposes,
  signKey,
  verifySigningKey,
} from '@sallyport/shared/keys/root';
import { beforeEach, describe, expect, test } from 'vitest';
import { readHead } from '../../store/change-log.ts';
import { loadSyncKeys } from '../../store/sync-keys.ts';
import { type Json, type TestAdmin, testAdmin } from '../../testing/admin.ts';
import { newestOps } from '../../testing/log-ops.ts';

let admin: TestAdmin;
beforeEach(async () => {
  admin = await testAdmin();
});

const dayMs = 86_400_000;

async function propose(purposes?: readonly EndorsedPurpose[]): Promise<Json[]> {
  const body = purposes === undefined ? {} : { purposes };
  const answer = await admin.send('POST', '/v1/keys:propose', { body });
  expect(answer.status).toBe(201);
  return answer.body.proposals;
}

/** What the command does with the root key, by another key where one is given. */
function endorsementOf(proposal: Json, rootPem = admin.rootKeyPem) {
  const { rootSignature } = signKey(
    {
      keyId: proposal.keyId,
      purpose: proposal.purpose,
      publicKey: new Uint8Array(Buffer.from(proposal.publicKey as string, 'base64url')),
      notBeforeMs: Date.parse(proposal.notBefore as string),
      notAfterMs: Date.parse(proposal.notAfter as string),
    },
    createPrivateKey(rootPem),
  );
  const keyId = proposal.keyId as string;
  return { keyId, rootSignature: Buffer.from(rootSignature).toString('base64url') };
}

async function endorse(...endorsements: Json[]) {
  return admin.send('POST', '/v1/keys:endorse', { body: { endorsements } });
}

describe('the signing keys', () => {
  test('are listed with what each one is for now, and how long they last', async () => {
    const { body } = await admin.send('GET', '/v1/keys');
    const states = (purpose: string): string[] =>
      body.items
        .filter((key: Json) => key.purpose === purpose)
        .map((key: Json) => key.state as string);
    expect(states('lane-revoke')).toEqual(['current', 'next']);
    expect(states('session-statement')).toEqual(['current']);
    expect(body.purposes).toHaveLength(endorsedPurposes.length);
    expect(body.purposes).toContainEqual({
      purpose: 'heartbeat',
      daysLeft: 44.9,
      rotateSoon: false,
    });
    expect(JSON.stringify(body)).not.toMatch(/private|sealed/i);
  });

  test('rotate: the control plane makes a pair, the root vouches for it, and edges are told', async () => {
    const [proposal] = await propose(['lane-config']);
    expect(await newestOps(admin.database, 'config')).not.toContainEqual(
      expect.objectContaining({ keyId: proposal.keyId }),
    );
    const answer = await endorse(endorsementOf(proposal));
    expect(answer).toMatchObject({ status: 200, body: { items: [{ keyId: proposal.keyId }] } });
    const [op] = await newestOps(admin.database, 'config');
    if (op?.op !== 'signing_key') throw new Error('no key was emitted');
    expect(verifySigningKey(op, admin.context.rootPublicKey)).toBe(true);
    const { database, context } = admin;
    const keys = await loadSyncKeys(database.db, context.sealKey, Date.now());
    expect(keys.map(({ key }) => key.keyId)).toContain(proposal.keyId);
  });

  test('take over half a life before the last one ends, each its own purpose', async () => {
    const [lane, statement] = await propose(['lane-revoke', 'session-statement']);
    const days = (instant: Json): number =>
      Math.round((Date.parse(instant as string) - Date.now()) / dayMs);
    expect([days(lane.notBefore), days(lane.notAfter)]).toEqual([30, 60]);
    expect(days(statement.notAfter) - days(statement.notBefore)).toBe(397);
  });

  test('are proposed for what is due where nothing is named', async () => {
    expect(await propose()).toEqual([]);
    await admin.database.ordinary.query(
      `update signing_keys set not_after_ms = $1 where purpose = 'heartbeat'`,
      [Date.now() + 3 * dayMs],
    );
    expect((await propose()).map((proposal) => proposal.purpose)).toEqual(['heartbeat']);
    const { body } = await admin.send('GET', '/v1/keys');
    expect(body.purposes).toContainEqual({
      purpose: 'heartbeat',
      daysLeft: 2.9,
      rotateSoon: true,
    });
  });
});

describe('an endorsement is refused', () => {
  test('by another root key, for another key, or with a bit that is another', async () => {
    const [first, second] = await propose(['lane-revoke', 'lane-signals']);
    const head = await readHead(admin.database.db, 'config');
    const good = endorsementOf(first);
    const flipped = Buffer.from(good.rootSignature, 'base64url');
    flipped[3] = (flipped[3] ?? 0) ^ 1;
    const wrong = [
      endorsementOf(first, newEd25519KeyPair().privateKeyPem),
      { ...endorsementOf(second), keyId: first.keyId as string },
      endorsementOf({ ...first, purpose: 'heartbeat' }),
      endorsementOf({ ...first, notAfter: new Date(Date.now() + 400 * dayMs).toISOString() }),
      { ...good, rootSignature: flipped.toString('base64url') },
    ];
    for (const endorsement of wrong) {
      const answer = await endorse(endorsement);
      expect([answer.status, answer.body.code]).toEqual([422, 'unprocessable']);
    }
    // All or none.
    expect((await endorse(endorsementOf(second), wrong[0])).status).toBe(422);
    expect(await readHead(admin.database.db, 'config')).toEqual(head);
    // A refusal uses nothing up.
    expect((await endorse(good, endorsementOf(second))).status).toBe(200);
  });

  test('the second time, after an hour, and for what was never proposed', async () => {
    const [used, late, unused] = await propose(['lane-revoke', 'lane-config', 'heartbeat']);
    expect((await endorse(endorsementOf(used))).status).toBe(200);
    await admin.database.ordinary.query(
      'update key_proposals set expires_at_ms = $1 where key_id = $2',
      [Date.now() - 1, late.keyId],
    );
    const never = { ...unused, keyId: 'lane-revoke-000000000000' };
    for (const proposal of [used, late, never]) {
      expect((await endorse(endorsementOf(proposal))).body.code).toBe('conflict');
    }
    const twice = endorsementOf(unused);
    expect((await endorse(twice, twice)).body.code).toBe('conflict');
    const both = await Promise.all([endorse(twice), endorse(twice)]);
    expect(both.map(({ status }) => String(status)).sort()).toEqual(['200', '409']);
  });

  test('where there are too many proposals already', async () => {
    let status = 201;
    for (let turn = 0; turn < 20 && status === 201; turn += 1) {
      const body = { purposes: endorsedPurposes };
      ({ status } = await admin.send('POST', '/v1/keys:propose', { body }));
    }
    expect(status).toBe(409);
  });
});
