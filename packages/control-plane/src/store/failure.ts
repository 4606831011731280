import { SallyportError } from '@sallyport/shared/errors';
import { formatHostPort } from '@sallyport/shared/host-port';
import { DrizzleQueryError } from 'drizzle-orm/errors';
import pg from 'pg';

/** SQLSTATE classes that mean: not now, perhaps later. */
const passingClasses = new Set([
  '08', // connection exception
  '25', // invalid transaction state: an idle transaction cut off
  '40', // transaction rollback: deadlock, serialisation
  '53', // insufficient resources
  '55', // lock not available
  '57', // operator intervention: shutdown, statement timeout
  '58', // system error
]);

/**
 * What a failed query means, decided by SQLSTATE. Everything that is not the server's word on the
 * statement itself is a database that cannot be reached; data that Postgres cannot hold is a bad
 * request; the rest is a bug of ours and comes back as it is, without the query's parameters.
 */
export function databaseFailure(error: unknown): unknown {
  if (error instanceof SallyportError) return error;
  const cause = error instanceof DrizzleQueryError ? error.cause : error;
  if (cause instanceof SallyportError) return cause;
  if (cause instanceof pg.DatabaseError) {
    const sqlState = cause.code ?? '';
    if (sqlState === readOnlyTransaction) return readOnly(cause);
    if (passingClasses.has(sqlState.slice(0, 2))) return unavailable(cause);
    if (sqlState.startsWith('22')) {
      return new SallyportError('invalid_request', 'a value cannot be stored', { cause });
    }
    if (sqlState.startsWith('23')) {
      const detail = 'another request changed what this one is about; try again';
      return new SallyportError('conflict', detail, { cause });
    }
    return cause;
  }
  if (error instanceof DrizzleQueryError && !(cause instanceof TypeError)) {
    return unavailable(cause);
  }
  return cause;
}

/** A standby, or a server that was set to take no writes. */
const readOnlyTransaction = '25006';

/** What a failed `begin` of a write means: a standby does not even begin one. */
export function beginFailure(error: unknown): unknown {
  const standby = error instanceof pg.DatabaseError && error.code === '0A000';
  return standby ? readOnly(error) : databaseFailure(error);
}

function readOnly(cause: unknown): SallyportError {
  return new SallyportError('database_read_only', 'the database takes no writes', { cause });
}

/** 503 with the driver's own words for the log. */
export function unavailable(cause: unknown): SallyportError {
  return new SallyportError('database_unavailable', 'the database does not answer in time', {
    cause,
  });
}

/** Whether the database is away, slow, or takes no writes: trouble that passes. */
export function isDatabaseTrouble(error: unknown): error is SallyportError {
  return (
    error instanceof SallyportError &&
    (error.code === 'database_unavailable' || error.code === 'database_read_only')
  );
}

/** Whether a failure, as `databaseFailure` left it, is that of the connection: no answer came. */
export function isConnectionLost(failure: unknown): boolean {
  return (
    failure instanceof SallyportError &&
    failure.code === 'database_unavailable' &&
    !(failure.cause instanceof pg.DatabaseError)
  );
}

/** Whether the server or the network ended the connection: an administrator, a crash, a reset. */
export function isConnectionEnded(error: unknown): boolean {
  const cause = error instanceof SallyportError ? error.cause : error;
  if (cause instanceof pg.DatabaseError) return cause.code === '57P01' || cause.code === '57P02';
  return error instanceof SallyportError && error.code === 'database_unavailable';
}

/** The SQLSTATE of a failure as `databaseFailure` left it, or null. */
export function sqlStateOf(error: unknown): string | null {
  const cause = error instanceof SallyportError ? error.cause : error;
  return cause instanceof pg.DatabaseError ? (cause.code ?? null) : null;
}

const connectionWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'the name is not known',
  EHOSTUNREACH: 'there is no way to this host',
};

/** Why the database cannot be reached, in one line: the cause, and where, without the password. */
export function connectionTrouble(error: unknown, url: string): string {
  const outer = error instanceof SallyportError ? error.cause : error;
  const cause: unknown = outer instanceof AggregateError ? outer.errors[0] : outer;
  if (!(cause instanceof Error)) return `no answer at ${placeOf(url)}`;
  const {
    code = '',
    address,
    port,
  } = cause as NodeJS.ErrnoException & {
    readonly address?: string;
    readonly port?: number;
  };
  const place =
    address === undefined || port === undefined
      ? placeOf(url)
      : formatHostPort({ host: address, port });
  return `${connectionWords[code] ?? cause.message} at ${place}`;
}

function placeOf(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.hostname === '') return 'the place that DATABASE_URL names';
  return `${parsed.hostname}:${parsed.port || '5432'}`;
}
