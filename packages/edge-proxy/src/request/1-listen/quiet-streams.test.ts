import { once } from 'node:events';
import { connect as connectHttp2, createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import { describe, expect, it } from 'vitest';
import type { ClientExchange, RawRequest } from '../client/exchange.ts';
import { Http2Exchange } from '../client/http2.ts';
import type { ClientConnection } from '../exchange.ts';
import { ExchangeList } from '../exchange-list.ts';
import { TestPki } from '../testing/pki.ts';
import { Http1Requests, http1Options } from './http1.ts';

describe('a response that is quiet for long', () => {
  it('is left alone over HTTP/1.1, where a connection that is idle is not', async () => {
    const pki = await TestPki.create();
    const { cert, key } = await pki.servers('app.corp.test');
    const server = createServer({ cert, key, ...http1Options });
    const client = { exchanges: new ExchangeList() } as unknown as ClientConnection;
    const received: ClientExchange[] = [];
    new Http1Requests(() => client, {
      received: (_connection, _raw, exchange) => {
        received.push(exchange);
        client.exchanges.add(exchange as never);
      },
      unreadable: () => false,
      unanswerable: () => undefined,
    }).serve(server);
    // So that the test need not wait for it.
    server.timeout = 100;
    server.keepAliveTimeout = 100;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const socket = connect({ port, ca: pki.server.certificatePem, servername: 'app.corp.test' });
    await once(socket, 'secureConnect');
    socket.write('GET / HTTP/1.1\r\nHost: app.corp.test\r\n\r\n');
    await once(server, 'timeout');
    received[0]?.answer(200, ['X-Late', 'yes'], null, 0);
    const [text] = (await once(socket, 'data')) as [Buffer];
    expect(text.toString()).toContain('X-Late: yes');
    for (const one of client.exchanges) client.exchanges.delete(one);
    await Promise.all([once(server, 'timeout'), once(socket, 'close')]);
    server.close();
  });

  it('has no limit of its own over HTTP/2', async () => {
    const pki = await TestPki.create();
    const { cert, key } = await pki.servers('app.corp.test');
    const server = createSecureServer({ cert, key });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const session = connectHttp2(`https://127.0.0.1:${(server.address() as AddressInfo).port}`, {
      ca: pki.server.certificatePem,
      servername: 'app.corp.test',
    });
    session.request().on('error', () => undefined);
    const [stream] = (await once(server, 'stream')) as [ServerHttp2Stream];
    new Http2Exchange(stream, { upgrading: false } as RawRequest, () => undefined);
    expect((stream as unknown as { timeout?: number }).timeout ?? 0).toBe(0);
    session.destroy();
    server.close();
  });
});
