import type { Generation, GenerationScope } from '@sallyport/shared/state/model';
import { and, eq, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { generations } from './schema/index.ts';

export interface GenerationVector {
  readonly global: number;
  readonly user: number;
  /** 0 where there is no device. */
  readonly device: number;
}

interface Subject {
  readonly scope: GenerationScope;
  readonly subjectId: string;
}

function subjectsOf(userId: string, deviceId: string | null): Subject[] {
  const subjects: Subject[] = [
    { scope: 'global', subjectId: '' },
    { scope: 'user', subjectId: userId },
  ];
  if (deviceId !== null) subjects.push({ scope: 'device', subjectId: deviceId });
  return subjects;
}

/**
 * The generations a new session is born with, held against revocations until the transaction ends:
 * a revocation either comes first and is seen, or waits and then ends this session too.
 */
export async function holdGenerations(
  db: Executor,
  userId: string,
  deviceId: string | null,
): Promise<GenerationVector> {
  const subjects = subjectsOf(userId, deviceId);
  await ensureRows(db, subjects);
  const values: Record<GenerationScope, number> = { global: 0, user: 0, device: 0 };
  for (const { scope, subjectId } of subjects) {
    const [row] = await db
      .select({ value: generations.value })
      .from(generations)
      .where(and(eq(generations.scope, scope), eq(generations.subjectId, subjectId)))
      .for('share');
    values[scope] = row?.value ?? 0;
  }
  return values;
}

/** Ends every session of the subject; the op goes to the `revoke` lane. By 1, or to `atLeast`. */
export async function raiseGeneration(
  db: Executor,
  scope: GenerationScope,
  subjectId: string,
  atLeast = 1,
): Promise<Generation> {
  const [row] = await db
    .insert(generations)
    .values({ scope, subjectId, value: atLeast })
    .onConflictDoUpdate({
      target: [generations.scope, generations.subjectId],
      set: { value: sql`greatest(${generations.value} + 1, ${atLeast}::bigint)` },
    })
    .returning({ value: generations.value });
  if (row === undefined) throw new Error('a generation was not written');
  return { op: 'generation', scope, subjectId, value: row.value };
}

/**
 * Makes sign-ins of the subject wait for this transaction, so that they see the block it writes.
 */
export async function holdSignIns(
  db: Executor,
  scope: GenerationScope,
  subjectId: string,
): Promise<void> {
  await ensureRows(db, [{ scope, subjectId }]);
  await db
    .select({ value: generations.value })
    .from(generations)
    .where(and(eq(generations.scope, scope), eq(generations.subjectId, subjectId)))
    .for('update');
}

async function ensureRows(db: Executor, subjects: readonly Subject[]): Promise<void> {
  await db
    .insert(generations)
    .values(subjects.map((subject) => ({ ...subject, value: 0 })))
    .onConflictDoNothing();
}
