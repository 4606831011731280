import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callStatus, isCallType, timeoutMsOf } from './grpc.ts';
import { failures, notices, refusals } from './words.ts';

describe('a call of gRPC', () => {
  it.each([
    ['application/grpc', true],
    ['application/grpc+proto', true],
    ['application/grpc;charset=utf-8', true],
    ['application/grpc-web', false],
    ['application/grpc-web+proto', false],
    ['application/grpcx', false],
    ['text/application/grpc', false],
    ['', false],
  ])('is known by its content type: %s', (type, is) => {
    expect(isCallType(type)).toBe(is);
  });

  it.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['30S', 30_000],
    ['500m', 500],
    ['1000u', 1],
    ['5000000n', 5],
    ['0S', 0],
    ['99999999n', 99.999999],
    // More than a timer can count is none: it would be over at once.
    ['99999999H', null],
    ['', null],
    ['1', null],
    ['H', null],
    ['1h', null],
    ['-1S', null],
    ['1.5S', null],
    ['123456789S', null],
    [' 1S', null],
  ])('has so much time: %s', (written, milliseconds) => {
    const read = timeoutMsOf(written);
    if (milliseconds === null) expect(read).toBeNull();
    else expect(read).toBeCloseTo(milliseconds, 6);
  });
});

describe('the status of a call', () => {
  it('follows that of HTTP, as the gRPC project maps them', () => {
    const statusOf = (status: number) => callStatus({ status, code: 'a', sentence: 'b' })[1];
    const all = [400, 401, 403, 404, 429, 502, 503, 504, 405, 408, 421, 500].map(statusOf);
    expect(all).toEqual(['13', '16', '7', '12', '14', '14', '14', '14', '2', '2', '2', '2']);
    expect(callStatus({ status: 504, code: 'deadline_exceeded', sentence: '' })[1]).toBe('4');
  });

  it('has a message that comes out as it went in, and travels as printable ASCII', () => {
    const travels = (sentence: string) => {
      const message = callStatus({ status: 403, code: 'a', sentence })[3] ?? '';
      expect(message).toMatch(/^[\x20-\x7e]*$/);
      expect(decodeURIComponent(message)).toBe(`a: ${sentence}`);
    };
    travels('100 % née\r\nx: y');
    const all: { readonly sentence: string }[] = [
      ...Object.values(failures),
      ...Object.values(refusals),
      ...Object.values(notices),
    ];
    for (const { sentence } of all) travels(sentence);
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => travels(text.toWellFormed())));
  });
});
