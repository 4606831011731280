#!/usr/bin/env node
/**
 * Runs a tool of PostgreSQL for DATABASE_URL, with the password in its environment instead of an
 * argument: arguments can be read by every user of a machine.
 *
 *   with-database.ts TOOL [ARGUMENT...]
 *
 * `{dbname}` in an argument becomes the name of the database, as a connection string for libpq.
 */
import { spawn } from 'node:child_process';

/** Parameters of the URL and the variables that libpq reads instead. */
const parameters: Readonly<Record<string, string>> = {
  application_name: 'PGAPPNAME',
  channel_binding: 'PGCHANNELBINDING',
  connect_timeout: 'PGCONNECT_TIMEOUT',
  host: 'PGHOST',
  options: 'PGOPTIONS',
  port: 'PGPORT',
  sslcert: 'PGSSLCERT',
  sslcrl: 'PGSSLCRL',
  sslkey: 'PGSSLKEY',
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  target_session_attrs: 'PGTARGETSESSIONATTRS',
};

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function readUrl(text: string | undefined): Record<string, string> {
  // The text is in no message: it holds the password.
  const url = URL.parse(text ?? '');
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) {
    return fail('DATABASE_URL is not a postgresql:// URL with one host');
  }
  const found: Record<string, string> = {
    PGHOST: decodeURIComponent(url.hostname.replace(/^\[(.*)\]$/, '$1')),
    PGPORT: url.port,
    PGUSER: decodeURIComponent(url.username),
    PGPASSWORD: decodeURIComponent(url.password),
    PGDATABASE: decodeURIComponent(url.pathname.slice(1)),
  };
  for (const [name, value] of url.searchParams) {
    const variable = parameters[name];
    // Left out, it could weaken the connection.
    if (variable === undefined) return fail(`DATABASE_URL has a parameter not known here: ${name}`);
    found[variable] = value;
  }
  if (found['PGDATABASE'] === '') found['PGDATABASE'] = found['PGUSER'] ?? '';
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== ''));
}

const [tool, ...args] = process.argv.slice(2);
if (tool === undefined) fail('usage: with-database.ts TOOL [ARGUMENT...]');
const { DATABASE_URL, ...others } = process.env;
const found = readUrl(DATABASE_URL);
const quoted = (found['PGDATABASE'] ?? '').replace(/[\\']/g, '\\$&');
const child = spawn(
  tool,
  args.map((arg) => arg.replaceAll('{dbname}', () => `dbname='${quoted}'`)),
  { stdio: 'inherit', env: { ...others, ...found } },
);
child.on('error', (error) => fail(`${tool} cannot be run: ${error.message}`));
child.on('exit', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 1;
});
