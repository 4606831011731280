import { SallyportError } from '@sallyport/shared/errors';
import { formatHostPort } from '@sallyport/shared/host-port';
import { DrizzleQueryError } from 'drizzle-orm/errors';
import pg from 'pg';

/** SQLSTATE classes that mean: not now, perhaps later. */
const passingClasses = new Set([
  '08', // connection exception
  '25', // invalid transaction state: a server that became read-only, an idle transaction cut off
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

/** 503 with the driver's own words for the log. */
export function unavailable(cause: unknown): SallyportError {
  return new SallyportError('database_unavailable', 'the database does not answer in time', {
    cause,
  });
}

/** Whether a failure, as `databaseFailure` left it, is that of the connection: no answer came. */
export function isConnectionLost(failure: unknown): boolean {
  return (
    failure instanceof SallyportError &&
    failure.code === 'database_unavailable' &&
    !(failure.cause instanceof pg.DatabaseError)
  );
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
