import { describe, expect, it } from 'vitest';
import { upstreamConfig } from './upstream-config.ts';

const timesOf = (written: object) =>
  upstreamConfig({ url: 'https://calls.corp.example', ...written }, () => undefined).timeouts;

describe('how long an upstream may be quiet', () => {
  it('is a minute, and for calls of gRPC without end, unless the route says otherwise', () => {
    expect(timesOf({})).toMatchObject({
      headersMs: 60_000,
      idleMs: 60_000,
      calls: { headersMs: null, idleMs: null },
    });
    expect(timesOf({ timeouts: { headers: '5s', idle: '2m' } })).toMatchObject({
      headersMs: 5_000,
      idleMs: 120_000,
      calls: { headersMs: 5_000, idleMs: 120_000 },
    });
  });
});
