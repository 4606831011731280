import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isBusServer } from '@sallyport/shared/bus/server';
import { type ConfigReader, configReader, type Environment } from '@sallyport/shared/config';
import { formatHostPort, type HostPort } from '@sallyport/shared/host-port';
import type { LogLevel } from '@sallyport/shared/log';
import { defaultHome, homeVariable } from './home.ts';
import { identityPath } from './identity/identity-file.ts';
import { type CertificateFiles, readServerCertificate } from './identity/server-certificates.ts';
import { readTracing, type TracingConfig } from './ops/tracing/config.ts';
import type { OverloadLimits } from './worker/overload.ts';

export interface EdgeConfig {
  /** Directory for this edge's identity and secrets. */
  readonly home: string;
  readonly listen: HostPort;
  /** Port in the URLs that users see; null: the port listened on. */
  readonly publicPort: number | null;
  /** Where front proxies ask for verdicts; null: nowhere. */
  readonly forwardAuthListen: HostPort | null;
  readonly opsListen: HostPort;
  readonly tlsCertificates: readonly CertificateFiles[];
  /** `host:port` of each. */
  readonly controlPlanes: readonly string[];
  /** PEM of the authority of the control plane; needed to join. */
  readonly controlPlaneCaPem: string | null;
  readonly joinToken: string | null;
  readonly nats: NatsConfig | null;
  readonly places: PlacesConfig;
  readonly region: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly workers: number;
  /** How long it goes on as it was after SIGTERM, but for what it says of being ready. */
  readonly drainNoticeMs: number;
  /** How long open exchanges may go on after that. */
  readonly drainMs: number;
  /** For access records on disk while no control plane takes them; 0: none are kept there. */
  readonly recordSpoolBytes: number;
  readonly overload: OverloadLimits;
  readonly tracing: TracingConfig;
  readonly logLevel: LogLevel;
}

/** The second way of the state; null: there is none. */
export interface NatsConfig {
  /** `tls://host:port` of each. */
  readonly servers: readonly string[];
  /** PEM of the authority of its servers; null: the control plane's. */
  readonly caPem: string | null;
}

/** Files in the MaxMind format. They need not be there yet. */
export interface PlacesConfig {
  /** Where addresses are; null: the default data, where it is installed. */
  readonly cityFiles: readonly string[] | null;
  /** Whose networks addresses are of. */
  readonly asnFiles: readonly string[];
}

const prefix = 'SALLYPORT_';
const logLevels = ['debug', 'info', 'warn', 'error'] as const;

/**
 * Reads the configuration of an edge from an environment. Throws a ConfigurationError that lists
 * every problem: files that are missing, certificates that do not fit their keys, and variables
 * that nobody reads.
 */
export function readEdgeConfig(environment: Environment): EdgeConfig {
  const reader = configReader(environment);
  const config: EdgeConfig = {
    home: reader.text(homeVariable, { default: defaultHome }),
    listen: reader.address(`${prefix}LISTEN`),
    publicPort: reader.integer(`${prefix}PUBLIC_PORT`, { default: null, min: 1, max: 65_535 }),
    forwardAuthListen: readForwardAuth(reader, `${prefix}FORWARD_AUTH_LISTEN`),
    opsListen: reader.address(`${prefix}OPS_LISTEN`, { default: '127.0.0.1:9443' }),
    tlsCertificates: readCertificates(reader, `${prefix}TLS_CERTIFICATES`),
    controlPlanes: reader.addresses(`${prefix}CONTROL_PLANES`).map(formatHostPort),
    controlPlaneCaPem: readText(reader.file(`${prefix}CONTROL_PLANE_CA`, { default: null })),
    joinToken: reader.secret(`${prefix}JOIN_TOKEN`),
    nats: readNats(reader),
    places: readPlaces(reader),
    region: readRegion(reader, `${prefix}REGION`),
    labels: reader.labels(`${prefix}LABELS`),
    workers: reader.integer(`${prefix}WORKERS`, { default: 1, min: 1, max: 256 }),
    drainNoticeMs:
      reader.integer(`${prefix}DRAIN_NOTICE_SECONDS`, { default: 5, min: 0, max: 600 }) * 1_000,
    drainMs: reader.integer(`${prefix}DRAIN_SECONDS`, { default: 30, min: 0, max: 3_600 }) * 1_000,
    recordSpoolBytes: readSpoolMib(reader, `${prefix}RECORD_SPOOL_MIB`) * 2 ** 20,
    overload: {
      lagMs: reader.integer(`${prefix}OVERLOAD_LAG_MS`, { default: 250, min: 0, max: 60_000 }),
      memoryShare:
        reader.integer(`${prefix}OVERLOAD_MEMORY_PERCENT`, { default: 90, min: 10, max: 100 }) /
        100,
    },
    tracing: readTracing(reader, prefix),
    logLevel: reader.oneOf(`${prefix}LOG_LEVEL`, logLevels, { default: 'info' }),
  };
  checkJoin(reader, config);
  checkForwardAuth(reader, config);
  for (const { field, message } of reader.unknown(prefix)) reader.problem(field, message);
  reader.done();
  return Object.freeze(config);
}

/** The first start needs what joining needs; later starts have an identity. */
function checkJoin(reader: ConfigReader, config: EdgeConfig): void {
  if (existsSync(identityPath(config.home))) return;
  const why = `is not set, and there is no identity in ${config.home} yet`;
  if (config.controlPlaneCaPem === null) reader.problem(`${prefix}CONTROL_PLANE_CA`, why);
  if (config.joinToken === null) reader.problem(`${prefix}JOIN_TOKEN`, why);
}

/** Below that there is no room for segments of a sensible size. */
const spoolMibMin = 16;

function readSpoolMib(reader: ConfigReader, name: string): number {
  const mib = reader.integer(name, { default: 256, min: 0, max: 1_048_576 });
  if (mib > 0 && mib < spoolMibMin) reader.problem(name, `must be 0, or ${spoolMibMin} or more`);
  return mib;
}

function readForwardAuth(reader: ConfigReader, name: string): HostPort | null {
  const [address = null, ...more] = reader.addresses(name, { default: [] });
  if (more.length > 0) reader.problem(name, 'must be one host:port');
  return address;
}

/** Several workers share a port, and so would two listeners: nobody could tell who is heard where. */
function checkForwardAuth(reader: ConfigReader, { listen, forwardAuthListen }: EdgeConfig): void {
  const port = forwardAuthListen?.port ?? 0;
  if (port === 0 || port !== listen.port) return;
  reader.problem(`${prefix}FORWARD_AUTH_LISTEN`, `must have another port than ${prefix}LISTEN`);
}

function readNats(reader: ConfigReader): NatsConfig | null {
  const servers = reader.list(`${prefix}NATS_URL`, { default: [] });
  const caPem = readText(reader.file(`${prefix}NATS_CA`, { default: null }));
  for (const server of servers) {
    if (!isBusServer(server)) reader.problem(`${prefix}NATS_URL`, 'must be tls://host:port');
  }
  return servers.length === 0 ? null : { servers, caPem };
}

/** `none`: no data on places, not the default either. */
function readPlaces(reader: ConfigReader): PlacesConfig {
  const city = reader.list(`${prefix}PLACES_CITY_FILES`, { default: null });
  const asn = reader.list(`${prefix}PLACES_ASN_FILES`, { default: [] });
  const isNone = city?.length === 1 && city[0] === 'none';
  return { cityFiles: isNone ? [] : city, asnFiles: asn };
}

function readRegion(reader: ConfigReader, name: string): string {
  const region = reader.text(name);
  if (region !== '' && !/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(region)) {
    reader.problem(name, 'must be a short name of lower-case letters, digits and hyphens');
  }
  return region;
}

function readText(path: string | null): string | null {
  try {
    return path === null || path === '' ? null : readFileSync(path, 'utf8');
  } catch {
    // The reader has already noted that the file cannot be read.
    return null;
  }
}

/**
 * Pairs `certificate.pem:key.pem` with commas between them, or a directory in which every
 * `name.pem` or `name.crt` has its key beside it as `name.key.pem` or `name.key`.
 */
function readCertificates(reader: ConfigReader, name: string): readonly CertificateFiles[] {
  const text = reader.text(name);
  if (text === '') return [];
  const pairs = text.includes(':') ? listedPairs(text) : directoryPairs(text);
  if (typeof pairs === 'string') {
    reader.problem(name, pairs);
    return [];
  }
  for (const pair of pairs) {
    const read = readServerCertificate(pair);
    if (typeof read === 'string') reader.problem(name, read);
  }
  return pairs;
}

function listedPairs(text: string): readonly CertificateFiles[] | string {
  const pairs = text.split(',').map((item) => item.trim().split(':'));
  if (pairs.some((pair) => pair.length !== 2 || pair.some((path) => path === ''))) {
    return 'must be certificate.pem:key.pem, with commas between several, or a directory';
  }
  return pairs.map(([certificate = '', key = '']) => ({ certificate, key }));
}

function directoryPairs(directory: string): readonly CertificateFiles[] | string {
  let files: string[];
  try {
    files = readdirSync(directory).toSorted();
  } catch {
    return `${directory} is not a directory that can be read`;
  }
  const pairs = files.flatMap((file) => {
    const stem = /^(.+)\.(?:pem|crt)$/.exec(file)?.[1];
    if (stem === undefined) return [];
    const key = [`${stem}.key.pem`, `${stem}.key`].find((candidate) => files.includes(candidate));
    return key === undefined
      ? []
      : [{ certificate: join(directory, file), key: join(directory, key) }];
  });
  return pairs.length === 0 ? `${directory} holds no certificate with its key` : pairs;
}
