import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call } from './testing/client.ts';
import { TestEdge } from './testing/edge.ts';
import { createNextTraceparent, isContinued, isSampled, parentOf } from './trace.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const parentId = 'b7ad6b7169203331';
const sent = `00-${traceId}-${parentId}-01`;
const always = createNextTraceparent(1);

describe('the trace of a request', () => {
  it.each([
    sent,
    `00-${traceId}-${parentId}-00`,
    `00-${traceId}-${parentId}-ff`,
    // A later version may have more to say behind what we know.
    `01-${traceId}-${parentId}-01`,
    `cc-${traceId}-${parentId}-01-what-the-future-holds`,
  ])('goes on with a span of ours: %s', (valid) => {
    const next = always(valid);
    expect(next).toMatch(new RegExp(`^00-${traceId}-(?!${parentId})[0-9a-f]{16}-01$`));
    expect([isContinued(valid, next), parentOf(valid)]).toEqual([true, parentId]);
  });

  it.each([
    null,
    '',
    '00-',
    `ff-${traceId}-${parentId}-01`,
    `00-${'0'.repeat(32)}-${parentId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId}-${parentId}-01-more`,
    `00-${traceId.toUpperCase()}-${parentId}-01`,
    `00-${traceId}-${parentId}-1`,
    `00-${traceId}-${parentId}`,
    ` ${sent}`,
    `${sent}, ${sent}`,
  ])('begins anew where what was sent is not valid: %s', (invalid) => {
    const next = always(invalid);
    expect(next).toMatch(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01$/);
    expect([next.includes(traceId), isContinued(invalid, next)]).toEqual([false, false]);
    expect(parentOf(invalid)).toBeNull();
  });

  it('is sampled as often as we say, whatever a client says', () => {
    const never = createNextTraceparent(0);
    const tenth = createNextTraceparent(0.1);
    const sampled = (next: (sent: string) => string) =>
      Array.from({ length: 5_000 }, () => next(sent)).filter(isSampled).length;
    expect([sampled(always), sampled(never)]).toEqual([5_000, 0]);
    // Further from 500 than this once in more than 10^9 runs.
    expect(Math.abs(sampled(tenth) - 500)).toBeLessThan(150);
  });
});

describe('the state of a trace', () => {
  let edge: TestEdge;
  let cookie: string;
  beforeAll(async () => {
    edge = await TestEdge.start();
    cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
  });
  afterAll(() => edge.stop());
  beforeEach(() => edge.settle());

  const upstreamLines = async (headers: readonly string[]) => {
    expect((await call(edge, { cookie, headers })).status).toBe(200);
    const lines = edge.upstream.bytes.split('\r\n');
    return lines.filter((line) => /^trace/i.test(line)).toSorted();
  };

  it('goes on with the trace, as it was sent', async () => {
    const lines = ['tracestate: a=1,b=2', 'Tracestate: c=3'];
    expect(await upstreamLines([`traceparent: ${sent}`, ...lines])).toEqual([
      expect.stringContaining(`traceparent: 00-${traceId}-`),
      'tracestate: a=1,b=2,c=3',
    ]);
  });

  it.each([
    ['there is no trace', []],
    ['the trace is not valid', ['traceparent: 00-']],
    ['there are two traces', [`traceparent: ${sent}`, `traceparent: ${sent}`]],
  ])('is dropped where %s', async (_why, headers) => {
    expect(await upstreamLines([...headers, 'tracestate: a=1'])).toEqual([
      expect.not.stringContaining(traceId),
    ]);
  });
});
