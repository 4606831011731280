import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { connect } from 'node:tls';
import type { AccessRecord } from '@sallyport/shared/access-record';
import { Dice } from '@sallyport/shared/sync/simulation/random';
import type { TestEdge } from '../edge.ts';
import { requestText } from '../oracle.ts';
import type { RecordedConnection } from '../recorder.ts';
import { handshake } from '../web-socket.ts';
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

/** Sends changed requests, and compares what the upstream gets with what was decided on. */
export class WireFuzz {
  readonly #edge: TestEdge;
  readonly #sound: readonly string[];
  /** All so far: bytes may reach the upstream when their request is over already. */
  readonly #records = new Map<string, AccessRecord>();
  readonly #sent = new Map<string, RecordedConnection>();

  constructor(edge: TestEdge, sound: readonly string[]) {
    this.#edge = edge;
    this.#sound = sound;
  }

  /** What the edge did wrong with the requests of this seed; nothing, as a rule. */
  async violation(seed: number): Promise<string> {
    const { records, upstream, worker } = this.#edge;
    await sendAll(this.#edge, mutate(this.#sound, new Dice(seed)));
    while (worker.openExchanges() > 0) await nextTurn();
    let found = '';
    for (const record of records.all.splice(0)) {
      this.#records.set(record.correlationId, record);
      if (record.reasons.includes('internal')) found ||= `${record.path} met a bug of ours`;
    }
    for (const connection of upstream.connections) found ||= this.#look(connection);
    return found;
  }

  #look(connection: RecordedConnection): string {
    const read = readRequests(connection.bytes);
    if (typeof read === 'string') return read;
    connection.bytes = read.rest;
    for (const [at, head] of read.heads.entries()) {
      const id = valuesOf(head, 'sallyport-request-id').join();
      // The first may be one whose body was still on its way the last time.
      const before = this.#sent.get(id);
      if (before !== undefined && !(before === connection && at === 0)) return 'sent twice';
      this.#sent.set(id, connection);
      const found = judge(head, this.#records.get(id));
      if (found !== '') return found;
    }
    return '';
  }
}

/** What is still open by then waits for bytes that do not come. */
const settledMs = 20;
/** For the bytes to be read. */
const readMs = 2;

/** Sends the bytes, says later that there are no more, and waits for the end of the connection. */
async function sendAll(edge: TestEdge, bytes: string): Promise<void> {
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
  let heard = false;
  socket.on('data', () => {
    heard = true;
  });
  const closed = new Promise<void>((done) => socket.once('close', () => done()));
  await once(socket, 'secureConnect');
  socket.write(bytes, 'latin1');
  const sentAt = performance.now();
  const wait = () => {
    const openMs = performance.now() - sentAt;
    if (openMs > settledMs || socket.destroyed) return false;
    return edge.worker.openExchanges() > 0 || (!heard && openMs < readMs);
  };
  while (wait()) await nextTurn();
  socket.end();
  await closed;
}

interface Head {
  readonly method: string;
  readonly target: string;
  /** Name in lower case, and value. */
  readonly lines: readonly (readonly [string, string])[];
}

/** The requests in the bytes, read as strictly as can be; `rest`: from the last on, if it is not whole. */
function readRequests(bytes: string): { heads: readonly Head[]; rest: string } | string {
  const heads: Head[] = [];
  let rest = bytes;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return { heads, rest };
    const head = readHead(rest.slice(0, end));
    if (typeof head === 'string') return `the upstream got ${JSON.stringify(head)}`;
    heads.push(head);
    const length = bodyLength(rest.slice(end + 4), head);
    if (length === null || rest.length < end + 4 + length) return { heads, rest };
    rest = rest.slice(end + 4 + length);
  }
}

/** The line that is none, in the place of a head that cannot be read. */
function readHead(text: string): Head | string {
  const [line = '', ...lines] = text.split('\r\n');
  const [, method, target] = /^([A-Z]+) (\/[\x21-\x7e]*) HTTP\/1\.1$/.exec(line) ?? [];
  if (method === undefined || target === undefined) return line;
  const read: (readonly [string, string])[] = [];
  for (const one of lines) {
    const [, name, value = ''] =
      /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\x20-\x7e\x80-\xff]*)$/.exec(one) ?? [];
    if (name === undefined) return one;
    read.push([name.toLowerCase(), value]);
  }
  return { method, target, lines: read };
}

/** null: it has not come to its end. */
function bodyLength(rest: string, head: Head): number | null {
  if (!valuesOf(head, 'transfer-encoding').includes('chunked')) {
    return Number(valuesOf(head, 'content-length')[0] ?? 0);
  }
  let at = 0;
  for (;;) {
    const [whole, size] = /^([0-9a-f]+)\r\n/i.exec(rest.slice(at)) ?? [];
    if (whole === undefined || size === undefined) return null;
    const length = Number.parseInt(size, 16);
    at += whole.length + length + 2;
    if (length === 0) return at;
  }
}

function valuesOf({ lines }: Head, name: string): string[] {
  return lines.filter(([other]) => other === name).map(([, value]) => value);
}

/** Whether what the upstream got is what was decided on, and nothing besides. */
function judge(head: Head, record: AccessRecord | undefined): string {
  const { method, target } = head;
  if (record === undefined) return `${target} was never decided on`;
  const { facts, host, outcome, path, userId } = record;
  if (outcome !== 'permit' || facts === null) return `${target} was not permitted`;
  const [forwarded] = target.split('?', 1);
  if (facts.request.path !== forwarded || path !== forwarded) {
    return `${target} was decided on as ${facts.request.path}`;
  }
  if (facts.request.method !== method) return `${method} was decided on as ${facts.request.method}`;
  const hosts = valuesOf(head, 'host').map((one) => one.replace(/:[0-9]+$/, ''));
  if (hosts.join() !== host || facts.request.host !== host) return `${host} became ${hosts.join()}`;
  const vouched = valuesOf(head, 'sallyport-assertion').map((one) => one.startsWith('eyJ'));
  if (vouched.join() !== (userId === null ? '' : 'true')) return `${target} is vouched for wrongly`;
  const framed = ['content-length', 'transfer-encoding'].flatMap((name) => valuesOf(head, name));
  if (framed.length > 1) return `${target} is framed twice`;
  const forwardedFor = valuesOf(head, 'x-forwarded-for');
  if (forwardedFor.join() !== record.sourceAddress)
    return `${target} comes from ${forwardedFor.join()}`;
  const cookies = valuesOf(head, 'cookie').join();
  return /(?:^|;)[\t ]*__host-sallyport[-=\t ]/i.test(cookies) ? `${target} brings ours` : '';
}
