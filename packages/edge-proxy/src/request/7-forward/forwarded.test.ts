import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call } from '../testing/client.ts';
import { testDocuments } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';
import { pushForwarded } from './forwarded.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());
beforeEach(() => edge.settle());

const forwarding =
  /^(x[^a-z0-9]?)?(forwarded|real|original|client|cluster|remote|scheme|true|front|cf|wl|proxy)[^:]*:.*$/gim;
const said = (): string[] =>
  (edge.upstream.bytes.match(forwarding) ?? []).map((line) => line.trimEnd());

describe('where a request comes from', () => {
  it('is said to the upstream by this edge, in each way that applications ask for it', async () => {
    await call(edge, { host: 'pub.corp.test' });
    expect(said()).toEqual([
      'X-Forwarded-For: 127.0.0.1',
      'X-Forwarded-Proto: https',
      `X-Forwarded-Host: pub.corp.test:${edge.port}`,
      `X-Forwarded-Port: ${edge.port}`,
      `Forwarded: for=127.0.0.1;host="pub.corp.test:${edge.port}";proto=https`,
    ]);
  });

  it('is said by nobody else, whatever the spelling (row 17 and its like)', async () => {
    const names = [
      'Forwarded',
      'X-Forwarded-For',
      'X-Forwarded-Proto',
      'X-Forwarded-Host',
      'X-Forwarded-Port',
      'X-Forwarded-Prefix',
      'X-Forwarded-Anything',
      'Forwarded-For',
      'X-Original-Forwarded-For',
      'X-Original-Proto',
      'X-Real-IP',
      'X-Real-Port',
      'X-Remote-Addr',
      'X-Scheme',
      'Front-End-Https',
      'True-Client-IP',
      'CF-Connecting-IPv6',
      'WL-Proxy-Client-IP',
      'Proxy-Client-IP',
    ];
    const spellings = names.flatMap((name) => [
      name.toLowerCase(),
      name.toUpperCase(),
      name.replaceAll('-', '_'),
      name.replaceAll('-', '.'),
    ]);
    await call(edge, {
      host: 'pub.corp.test',
      headers: spellings.map((name) => `${name}: for=6.6.6.6;host=evil.test;proto=http`),
    });
    expect(edge.upstream.bytes).not.toMatch(/6\.6\.6\.6|evil/);
    expect(said().length).toBe(5);
  });

  it('does not go on what a front proxy said besides the address it is believed about', async () => {
    const documents = testDocuments(edge.pki, edge.upstream.port).map((document) =>
      document.kind === 'Settings'
        ? {
            ...document,
            spec: {
              ...document.spec,
              network: {
                internal: ['127.0.0.0/8'],
                frontProxies: [
                  { networks: ['127.0.0.1/32'], protocol: 'x-forwarded-for' as const },
                ],
              },
            },
          }
        : document,
    );
    await edge.apply('config', ...edge.configuration(documents));
    await call(edge, {
      host: 'pub.corp.test',
      headers: [
        'X-Forwarded-For: 1.2.3.4, 2001:db8::7',
        'X-Forwarded-Host: evil.test',
        'X-Forwarded-Proto: http',
        'Forwarded: for=1.2.3.4;host=evil.test;proto=http',
      ],
    });
    expect(said()).toEqual([
      'X-Forwarded-For: 2001:db8::7',
      'X-Forwarded-Proto: https',
      `X-Forwarded-Host: pub.corp.test:${edge.port}`,
      `X-Forwarded-Port: ${edge.port}`,
      `Forwarded: for="[2001:db8::7]";host="pub.corp.test:${edge.port}";proto=https`,
    ]);
    await edge.apply('config', ...edge.configuration(testDocuments(edge.pki, edge.upstream.port)));
  });

  it('names the usual port without a client’s word for it', () => {
    const lines: string[] = [];
    pushForwarded(lines, '192.0.2.1', 'app.corp.test');
    expect(lines.slice(6)).toEqual([
      'X-Forwarded-Port',
      '443',
      'Forwarded',
      'for=192.0.2.1;host=app.corp.test;proto=https',
    ]);
  });
});
