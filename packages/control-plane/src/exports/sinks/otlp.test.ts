import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseNetwork } from '@sallyport/policy';
import { type Authority, createAuthority } from '@sallyport/shared/pki/issue';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testLog } from '../../testing/database.ts';
import { exportRow, exportRows, hostileTexts } from '../../testing/export-rows.ts';
import { httpsServer } from '../../testing/https-server.ts';
import { createPoster } from '../http.ts';
import type { ExportRow } from '../rows/row.ts';
import { createOtlpSink } from './otlp.ts';
import { otlpLogs } from './otlp-form.ts';

interface LogRecord {
  readonly timeUnixNano: string;
  readonly observedTimeUnixNano: string;
  readonly severityNumber: number;
  readonly eventName: string;
  readonly body: { readonly stringValue: string };
  readonly attributes: readonly {
    readonly key: string;
    readonly value: Readonly<Record<string, unknown>>;
  }[];
  readonly traceId?: string;
  readonly spanId?: string;
}

function recordsOf(body: string): readonly LogRecord[] {
  const { resourceLogs } = JSON.parse(body) as {
    resourceLogs: { scopeLogs: { logRecords: LogRecord[] }[] }[];
  };
  return resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap((scope) => scope.logRecords));
}

function formed(row: ExportRow): LogRecord {
  const [record] = recordsOf(otlpLogs([row], 'replica-1'));
  if (record === undefined) throw new Error('no record');
  return record;
}

const positionOf = ({ attributes }: LogRecord): number =>
  Number(attributes.find(({ key }) => key === 'sallyport.position')?.value['intValue']);

describe('a log record', () => {
  it('has the names of the semantic conventions, and integers as texts', () => {
    const record = formed(
      exportRow(7, {
        severity: 'warning',
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        fields: [
          ['method', 'GET'],
          ['status', 403],
          ['userId', 'usr_a'],
          ['reason', 'group_missing'],
          ['configVersion', 3],
          ['deviceId', null],
        ],
      }),
    );
    expect(record).toMatchObject({
      timeUnixNano: '1795420800123000000',
      observedTimeUnixNano: '1795420801123000000',
      severityNumber: 13,
      severityText: 'WARN',
      eventName: 'sallyport.access',
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      spanId: '00f067aa0ba902b7',
      attributes: [
        { key: 'sallyport.position', value: { intValue: '7' } },
        { key: 'http.request.method', value: { stringValue: 'GET' } },
        { key: 'http.response.status_code', value: { intValue: '403' } },
        { key: 'user.id', value: { stringValue: 'usr_a' } },
        { key: 'sallyport.reason', value: { stringValue: 'group_missing' } },
        { key: 'sallyport.config_version', value: { intValue: '3' } },
      ],
    });
  });

  it.each(hostileTexts)('is sound whatever text is in a row (%#)', (text) => {
    const record = formed(
      exportRow(1, { fields: [['path', text]], value: { path: text }, traceparent: text }),
    );
    const value = JSON.parse(record.body.stringValue) as { path: string; truncated?: boolean };
    expect(Buffer.byteLength(record.body.stringValue)).toBeLessThanOrEqual(65_536);
    if (value.truncated !== true) expect(value.path).toBe(text);
    expect(record).not.toHaveProperty('traceId');
    const path = record.attributes.find(({ key }) => key === 'url.path')?.value['stringValue'];
    if (text !== '') expect(String(path).isWellFormed()).toBe(true);
  });

  it.each([
    [Number.NaN, '0'],
    [-5, '0'],
    [8.64e15, '9223372036854000000'],
  ])('has a time that fits for %d', (timeMs, expected) => {
    expect(formed(exportRow(1, { timeMs })).timeUnixNano).toBe(expected);
  });
});

describe('the OTLP sink', () => {
  const host = 'otel.corp.localhost';
  const internal = [parseNetwork('127.0.0.0/8')].filter((network) => network !== null);
  const { signal } = new AbortController();
  let authority: Authority;
  let origin = '';
  let taken: number[] = [];
  let asked: { headers: IncomingMessage['headers']; positions: number[] }[] = [];
  type Reply = (positions: readonly number[], response: ServerResponse) => boolean;
  /** Answers itself, or leaves it to the server to take the rows: false. */
  let reply: Reply = () => false;

  beforeAll(async () => {
    authority = await createAuthority({ name: 'test', days: 1 });
    ({ origin } = await httpsServer(authority, host, (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const positions = recordsOf(Buffer.concat(chunks).toString('utf8')).map(positionOf);
        asked.push({ headers: request.headers, positions });
        if (reply(positions, response)) return;
        taken.push(...positions);
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    }));
  });
  beforeEach(() => {
    taken = [];
    asked = [];
    reply = () => false;
  });
  const sinkTo = (
    more: { authorities?: string | null; timeoutMs?: number; authorization?: string } = {},
  ) =>
    createOtlpSink({
      name: 'otel',
      poster: createPoster({
        url: `${origin}/v1/logs`,
        authorities: more.authorities === undefined ? authority.certificatePem : more.authorities,
        internal,
        timeoutMs: more.timeoutMs ?? 10_000,
      }),
      replica: 'replica-1',
      authorization: () => Promise.resolve(more.authorization ?? null),
      log: testLog,
    });
  const answer =
    (status: number, headers: Record<string, string> = {}, body = ''): Reply =>
    (_, response) => {
      response.writeHead(status, headers).end(body);
      return true;
    };

  it('posts rows as JSON, with the value of its secret', async () => {
    const sink = sinkTo({ authorization: 'Bearer abc' });
    expect(await sink.send(exportRows(1, 3), signal)).toEqual({ rejected: 0 });
    expect(taken).toEqual([1, 2, 3]);
    expect(asked[0]?.headers).toMatchObject({
      'content-type': 'application/json',
      authorization: 'Bearer abc',
    });
    await sink.close();
  });

  it('does not send again what a partial success left out', async () => {
    reply = answer(200, {}, '{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"no"}}');
    expect(await sinkTo().send(exportRows(1, 5), signal)).toEqual({ rejected: 2 });
    for (const body of ['', 'null', '[]', '{"partialSuccess":null}', '{"partialSuccess":7}']) {
      reply = answer(200, {}, body);
      expect(await sinkTo().send(exportRows(1, 2), signal)).toEqual({ rejected: 0 });
    }
    reply = answer(200, {}, '{"partialSuccess":{"rejectedLogRecords":"9e9"}}');
    expect(await sinkTo().send(exportRows(1, 2), signal)).toEqual({ rejected: 2 });
  });

  it('leaves a receiver alone for as long as it asks, an hour at the most', async () => {
    for (const [header, retryAfterMs] of [
      ['7', 7_000],
      ['99999999', 3_600_000],
      ['-1', 0],
      ['soon', null],
    ] as const) {
      reply = answer(429, { 'retry-after': header });
      const failure = await sinkTo()
        .send(exportRows(1, 1), signal)
        .catch((error: unknown) => error);
      expect(failure).toMatchObject({ message: 'the receiver answered 429', retryAfterMs });
    }
  });

  it.each([301, 307, 401, 403, 404, 500, 503])('keeps the rows on %d', async (status) => {
    reply = answer(status, { location: `${origin}/elsewhere` }, 'x'.repeat(1_000_000));
    await expect(sinkTo().send(exportRows(1, 2), signal)).rejects.toThrow(
      `the receiver answered ${status}`,
    );
    expect(asked).toHaveLength(1);
  });

  it('leaves out the row alone that is refused, where others are taken', async () => {
    reply = (positions, response) => {
      if (!positions.includes(77)) return false;
      response.writeHead(400).end();
      return true;
    };
    expect(await sinkTo().send(exportRows(1, 500), signal)).toEqual({ rejected: 1 });
    expect(taken).toEqual(
      exportRows(1, 500).flatMap(({ position }) => (position === 77 ? [] : [position])),
    );
    // One that refuses everything does not object to the rows.
    reply = answer(400);
    await expect(sinkTo().send(exportRows(1, 500), signal)).rejects.toThrow('answered 400');
    await expect(sinkTo().send(exportRows(77, 77), signal)).rejects.toThrow('takes no row');
  });

  it('halves a batch that is too large', async () => {
    reply = (positions, response) => {
      if (positions.length <= 10) return false;
      response.writeHead(413).end();
      return true;
    };
    expect(await sinkTo().send(exportRows(1, 100), signal)).toEqual({ rejected: 0 });
    expect(taken).toHaveLength(100);
  });

  it('gives up on one that resets, drips, is silent or is not the right one', async () => {
    reply = (_, response) => {
      response.socket?.destroy();
      return true;
    };
    await expect(sinkTo().send(exportRows(1, 1), signal)).rejects.toThrow(/UND_ERR|ECONNRESET/);
    reply = (_, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(drip));
      return true;
    };
    const slow = () => sinkTo({ timeoutMs: 300 }).send(exportRows(1, 1), signal);
    await expect(slow()).rejects.toThrow('no answer in time');
    reply = () => true;
    await expect(slow()).rejects.toThrow(/no answer in time|UND_ERR/);
    asked = [];
    const untrusted = sinkTo({ authorities: null }).send(exportRows(1, 1), signal);
    await expect(untrusted).rejects.toThrow(/CERT|UNABLE_TO_VERIFY/);
    expect(asked).toEqual([]);
  });
});
