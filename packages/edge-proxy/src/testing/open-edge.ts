import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { Agent } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { AckStage } from '@sallyport/proto';
import {
  apiVersion,
  type ConfigurationDocument,
  type SettingsDocument,
} from '@sallyport/shared/configuration/documents';
import type { RevokeOp } from '@sallyport/shared/state/model';
import {
  createEdgeFiles,
  type EdgeFiles,
  EdgeProcess,
  type Listening,
  requestPublic,
} from './edge-process.ts';
import { at, feedState, untilReady } from './fed-edge.ts';
import type { OfferedState } from './offered-state.ts';
import { sampleDocuments } from './sample-state.ts';
import { ScriptedControlPlane } from './scripted-control-plane.ts';
import type { ScriptedStream } from './scripted-stream.ts';

/** What the route that is open to anybody is asked for by. */
export const openHost = 'open.corp.test';

/** Nobody is turned away for want of processor, where the machine has other things to do. */
export const neverOverloaded = { SALLYPORT_OVERLOAD_LAG_MS: '0' } as const;

export interface OpenEdgeOptions {
  /** What the upstream says; default: `ok`. */
  readonly upstream?: RequestListener;
  readonly listener?: NonNullable<SettingsDocument['spec']['listener']>;
  /** Of connections to the upstream, and of requests that wait for one. */
  readonly limits?: { readonly connections: number; readonly queue: number };
  readonly environment?: Readonly<Record<string, string>>;
  /** See EdgeProcess. */
  readonly prefix?: readonly string[];
}

/** A real edge process with a route for anybody, to an upstream in the process of the test. */
export class OpenEdge {
  readonly process: EdgeProcess;
  readonly listening: Listening;
  readonly upstream: Server;
  readonly publicCa: string;
  readonly #plane: ScriptedControlPlane;
  readonly #files: EdgeFiles;
  readonly #revoke: ScriptedStream;
  readonly #bulk: ScriptedStream;
  #revision = 1;

  private constructor(parts: {
    process: EdgeProcess;
    listening: Listening;
    upstream: Server;
    plane: ScriptedControlPlane;
    files: EdgeFiles;
    revoke: ScriptedStream;
    bulk: ScriptedStream;
  }) {
    this.process = parts.process;
    this.listening = parts.listening;
    this.upstream = parts.upstream;
    this.publicCa = parts.files.publicCa;
    this.#plane = parts.plane;
    this.#files = parts.files;
    this.#revoke = parts.revoke;
    this.#bulk = parts.bulk;
  }

  static async start(options: OpenEdgeOptions = {}): Promise<OpenEdge> {
    const plane = await ScriptedControlPlane.start();
    const files = await createEdgeFiles(plane.target, plane.authority.certificatePem);
    const upstream = createServer(
      { keepAliveTimeout: 60_000 },
      options.upstream ?? ((_request, response) => response.end('ok')),
    );
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    const join = { SALLYPORT_JOIN_TOKEN: plane.joinToken };
    const process = new EdgeProcess(
      { ...files.environment, ...join, ...options.environment },
      options.prefix,
    );
    const listening = await process.listening();
    const { port } = upstream.address() as AddressInfo;
    const { revoke, bulk } = await feedState(plane, documentsFor(port, options));
    await untilReady(listening);
    return new OpenEdge({ process, listening, upstream, plane, files, revoke, bulk });
  }

  /** The status of one request; 0: none came. */
  async ask(agent: Agent | false = false): Promise<number> {
    const { listening, publicCa } = this;
    return requestPublic(listening.port, publicCa, openHost, '/', agent).then(
      ({ status }) => status,
      () => 0,
    );
  }

  /** A connection over TLS; by default it speaks HTTP/1.1. */
  async connect(protocol = 'http/1.1', localAddress = '127.0.0.1'): Promise<TLSSocket> {
    const socket = connect({
      ...{ host: '127.0.0.1', port: this.listening.port, servername: openHost },
      ...{ ca: this.publicCa, ALPNProtocols: [protocol], localAddress },
    });
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    return socket;
  }

  /** Sends the next revision of `revoke`; milliseconds until nothing is permitted on less. */
  async enforcedMs(subjectId = 'usr_a'): Promise<number> {
    const revocationId = `rev_${this.#revision}`;
    const op: RevokeOp = {
      ...{ op: 'block', revocationId, kind: 'user', subjectId, expiresAtMs: null },
    };
    this.#revision += 1;
    const startedAt = performance.now();
    this.#revoke.sendFrame('revoke', at(this.#revision), [op]);
    await this.#revoke.acked('revoke', at(this.#revision), AckStage.ENFORCED);
    return performance.now() - startedAt;
  }

  /** Gives it another directory as a whole; resolves once requests are decided on it. */
  async replaceDirectory(state: OfferedState): Promise<void> {
    this.#bulk.offer(state);
    await this.#bulk.acked('directory', state.position, AckStage.ENFORCED);
  }

  /** Status of a page of the operations listener. */
  async ops(path: string): Promise<number> {
    const answer = await fetch(`${this.listening.ops}/${path}`);
    // Unread, it would keep its connection, and the next one would open another.
    await answer.arrayBuffer();
    return answer.status;
  }

  async warnings(): Promise<readonly string[]> {
    const answer = await fetch(`${this.listening.ops}/readyz`);
    return ((await answer.json()) as { readonly warnings: string[] }).warnings;
  }

  /** A metric, by its name and labels; 0 where it is not there. */
  async figure(name: string): Promise<number> {
    const text = await (await fetch(`${this.listening.ops}/metrics`)).text();
    const line = text.split('\n').find((one) => one.startsWith(`${name} `));
    return Number(line?.slice(name.length + 1) ?? 0);
  }

  residentMib(): number {
    return this.#mib('VmRSS');
  }

  /** The most that was in RAM since `forgetPeak`. */
  peakMib(): number {
    return this.#mib('VmHWM');
  }

  /** The peak begins anew (proc_pid_clear_refs.5). */
  forgetPeak(): void {
    writeFileSync(`/proc/${this.listening.pid}/clear_refs`, '5');
  }

  /** Of a processor, of all threads (proc_pid_stat.5: utime and stime, in hundredths). */
  processorSeconds(): number {
    const fields = this.#proc('stat')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  /** How many file descriptors it has open. */
  descriptors(): number {
    return readdirSync(`/proc/${this.listening.pid}/fd`).length;
  }

  async stop(): Promise<void> {
    await this.process.destroy();
    this.#plane.close();
    this.upstream.closeAllConnections();
    this.upstream.close();
    await this.#files.remove();
  }

  #mib(name: 'VmRSS' | 'VmHWM'): number {
    return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(this.#proc('status'))?.[1]) / 1_024;
  }

  #proc(file: string): string {
    return readFileSync(`/proc/${this.listening.pid}/${file}`, 'utf8');
  }
}

/** Has an upstream agree to every WebSocket, and read whatever comes. */
export function acceptWebSockets(upstream: Server): void {
  upstream.on('upgrade', (request, socket) => {
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash('sha1').update(key).digest('base64');
    const lines = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`];
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`);
    socket.on('error', () => undefined).resume();
  });
}

/** Prints what was measured: it is asserted nowhere. */
export function report(what: string, figures: Readonly<Record<string, number>>): void {
  const text = Object.entries(figures).map(([name, value]) => `${name} ${Math.round(value)}`);
  process.stdout.write(`\n${what}: ${text.join(', ')}\n`);
}

function documentsFor(port: number, { listener, limits }: OpenEdgeOptions) {
  const url = `http://127.0.0.1:${port}`;
  const upstream = { url, plainHttp: true as const, ...(limits === undefined ? {} : { limits }) };
  const open: ConfigurationDocument[] = [
    {
      ...{ apiVersion, kind: 'Policy', metadata: { name: 'open' } },
      spec: { allow: [{ name: 'anyone', anonymous: true }] },
    },
    {
      ...{ apiVersion, kind: 'Route', metadata: { name: 'open' } },
      spec: { match: [{ host: openHost }], policies: ['open'], upstream },
    },
  ];
  const more = {
    network: { internal: ['127.0.0.0/8'] },
    ...(listener === undefined ? {} : { listener }),
  };
  const usual = sampleDocuments().map((document) =>
    document.kind === 'Settings' ? { ...document, spec: { ...document.spec, ...more } } : document,
  );
  return [...usual, ...open];
}
