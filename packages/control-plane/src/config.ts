import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { isBusServer } from '@sallyport/shared/bus/server';
import { type ConfigReader, configReader, type Environment } from '@sallyport/shared/config';
import type { FieldProblem } from '@sallyport/shared/errors';
import type { HostPort } from '@sallyport/shared/host-port';
import type { LogLevel } from '@sallyport/shared/log';
import { defaultHome, homeVariable } from './home.ts';

export interface TlsPair {
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly privateKey: string;
}

/** The bus, a second way to the edges. */
export interface NatsConfig {
  /** `tls://host:port` */
  readonly servers: readonly string[];
  /** Authority of the servers' certificates, PEM; null: that of edges. */
  readonly ca: string | null;
  /** null: the control plane issues a certificate to itself. */
  readonly client: TlsPair | null;
}

export interface Config {
  /** What `sallyport init` made. */
  readonly home: string;
  readonly keyFile: string;
  /** Read once, at the first start. */
  readonly seedFile: string;
  /** null: a PostgreSQL of our own under `home`. */
  readonly databaseUrl: string | null;
  readonly admin: { readonly listen: HostPort; readonly tls: TlsPair };
  readonly grpc: { readonly listen: HostPort; readonly names: readonly string[] };
  /** null: there is none. */
  readonly nats: NatsConfig | null;
  /** Exports write files below it and nowhere else. */
  readonly exportFolder: string;
  /** Loopback only. */
  readonly ops: { readonly listen: HostPort };
  /** Name of this replica in heartbeats and logs. */
  readonly replica: string;
  readonly logLevel: LogLevel;
  /** Variables that look like ours and are not: for the log. */
  readonly warnings: readonly FieldProblem[];
}

/**
 * Reads the environment of the control plane, once. Throws ConfigurationError with all problems.
 */
export function readConfig(environment: Environment): Config {
  const reader = configReader(environment);
  const home = resolve(reader.directory(homeVariable, { default: defaultHome }));
  const config: Config = {
    home,
    keyFile: join(home, 'key-file'),
    seedFile: join(home, 'seed.json'),
    databaseUrl: readDatabaseUrl(reader),
    admin: {
      listen: reader.address('SALLYPORT_ADMIN_LISTEN', { default: '127.0.0.1:8443' }),
      tls: readTlsPair(
        reader,
        'SALLYPORT_ADMIN_CERT',
        reader.file('SALLYPORT_ADMIN_CERT', { default: join(home, 'admin', 'server.pem') }),
        reader.file('SALLYPORT_ADMIN_KEY', { default: join(home, 'admin', 'server.key.pem') }),
      ),
    },
    grpc: {
      listen: reader.address('SALLYPORT_GRPC_LISTEN', { default: '127.0.0.1:8444' }),
      names: reader.list('SALLYPORT_GRPC_NAMES', { default: ['localhost'] }),
    },
    nats: readNats(reader),
    exportFolder: resolve(
      reader.text('SALLYPORT_EXPORT_FOLDER', { default: join(home, 'exports') }),
    ),
    ops: { listen: readLoopback(reader, 'SALLYPORT_OPS_LISTEN', '127.0.0.1:8445') },
    replica: reader.text('SALLYPORT_REPLICA', { default: hostname() }),
    logLevel: reader.oneOf('SALLYPORT_LOG_LEVEL', ['debug', 'info', 'warn', 'error'], {
      default: 'info',
    }),
    warnings: reader.unknown('SALLYPORT_'),
  };
  reader.done();
  return deepFreeze(config);
}

function readDatabaseUrl(reader: ConfigReader): string | null {
  const text = reader.text('DATABASE_URL', { default: null });
  if (text === null) return null;
  const protocol = URL.parse(text)?.protocol;
  if (protocol === 'postgres:' || protocol === 'postgresql:') return text;
  // The value itself may hold a password.
  reader.problem('DATABASE_URL', 'must be a URL that begins with postgres://');
  return null;
}

function readNats(reader: ConfigReader): NatsConfig | null {
  const servers = reader.list('SALLYPORT_NATS_URL', { default: [] });
  const ca = reader.file('SALLYPORT_NATS_CA', { default: null });
  const certFile = reader.file('SALLYPORT_NATS_CERT', { default: null });
  const keyFile = reader.file('SALLYPORT_NATS_KEY', { default: null });
  if (servers.length === 0) return null;
  for (const server of servers) {
    if (!isBusServer(server)) reader.problem('SALLYPORT_NATS_URL', 'must be tls://host:port');
  }
  if ((certFile === null) !== (keyFile === null)) {
    reader.problem('SALLYPORT_NATS_CERT', 'goes with SALLYPORT_NATS_KEY');
  }
  return {
    servers,
    ca: ca === null ? null : readText(ca),
    client:
      certFile === null || keyFile === null
        ? null
        : readTlsPair(reader, 'SALLYPORT_NATS_CERT', certFile, keyFile),
  };
}

function readTlsPair(
  reader: ConfigReader,
  name: string,
  certFile: string,
  keyFile: string,
): TlsPair {
  const pair = { certificate: readText(certFile), privateKey: readText(keyFile) };
  // A file that cannot be read was noted by the reader.
  if (pair.certificate === '' || pair.privateKey === '') return pair;
  try {
    createSecureContext({ cert: pair.certificate, key: pair.privateKey });
  } catch {
    reader.problem(name, `${certFile} and ${keyFile} are not a pair in PEM`);
  }
  return pair;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function readLoopback(reader: ConfigReader, name: string, fallback: string): HostPort {
  const listen = reader.address(name, { default: fallback });
  const { host } = listen;
  const loopback =
    host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
  if (host !== '' && !loopback) reader.problem(name, 'must be a loopback address');
  return listen;
}

function deepFreeze<T extends object>(value: T): T {
  for (const member of Object.values(value)) {
    if (typeof member === 'object' && member !== null) deepFreeze(member as object);
  }
  return Object.freeze(value);
}
