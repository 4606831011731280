import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Another process works in this directory. */
export class HomeInUseError extends Error {
  override readonly name = 'HomeInUseError';
}

export interface HomeLock {
  release(): void;
}

/** A file that nobody refers to any more would be closed, and its lock given up. */
const held = new Set<DatabaseSync>();
/** SQLITE_BUSY */
const busyCode = 5;

/**
 * Keeps a second edge out of this one's directory: two of them would renew the same identity and
 * write the same state. The lock is one of the kernel (SQLite takes it on the file), so it goes
 * with the process however that ends, and there is no stale one. Throws HomeInUseError.
 */
export function lockHome(home: string): HomeLock {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const path = join(home, 'edge.lock');
  const file = new DatabaseSync(path, { timeout: 0 });
  try {
    file.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (cause) {
    file.close();
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === busyCode) {
      throw new HomeInUseError(`${path} is held: another edge runs in ${home}`, { cause });
    }
    throw cause;
  }
  held.add(file);
  return {
    release: () => {
      held.delete(file);
      file.close();
    },
  };
}
