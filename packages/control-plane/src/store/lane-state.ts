import type { GenerationScope, Lane, StateOp } from '@sallyport/shared/state/model';
import { and, asc, eq, gt, isNull } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { edgeKeysOp, readEdges } from './edges.ts';
import { findEndorsedKeys, signingKeyOp } from './keys.ts';
import { directoryState } from './lane-state-directory.ts';
import { pageRows, pages } from './pages.ts';
import { bundleOf, readReleases, releaseOp, versionsInLane } from './releases.ts';
import { blockOp } from './revocations.ts';
import { endedSessions, generations, revocations, secrets } from './schema/index.ts';
import { secretRefOp } from './secrets.ts';
import { signalState } from './signals.ts';

type Batches = AsyncGenerator<readonly StateOp[]>;

/**
 * Every row of a lane as ops, in batches. Run on one snapshot, together with the lane's head, the
 * result is the lane's whole state at that head: exactly what all its revisions, applied in their
 * order, come to. So time has no say here; what has expired leaves by an op of its own
 * (store/jobs/expiry.ts).
 */
export async function* readLaneState(db: Executor, lane: Lane): Batches {
  switch (lane) {
    case 'revoke':
      yield* generationState(db);
      yield* endedState(db);
      yield* blockState(db);
      return;
    case 'config':
      yield* keyState(db);
      yield* edgeState(db);
      yield* bundleState(db);
      return;
    case 'directory':
      yield* directoryState(db);
      return;
    case 'signals':
      yield* signalState(db);
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
            and(
              eq(column, scope),
              // 0 is what a missing row says; such rows are there to be locked.
              gt(generations.value, 0),
              after === null ? undefined : gt(generations.subjectId, after),
            ),
          )
          .orderBy(asc(subjectId))
          .limit(pageRows),
      (row) => row.subjectId,
    );
    for await (const page of rows) yield page.map((row) => ({ op: 'generation', ...row }));
  }
}

async function* endedState(db: Executor): Batches {
  const { sid } = endedSessions;
  const rows = pages(
    (after) =>
      db
        .select()
        .from(endedSessions)
        .where(after === null ? undefined : gt(sid, after))
        .orderBy(asc(sid))
        .limit(pageRows),
    (row) => row.sid,
  );
  for await (const page of rows) yield page.map((row) => ({ op: 'ended_session', ...row }));
}

async function* blockState(db: Executor): Batches {
  const inLane = and(eq(revocations.effect, 'block'), isNull(revocations.leftLaneAtMs));
  const rows = pages(
    (after) =>
      db
        .select()
        .from(revocations)
        .where(and(inLane, after === null ? undefined : gt(revocations.id, after)))
        .orderBy(asc(revocations.id))
        .limit(pageRows),
    (row) => row.id,
  );
  for await (const page of rows) yield page.map(blockOp);
}

async function* keyState(db: Executor): Batches {
  yield (await findEndorsedKeys(db)).map(signingKeyOp).filter((op) => op !== null);
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

/** Versions, one a batch, and then the releases that name some of them. */
async function* bundleState(db: Executor): Batches {
  for (const version of await versionsInLane(db)) yield [await bundleOf(db, version)];
  yield (await readReleases(db)).map(releaseOp);
}
