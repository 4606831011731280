import { sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { configurationVersions } from './schema/index.ts';

/** Whether any version that was applied brought a service identity of this name. */
export async function isServiceNamed(db: Executor, name: string): Promise<boolean> {
  const { changes, version } = configurationVersions;
  const named = JSON.stringify([{ kind: 'ServiceIdentity', name }]);
  const [row] = await db
    .select({ version })
    .from(configurationVersions)
    .where(sql`${changes} @> ${named}::jsonb`)
    .limit(1);
  return row !== undefined;
}
