import { createLog } from '@sallyport/shared/log';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call } from '../../request/testing/client.ts';
import { TestEdge } from '../../request/testing/edge.ts';
import { Collector } from '../../testing/collector.ts';
import { createCollector, type Deliver, type Delivery } from './collector.ts';
import type { Span } from './span.ts';
import { SpanExporter } from './span-exporter.ts';

const span = { traceId: 'a'.repeat(32) } as Span;
const logged: string[] = [];
const exporters: SpanExporter[] = [];

function exporter(deliver: Deliver): SpanExporter {
  const log = createLog('info', {}, (line) => logged.push(line));
  const made = new SpanExporter({ deliver, edge: 'edg_1', region: 'eu', log, pauseMs: 1 });
  exporters.push(made);
  return made;
}

function push(to: SpanExporter, count: number): void {
  for (let at = 0; at < count; at += 1) to.push(span);
}

beforeEach(() => {
  logged.length = 0;
});
afterEach(async () => {
  await Promise.all(exporters.splice(0).map((one) => one.stop(0)));
});

describe('spans on their way to a collector', () => {
  it('go by OTLP over HTTP, with the headers that it wants', async () => {
    const collector = await Collector.start();
    const url = `${collector.url}/v1/traces`;
    const spans = exporter(createCollector({ url, headers: { 'x-team': 'a' }, caPem: null }));
    push(spans, 3);
    await spans.stop(5_000);
    collector.stop();
    const [request] = collector.requests.all;
    expect(request).toMatchObject({
      path: '/v1/traces',
      headers: { 'content-type': 'application/json', 'x-team': 'a' },
      spans: [span, span, span],
    });
    expect(spans.counts).toEqual({ exported: 3, lost: 0, refused: 0 });
  });

  it('never wait, and are counted where there is no room', async () => {
    const { promise: answered, resolve: answer } = Promise.withResolvers<Delivery>();
    const spans = exporter(() => answered);
    push(spans, 10_000);
    expect(spans.counts).toEqual({ exported: 0, lost: 10_000 - 512 - 4_096, refused: 0 });
    answer({ kind: 'taken', rejected: 0 });
    await expect.poll(() => spans.counts.exported).toBe(512 + 4_096);
  });

  it('are tried again a few times, and then lost; the log says so once', async () => {
    const answers: Delivery[] = [
      ...Array.from(
        { length: 3 + 2 },
        () => ({ kind: 'not_now', problem: 'ECONNREFUSED' }) as const,
      ),
      { kind: 'taken', rejected: 0 },
    ];
    const spans = exporter(() =>
      Promise.resolve(answers.shift() ?? { kind: 'taken', rejected: 0 }),
    );
    push(spans, 512);
    await expect.poll(() => spans.counts.lost).toBe(512);
    push(spans, 512);
    await expect.poll(() => spans.counts).toEqual({ exported: 512, lost: 512, refused: 0 });
    const events = logged.map((line) => (JSON.parse(line) as { event: string }).event);
    expect(events).toEqual(['spans.not_taken', 'spans.taken_again']);
  });

  it.each([
    [400, '', { exported: 0, lost: 0, refused: 512 }],
    [302, '', { exported: 0, lost: 0, refused: 512 }],
    [503, '', { exported: 0, lost: 512, refused: 0 }],
    [200, '{"partialSuccess":{"rejectedSpans":"2"}}', { exported: 510, lost: 0, refused: 2 }],
    [200, '{"partialSuccess":{"rejectedSpans":"-9"}}', { exported: 512, lost: 0, refused: 0 }],
    [200, 'no JSON', { exported: 512, lost: 0, refused: 0 }],
  ])('are counted by what the collector answers: %s %s', async (status, body, counts) => {
    const collector = await Collector.start();
    collector.answer = { status, body };
    const spans = exporter(createCollector({ url: collector.url, headers: {}, caPem: null }));
    push(spans, 512);
    await expect.poll(() => spans.counts).toEqual(counts);
    collector.stop();
  });

  it('are lost where the edge ends and nobody takes them', async () => {
    const deliver: Deliver = (_body, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve({ kind: 'not_now', problem: 'aborted' }));
      });
    const spans = exporter(deliver);
    push(spans, 600);
    await spans.stop(1);
    expect(spans.counts).toEqual({ exported: 0, lost: 600, refused: 0 });
  });
});

describe('the span of a request', () => {
  let edge: TestEdge;
  let cookie: string;
  beforeAll(async () => {
    edge = await TestEdge.start();
    cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
  });
  afterAll(() => edge.stop());
  beforeEach(async () => {
    await edge.settle();
    edge.spans.length = 0;
  });

  const attributesOf = ({ attributes }: Span) =>
    Object.fromEntries(
      attributes.map(({ key, value }) => [key, Object.values(value)[0] as string]),
    );

  it('has the ids that the upstream gets, and hangs on the span of the client', async () => {
    const parent = 'b7ad6b7169203331';
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const headers = [`traceparent: 00-${traceId}-${parent}-00`];
    expect((await call(edge, { cookie, path: '/a?b=c', headers })).status).toBe(200);
    const record = await edge.records.next();
    const [made] = edge.spans;
    expect(made).toMatchObject({ traceId, parentSpanId: parent, name: 'GET app', kind: 2 });
    expect(record.traceparent).toBe(`00-${traceId}-${made?.spanId}-01`);
    expect(edge.upstream.bytes).toContain(`traceparent: ${record.traceparent}`);
    const times = [made?.startTimeUnixNano, made?.endTimeUnixNano].map(BigInt as never) as bigint[];
    expect(Number((times[1] ?? 0n) - (times[0] ?? 0n))).toBe(Math.round(record.totalMs * 1e6));
    expect(made === undefined ? {} : attributesOf(made)).toMatchObject({
      'http.request.method': 'GET',
      'http.response.status_code': '200',
      'url.path': '/a',
      'client.address': '127.0.0.1',
      'user.id': 'usr_alice',
      'sallyport.outcome': 'permit',
      'sallyport.reason': 'rule_allowed',
      'sallyport.request_id': record.correlationId,
    });
  });

  it('has nothing in its name that a client can choose', async () => {
    await call(edge, { method: 'TRACE', path: '/x' });
    await call(edge, { host: 'app.corp.test', path: '/y', device: edge.stranger });
    expect(edge.spans.map(({ name }) => name)).toEqual(['_OTHER', 'GET app']);
  });
});
