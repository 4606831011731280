import { newId } from '@sallyport/shared/ids';
import { transaction } from '../store/database.ts';
import { holdGenerations } from '../store/generations.ts';
import { insertSession } from '../store/sessions.ts';
import type { TestAdmin } from './admin.ts';

/** A session as sign-in makes it, born with the generations of now. */
export async function bornSession(
  { database }: Pick<TestAdmin, 'database'>,
  userId: string,
  deviceId: string | null = null,
  lifetimeMs = 3_600_000,
): Promise<string> {
  const sid = newId('ses');
  const nowMs = Date.now();
  await transaction(database.ordinary, async (db) => {
    const generations = await holdGenerations(db, userId, deviceId);
    await insertSession(db, {
      sid,
      userId,
      deviceId,
      provider: 'corp',
      authenticatedAtMs: nowMs,
      amr: ['pwd'],
      acr: null,
      issuedAtMs: nowMs,
      expiresAtMs: nowMs + lifetimeMs,
      generationGlobal: generations.global,
      generationUser: generations.user,
      generationDevice: generations.device,
      sourceAddress: '203.0.113.7',
      userAgent: 'test',
      edgeId: 'edg_test',
    });
  });
  return sid;
}
