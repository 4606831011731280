import { readFileSync } from 'node:fs';
import { type ConnectionOptions, createSecureContext } from 'node:tls';

/**
 * What a client is told of a server, as variables of its environment: `PORT`, `HOST_NAME`, `CA`,
 * `CERT`, `KEY`, `COOKIE`, and `PIDS` of the server with commas between.
 */
export type ClientEnvironment = Readonly<Record<string, string | undefined>>;

export interface Client {
  readonly tls: ConnectionOptions;
  readonly serverPids: readonly number[];
  /** Of its requests. */
  readonly authority: string;
  /** Empty: it sends none. */
  readonly cookie: string;
  /** A request's head, whole. */
  request(line: string, headers?: readonly string[]): Buffer;
}

/** Every server is spoken to with the same version, cipher and group, so that none has it easier. */
const cipher = 'TLS_AES_128_GCM_SHA256';
const group = 'X25519';

export function readClient(environment: ClientEnvironment): Client {
  const host = environment['HOST_NAME'] ?? '';
  const cookie = environment['COOKIE'] ?? '';
  const file = (name: string): Buffer => readFileSync(environment[name] ?? '');
  return {
    tls: {
      port: Number(environment['PORT']),
      host: '127.0.0.1',
      servername: host.split(':')[0] ?? host,
      // Made once: what is measured is connections, not the reading of certificates.
      secureContext: createSecureContext({
        ca: file('CA'),
        cert: file('CERT'),
        key: file('KEY'),
        minVersion: 'TLSv1.3',
        ciphers: cipher,
        ecdhCurve: environment['GROUP'] ?? group,
      }),
    },
    serverPids: (environment['PIDS'] ?? '').split(',').filter(Boolean).map(Number),
    authority: host,
    cookie,
    request: (line, headers = []) => {
      const lines = [
        `${line} HTTP/1.1`,
        `host: ${host}`,
        'user-agent: sallyport-bench',
        'accept: */*',
        ...(cookie === '' ? [] : [`cookie: ${cookie}`]),
        ...headers,
      ];
      return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
    },
  };
}
