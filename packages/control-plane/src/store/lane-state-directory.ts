import type { StateOp } from '@sallyport/shared/state/model';
import { asc, gt } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { deviceCertificateOp, deviceOp } from './devices.ts';
import { pageRows, pages } from './pages.ts';
import { deviceCertificates, devices, users } from './schema/index.ts';
import { groupNamesOf, userOp } from './users.ts';

type Batches = AsyncGenerator<readonly StateOp[]>;

/** All rows of the directory lane as ops: users with their groups, devices, certificates. */
export async function* directoryState(db: Executor): Batches {
  yield* userState(db);
  yield* deviceState(db);
  yield* certificateState(db);
}

async function* userState(db: Executor): Batches {
  const rows = pages(
    (after) =>
      db
        .select()
        .from(users)
        .where(after === null ? undefined : gt(users.id, after))
        .orderBy(asc(users.id))
        .limit(pageRows),
    (row) => row.id,
  );
  for await (const page of rows) {
    const names = await groupNamesOf(
      db,
      page.map((row) => row.id),
    );
    yield page.map((row) => userOp(row, names.get(row.id) ?? []));
  }
}

async function* deviceState(db: Executor): Batches {
  const rows = pages(
    (after) =>
      db
        .select()
        .from(devices)
        .where(after === null ? undefined : gt(devices.id, after))
        .orderBy(asc(devices.id))
        .limit(pageRows),
    (row) => row.id,
  );
  for await (const page of rows) yield page.map(deviceOp);
}

async function* certificateState(db: Executor): Batches {
  const { sha256, deviceId, notBeforeMs, notAfterMs } = deviceCertificates;
  const rows = pages(
    (after) =>
      db
        .select({ sha256, deviceId, notBeforeMs, notAfterMs })
        .from(deviceCertificates)
        .where(after === null ? undefined : gt(sha256, after))
        .orderBy(asc(sha256))
        .limit(pageRows),
    (row) => row.sha256,
  );
  for await (const page of rows) yield page.map(deviceCertificateOp);
}
