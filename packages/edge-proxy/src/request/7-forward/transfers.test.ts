import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Application, startApplication } from '../testing/application.ts';
import { call, RawClient } from '../testing/client.ts';
import { TestEdge } from '../testing/edge.ts';
import { heldBytes } from '../testing/memory.ts';
import { Oracle } from '../testing/oracle.ts';
import { standsStill } from '../testing/stand-still.ts';

let edge: TestEdge;
let alice: Oracle;
let application: Application;
let serve: (request: IncomingMessage, response: ServerResponse) => void;
beforeAll(async () => {
  edge = await TestEdge.start();
  alice = await Oracle.of(edge);
  application = await startApplication(edge, (request, response) => serve(request, response));
});
afterAll(async () => {
  await edge.stop();
  await application.close();
});
beforeEach(() => edge.settle());

const mebibyte = 1024 * 1024;
/** On a machine that has other things to do. */
const patient = { timeout: 90_000 };

describe('a part of a file', () => {
  const file = Buffer.from(Array.from({ length: 1_000 }, (_, at) => at % 251));

  /** As RFC 9110, section 14, has it, for one range or several. */
  function serveRanges(request: IncomingMessage, response: ServerResponse): void {
    const { range, 'if-range': ifRange } = request.headers;
    const usual = { 'Accept-Ranges': 'bytes', ETag: '"v1"' };
    if (range === undefined || (ifRange !== undefined && ifRange !== '"v1"')) {
      response.writeHead(200, { ...usual, 'Content-Length': file.length }).end(file);
      return;
    }
    const parts = range
      .slice('bytes='.length)
      .split(',')
      .map((one) => {
        const [from = '', to = ''] = one.trim().split('-');
        return from === ''
          ? [file.length - Number(to), file.length - 1]
          : [Number(from), to === '' ? file.length - 1 : Number(to)];
      }) as [number, number][];
    if (parts.some(([from]) => from >= file.length)) {
      response.writeHead(416, { 'Content-Range': `bytes */${file.length}` }).end();
      return;
    }
    const told = ([from, to]: [number, number]) => `bytes ${from}-${to}/${file.length}`;
    const [first, ...more] = parts as [[number, number], ...[number, number][]];
    if (more.length === 0) {
      const body = file.subarray(first[0], first[1] + 1);
      const own = { 'Content-Range': told(first), 'Content-Length': body.length };
      response.writeHead(206, { ...usual, ...own }).end(body);
      return;
    }
    const body = parts.map((part) =>
      Buffer.concat([
        Buffer.from(`--limit\r\nContent-Range: ${told(part)}\r\n\r\n`),
        file.subarray(part[0], part[1] + 1),
        Buffer.from('\r\n'),
      ]),
    );
    response.writeHead(206, { 'Content-Type': 'multipart/byteranges; boundary=limit' });
    response.end(Buffer.concat([...body, Buffer.from('--limit--\r\n')]));
  }

  const text = (from: number, to: number) => file.subarray(from, to + 1).toString('latin1');

  it.each([
    ['from the beginning', ['Range: bytes=0-99'], 206, 'bytes 0-99/1000', text(0, 99)],
    ['from its middle on', ['Range: bytes=900-'], 206, 'bytes 900-999/1000', text(900, 999)],
    ['from its end', ['Range: bytes=-5'], 206, 'bytes 995-999/1000', text(995, 999)],
    [
      'if it is the same',
      ['Range: bytes=1-2', 'If-Range: "v1"'],
      206,
      'bytes 1-2/1000',
      text(1, 2),
    ],
    ['or all of another', ['Range: bytes=1-2', 'If-Range: "v0"'], 200, undefined, text(0, 999)],
    ['that it does not have', ['Range: bytes=5000-'], 416, 'bytes */1000', ''],
  ])('is asked for and given as they say it: %s', async (_name, headers, status, told, body) => {
    serve = serveRanges;
    const response = await call(edge, { cookie: alice.cookie, path: '/file', headers });
    expect([response.status, response.header('content-range')]).toEqual([status, told]);
    expect(response.body === body).toBe(true);
    if (status < 400) expect(response.header('accept-ranges')).toBe('bytes');
    expect(response.header('etag')).toBe(status < 400 ? '"v1"' : undefined);
  });

  it('may be several at once', async () => {
    serve = serveRanges;
    const headers = ['Range: bytes=0-1, 500-501'];
    const response = await call(edge, { cookie: alice.cookie, headers });
    expect(response.status).toBe(206);
    expect(response.header('content-type')).toBe('multipart/byteranges; boundary=limit');
    expect(response.body).toContain(`bytes 0-1/1000\r\n\r\n${text(0, 1)}\r\n`);
    expect(response.body).toContain(`bytes 500-501/1000\r\n\r\n${text(500, 501)}\r\n--limit--`);
  });
});

describe('a stream of events', () => {
  it('comes event by event, goes on where it broke off, and ends with the access to it', async () => {
    let stream: ServerResponse | undefined;
    let lastId: unknown;
    serve = (request, response) => {
      lastId = request.headers['last-event-id'];
      stream = response;
      response.writeHead(200, {
        'Content-Type': 'text/event-stream',
        'Cache-Control': 'no-cache',
        'X-Accel-Buffering': 'no',
      });
      response.flushHeaders();
    };
    const client = await alice.connect();
    client.send(
      alice.request('GET /events HTTP/1.1', 'Accept: text/event-stream', 'Last-Event-ID: 41'),
    );
    // The head is there before the first event is.
    const head = await client.until(/\r\n\r\n/);
    expect(head).toMatch(/content-type: text\/event-stream\r\n/i);
    expect(head).toMatch(/cache-control: no-cache\r\n/i);
    expect(head).not.toMatch(/content-length/i);
    expect(lastId).toBe('41');
    for (let id = 42; id < 52; id += 1) {
      stream?.write(`id: ${id}\ndata: ${'x'.repeat(id)}\n\n`);
      // None is held back for the next.
      await client.until(new RegExp(`id: ${id}\ndata: x+\n\n`));
    }
    const ended = new Promise<void>((done) => stream?.once('close', () => done()));
    const alicesOwn = { revocationId: 'rev_sse', kind: 'user', subjectId: 'usr_alice' } as const;
    await edge.apply('revoke', { op: 'block', expiresAtMs: null, ...alicesOwn });
    await client.closed();
    await ended;
    expect(client.received).not.toMatch(/0\r\n\r\n$/);
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]).toMatchObject({ status: 200, ending: 'revoked' });
    await edge.apply('revoke', { op: 'lifted_block', ...alicesOwn });
  });
});

describe('the first of a body', () => {
  it('leaves with its head where the rest is long in coming, and comes once', async () => {
    let stream: ServerResponse | undefined;
    serve = (_request, response) => {
      stream = response;
      // Node sends it in one packet with the head.
      response.write('first');
    };
    const client = await alice.connect();
    client.send(alice.request('GET /first HTTP/1.1'));
    const begun = await client.until(/5\r\nfirst\r\n/);
    stream?.write('second');
    stream?.end('last');
    const rest = await client.until(/0\r\n\r\n/);
    expect(begun.match(/HTTP\/1\.1 200/g)).toHaveLength(1);
    expect(rest.replace(/^[0-9a-f]+\r\n|\r\n/gm, '')).toBe('secondlast');
  });
});

describe('what is large', () => {
  const total = 64 * mebibyte;
  const chunk = Buffer.alloc(65_536, 'abcdefg');
  const hashOfAll = (() => {
    const hash = createHash('sha256');
    for (let sent = 0; sent < total; sent += chunk.length) hash.update(chunk);
    return hash.digest('hex');
  })();

  it('goes up as fast as the application reads, and is nowhere kept', patient, async () => {
    let body: IncomingMessage | undefined;
    let received = 0;
    const hash = createHash('sha256');
    serve = (request, response) => {
      body = request.pause();
      request.on('data', (data: Buffer) => {
        received += data.length;
        hash.update(data);
      });
      request.on('end', () => response.end(hash.digest('hex')));
    };
    const client = await alice.connect();
    client.send(alice.request('PUT /up HTTP/1.1', `Content-Length: ${total}`));
    const before = heldBytes();
    let sent = 0;
    const upload = (async () => {
      while (sent < total) {
        sent += chunk.length;
        if (client.socket.write(chunk)) continue;
        await new Promise<void>((done) => client.socket.once('drain', done));
      }
    })();
    await standsStill(() => sent);
    expect(received).toBe(0);
    expect(sent).toBeLessThan(total / 2);
    // What is in between is in the buffers of the system, and no more than a few pieces in ours.
    expect(heldBytes() - before).toBeLessThan(8 * mebibyte);
    body?.resume();
    await upload;
    expect((await client.response()).body).toBe(hashOfAll);
    expect(received).toBe(total);
    client.close();
  });

  it('row 135: comes down as fast as the client reads, and is nowhere kept', patient, async () => {
    let sent = 0;
    serve = (_request, response) => {
      response.writeHead(200, { 'Content-Length': total });
      const more = (): void => {
        while (sent < total) {
          sent += chunk.length;
          if (!response.write(chunk)) {
            response.once('drain', more);
            return;
          }
        }
        response.end();
      };
      more();
    };
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    client.send(alice.request('GET /down HTTP/1.1'));
    const before = heldBytes();
    await client.until(/\r\n\r\n/);
    client.socket.pause();
    await standsStill(() => sent);
    expect(sent).toBeLessThan(total / 2);
    expect(heldBytes() - before).toBeLessThan(8 * mebibyte);
    client.socket.resume();
    const hash = createHash('sha256').update(await client.take(total), 'latin1');
    expect(hash.digest('hex')).toBe(hashOfAll);
    client.close();
  });
});
