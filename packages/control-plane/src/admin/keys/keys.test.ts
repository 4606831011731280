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
import { readLaneState } from '../../store/lane-state.ts';
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

describe('a key that is withdrawn', () => {
  const withdraw = (keyId: string, reason = 'its host was taken over') =>
    admin.send('POST', '/v1/keys:withdraw', { body: { keyId, reason } });
  const idOf = async (purpose: string, state: string): Promise<string> => {
    const { body } = await admin.send('GET', '/v1/keys');
    const found = body.items.find((key: Json) => key.purpose === purpose && key.state === state);
    return found.keyId as string;
  };
  async function rotateNow(...purposes: EndorsedPurpose[]): Promise<Json[]> {
    const body = purposes.length === 0 ? { now: true } : { purposes, now: true };
    const { body: proposed } = await admin.send('POST', '/v1/keys:propose', { body });
    const answer = await endorse(...proposed.proposals.map((one: Json) => endorsementOf(one)));
    expect(answer.status).toBe(200);
    return proposed.proposals;
  }

  test('is not signed with any more, and edges and auditors are told in the same transaction', async () => {
    const keyId = await idOf('lane-config', 'current');
    const [made] = await rotateNow('lane-config');
    const answer = await withdraw(keyId);
    expect(answer).toMatchObject({ status: 200, body: { keyId, state: 'withdrawn' } });
    const deleted = { op: 'deleted_signing_key', keyId };
    expect(await newestOps(admin.database, 'config')).toEqual([deleted]);
    const { database, context } = admin;
    const keys = (await loadSyncKeys(database.db, context.sealKey, Date.now()))
      .map(({ key }) => key)
      .filter((key) => key.purpose === 'lane-config');
    expect(keys.map((one) => one.keyId)).toContain(made.keyId);
    expect(keys.map((one) => one.keyId)).not.toContain(keyId);
    expect(await idOf('lane-config', 'withdrawn')).toBe(keyId);
    const { rows } = await database.ordinary.query(
      `select withdrawn_at_ms is not null as marked from signing_keys where key_id = $1`,
      [keyId],
    );
    expect(rows).toEqual([{ marked: true }]);
    const { body } = await admin.send('GET', '/v1/audit');
    expect(JSON.stringify(body.items[0])).toContain('its host was taken over');
  });

  test('is in no state that an edge gets whole, and in the list until it ends', async () => {
    const keyId = await idOf('lane-config', 'next');
    expect((await withdraw(keyId)).status).toBe(200);
    const ids: string[] = [];
    for await (const ops of readLaneState(admin.database.db, 'config')) {
      for (const op of ops) if (op.op === 'signing_key') ids.push(op.keyId);
    }
    expect(ids.length).toBeGreaterThan(0);
    expect(ids).not.toContain(keyId);
    // What counts for when to rotate is what is left.
    const { body } = await admin.send('GET', '/v1/keys');
    const left = body.purposes.find((one: Json) => one.purpose === 'lane-config');
    expect(left.daysLeft).toBeLessThan(30);
  });

  test('is never the only live one of its purpose, also where two are withdrawn at once', async () => {
    const keyId = await idOf('lane-revoke', 'current');
    const refused = await withdraw(keyId);
    expect([refused.status, refused.body.code]).toEqual([409, 'conflict']);
    expect(refused.body.detail).toContain('keys rotate --now --purpose lane-revoke');
    const [made] = await rotateNow('lane-revoke');
    const both = await Promise.all([withdraw(keyId), withdraw(made.keyId as string)]);
    expect(both.map(({ status }) => String(status)).sort()).toEqual(['200', '409']);
  });

  test('cannot be withdrawn twice, nor can one that is not there or is of an authority', async () => {
    const keyId = await idOf('heartbeat', 'next');
    expect((await withdraw(keyId)).status).toBe(200);
    expect((await withdraw(keyId)).status).toBe(409);
    expect((await withdraw('heartbeat-000000000000')).status).toBe(404);
    const { rows } = await admin.database.ordinary.query<{ key_id: string }>(
      `select key_id from signing_keys where purpose = 'edge-ca'`,
    );
    expect((await withdraw(rows[0]?.key_id ?? '')).status).toBe(404);
  });

  test('can be replaced at once: keys proposed for now begin now, of every purpose', async () => {
    const made = await rotateNow();
    expect(new Set(made.map((one) => one.purpose as string))).toEqual(new Set(endorsedPurposes));
    for (const one of made) {
      expect(Date.parse(one.notBefore as string)).toBeLessThan(Date.now());
      expect(await idOf(one.purpose as string, 'current')).toBe(one.keyId);
    }
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
