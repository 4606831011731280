import type { GenerationScope, Lane, StateOp } from '@sallyport/shared/state/model';
import { and, asc, eq, gt, isNotNull } from 'drizzle-orm';
import { bundleOp } from './configuration.ts';
import type { Executor } from './database.ts';
import { edgeKeysOp, readEdges } from './edges.ts';
import { findKeys, signingKeyOp } from './keys.ts';
import { directoryState } from './lane-state-directory.ts';
import { pageRows, pages } from './pages.ts';
import { blockInForce, blockOp } from './revocations.ts';
import {
  configurationVersions,
  generations,
  releases,
  revocations,
  secrets,
  sessions,
} from './schema/index.ts';
import { secretRefOp } from './secrets.ts';

type Batches = AsyncGenerator<readonly StateOp[]>;

/**
 * Every row of a lane as ops, in batches. Run on one snapshot, together with the lane's head, the
 * result is the lane's whole state at that head.
 */
export async function* readLaneState(db: Executor, lane: Lane, nowMs: number): Batches {
  switch (lane) {
    case 'revoke':
      yield* generationState(db);
      yield* endedState(db, nowMs);
      yield* blockState(db, nowMs);
      return;
    case 'config':
      yield* keyState(db, nowMs);
      yield* edgeState(db);
      yield* bundleState(db);
      return;
    case 'directory':
      yield* directoryState(db);
      return;
    case 'signals':
      return;
  }
}

async function* generationState(db: Executor): Batches {
  const scopes: readonly GenerationScope[] = ['global', 'user', 'device'];
  const { scope: column, subjectId } = generations;
  for (const scope of scopes) {
    const rows = pages(
      (after) =>
        db
          .select()
          .from(generations)
          .where(
            and(eq(column, scope), after === null ? undefined : gt(generations.subjectId, after)),
          )
          .orderBy(asc(subjectId))
          .limit(pageRows),
      (row) => row.subjectId,
    );
    for await (const page of rows) yield page.map((row) => ({ op: 'generation', ...row }));
  }
}

async function* endedState(db: Executor, nowMs: number): Batches {
  const ended = and(isNotNull(sessions.endedAtMs), gt(sessions.expiresAtMs, nowMs));
  const rows = pages(
    (after) =>
      db
        .select({ sid: sessions.sid, expiresAtMs: sessions.expiresAtMs })
        .from(sessions)
        .where(and(ended, after === null ? undefined : gt(sessions.sid, after)))
        .orderBy(asc(sessions.sid))
        .limit(pageRows),
    (row) => row.sid,
  );
  for await (const page of rows) yield page.map((row) => ({ op: 'ended_session', ...row }));
}

async function* blockState(db: Executor, nowMs: number): Batches {
  const rows = pages(
    (after) =>
      db
        .select()
        .from(revocations)
        .where(and(blockInForce(nowMs), after === null ? undefined : gt(revocations.id, after)))
        .orderBy(asc(revocations.id))
        .limit(pageRows),
    (row) => row.id,
  );
  for await (const page of rows) yield page.map(blockOp);
}

async function* keyState(db: Executor, nowMs: number): Batches {
  const keys = await findKeys(db, 'session-statement', nowMs);
  yield keys.map(signingKeyOp).filter((op) => op !== null);
  const refs = await db
    .select({ id: secrets.id, version: secrets.version, sha256: secrets.sha256 })
    .from(secrets)
    .where(eq(secrets.holder, 'edge'))
    .orderBy(asc(secrets.id));
  yield refs.map(secretRefOp);
}

async function* edgeState(db: Executor): Batches {
  yield (await readEdges(db)).map(edgeKeysOp);
}

/** Released versions alone, each before the releases that name it. */
async function* bundleState(db: Executor): Batches {
  const released = await db.select().from(releases).orderBy(asc(releases.ring));
  for (const version of new Set(released.map((release) => release.version))) {
    const [row] = await db
      .select()
      .from(configurationVersions)
      .where(eq(configurationVersions.version, version));
    if (row === undefined) throw new Error(`version ${version} is released but not there`);
    yield [bundleOp(version, row.bundleSha256, row.bundle)];
  }
  yield released.map(({ ring, version }) => ({ op: 'release', ring, version }));
}
