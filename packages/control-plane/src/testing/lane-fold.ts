import { opsFromBytes } from '@sallyport/proto';
import { type Lane, lanes } from '@sallyport/shared/state/model';
import { asc, eq } from 'drizzle-orm';
import { createLaneImage } from '../publish/2-images/lane-image.ts';
import { type Database, readSnapshot } from '../store/database.ts';
import { readLaneState } from '../store/lane-state.ts';
import { changeLog } from '../store/schema/index.ts';

/** The digests of all lanes, by what the log says from its first revision on. */
export async function digestsOfLog(database: Database): Promise<Record<Lane, string>> {
  return digests(async function* (lane) {
    const rows = await database.db
      .select({ body: changeLog.body })
      .from(changeLog)
      .where(eq(changeLog.lane, lane))
      .orderBy(asc(changeLog.epoch), asc(changeLog.rev));
    for (const { body } of rows) yield opsFromBytes(body);
  });
}

/** The same by what the tables say. */
export async function digestsOfState(database: Database): Promise<Record<Lane, string>> {
  return readSnapshot(database, (db) => digests((lane) => readLaneState(db, lane)));
}

async function digests(
  opsOf: (lane: Lane) => ReturnType<typeof readLaneState>,
): Promise<Record<Lane, string>> {
  const found: [Lane, string][] = [];
  for (const lane of lanes) {
    const image = createLaneImage(lane);
    for await (const ops of opsOf(lane)) image.apply(ops);
    found.push([lane, `${image.rows()} rows, ${Buffer.from(image.digest()).toString('hex')}`]);
  }
  return Object.fromEntries(found) as Record<Lane, string>;
}
