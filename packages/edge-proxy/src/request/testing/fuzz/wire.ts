import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import type { AccessRecord } from '@sallyport/shared/access-record';
import { Dice } from '@sallyport/shared/sync/simulation/random';
import type { TestEdge } from '../edge.ts';
import type { Field } from '../frames.ts';
import { requestText } from '../oracle.ts';
import type { RecordedConnection } from '../recorder.ts';
import { handshake } from '../web-socket.ts';
import { judge, readRequests, unlike, valuesOf } from './judged.ts';
import { mutate } from './mutate.ts';

/** Requests that are all in order, of somebody with this cookie and of nobody. */
export function soundRequests(cookie: string): readonly string[] {
  const signedIn = ['Host: app.corp.test', `Cookie: a=1; ${cookie}; b=2`];
  const anybody = ['Host: pub.corp.test', 'User-Agent: fuzz', 'Accept: */*'];
  const chunks = '5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\nX-Trailer: y\r\n\r\n';
  return [
    requestText('GET /a/b?c=d HTTP/1.1', ...anybody),
    requestText('GET /a/../b/%7e/%c3%a9 HTTP/1.1', ...signedIn, 'X-Custom: y'),
    `${requestText('POST /up HTTP/1.1', ...anybody, 'Content-Length: 11')}hello there`,
    requestText('PUT /up HTTP/1.1', ...signedIn, 'Transfer-Encoding: chunked') + chunks,
    requestText('GET /first HTTP/1.1', ...anybody) +
      requestText('GET /second HTTP/1.1', ...signedIn) +
      requestText('HEAD /third HTTP/1.1', ...anybody, 'Connection: close'),
    requestText('GET /chat HTTP/1.1', ...signedIn, ...handshake),
    requestText('GET /slow HTTP/1.1', ...anybody) +
      requestText('GET /chat HTTP/1.1', ...signedIn, ...handshake),
    requestText('GET /slow HTTP/1.1', ...signedIn) +
      `${requestText('POST /up HTTP/1.1', ...signedIn, 'Expect: 100-continue', 'Content-Length: 5')}hello`,
    requestText('OPTIONS /a HTTP/1.1', ...anybody, 'Origin: https://a.test', 'Content-Length: 0'),
  ];
}

/** What the upstream answers: it agrees to nothing, and keeps nobody waiting. */
export function answerOf(head: string): string {
  const body = head.startsWith('HEAD ') ? '' : 'hello';
  return `HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n${body}`;
}

/** Sends what these dice make of requests; the fields of the only one, or null where it is not that plain. */
export type Sender = (edge: TestEdge, dice: Dice) => Promise<readonly Field[] | null>;

/** Changed requests of HTTP/1.1. */
export function http1Sender(sound: readonly string[]): Sender {
  return async (edge, dice) => {
    const socket = connect({
      host: '127.0.0.1',
      port: edge.port,
      ca: edge.pki.server.certificatePem,
      servername: 'app.corp.test',
      checkServerIdentity: () => undefined,
      cert: edge.laptop.cert,
      key: edge.laptop.key,
    });
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    await sendAll(edge, socket, Buffer.from(mutate(sound, dice), 'latin1'), /^/);
    return null;
  };
}

/** Sends changed requests, and compares what the upstream gets with what was decided on. */
export class WireFuzz {
  readonly #edge: TestEdge;
  readonly #send: Sender;
  /** All so far: bytes may reach the upstream when their request is over already. */
  readonly #records = new Map<string, AccessRecord>();
  readonly #sent = new Map<string, RecordedConnection>();

  constructor(edge: TestEdge, send: Sender) {
    this.#edge = edge;
    this.#send = send;
  }

  /** What the edge did wrong with the requests of this seed; nothing, as a rule. */
  async violation(seed: number): Promise<string> {
    const { records, upstream, worker } = this.#edge;
    const only = await this.#send(this.#edge, new Dice(seed));
    while (worker.openExchanges() > 0 || worker.openConnections() > 0) await nextTurn();
    let found = '';
    const recorded = records.all.splice(0);
    if (only !== null && told(recorded) !== 1) found = `${recorded.length} records of one request`;
    for (const record of recorded) {
      this.#records.set(record.correlationId, record);
      if (record.reasons.includes('internal')) found ||= `${record.path} met a bug of ours`;
    }
    const now = new Set(recorded.map(({ correlationId }) => correlationId));
    for (const connection of upstream.connections) {
      found ||= this.#look(connection, (id) => (now.has(id) ? only : null));
    }
    return found;
  }

  /** `fieldsOf`: as far as they are known. */
  #look(connection: RecordedConnection, fieldsOf: (id: string) => readonly Field[] | null): string {
    const read = readRequests(connection.bytes);
    if (typeof read === 'string') return read;
    connection.bytes = read.rest;
    for (const [at, head] of read.heads.entries()) {
      const id = valuesOf(head, 'sallyport-request-id').join();
      // The first may be one whose body was still on its way the last time.
      const before = this.#sent.get(id);
      if (before !== undefined && !(before === connection && at === 0)) return 'sent twice';
      this.#sent.set(id, connection);
      const fields = fieldsOf(id);
      const found = judge(head, this.#records.get(id)) || (fields && unlike(head, fields));
      if (found) return found;
    }
    return '';
  }
}

/** Besides them, a connection may be told of that was broken off for nonsense on it. */
function told(records: readonly AccessRecord[]): number {
  const nonsense = records.filter(({ path, reasons }) => path === '' && reasons[0] === 'malformed');
  return records.length - (nonsense.length === records.length ? 0 : Math.min(1, nonsense.length));
}

/** What is still open by then waits for bytes that do not come. */
const settledMs = 20;
/** For the bytes to be read. */
const readMs = 2;

/**
 * Sends the bytes, and, once something has come that `heard` fits or has had time to come, says that
 * there are no more, and waits for the end of the connection.
 */
export async function sendAll(
  edge: TestEdge,
  socket: TLSSocket,
  bytes: Buffer,
  heard: RegExp,
): Promise<void> {
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
  });
  const closed = new Promise<void>((done) => socket.once('close', () => done()));
  socket.write(bytes);
  const sentAt = performance.now();
  const wait = () => {
    const openMs = performance.now() - sentAt;
    if (openMs > settledMs || socket.destroyed) return false;
    const read = received !== '' && heard.test(received);
    return edge.worker.openExchanges() > 0 || (!read && openMs < readMs);
  };
  while (wait()) await nextTurn();
  socket.end();
  await closed;
}
