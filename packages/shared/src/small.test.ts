import { describe, expect, it } from 'vitest';
import { errorCodes, problemDocument, SallyportError } from './errors.ts';
import { formatHostPort, parseHostPort } from './host-port.ts';
import { isId, newId } from './ids.ts';
import { nearest } from './nearest.ts';
import { retryDelayMs } from './retry.ts';

describe('ids', () => {
  it('have a prefix and 130 random bits, and are told apart by prefix', () => {
    const ids = new Set(Array.from({ length: 1000 }, () => newId('usr')));
    expect(ids.size).toBe(1000);
    for (const id of ids) {
      expect(isId('usr', id)).toBe(true);
      expect(isId('dev', id)).toBe(false);
    }
    expect(isId('usr', 'usr_x')).toBe(false);
    expect(isId('usr', `${newId('usr')}x`)).toBe(false);
    expect(isId('usr', newId('usr').toUpperCase())).toBe(false);
  });
});

describe('errors', () => {
  it('become problem documents without their cause', () => {
    const problems = [{ field: '/a', message: 'is missing' }];
    const error = new SallyportError('invalid_request', 'No', { cause: 'hunter2', problems });
    const document = problemDocument(error, 'req_1');
    expect(document).toEqual({
      type: 'https://sallyport.dev/problems/invalid_request',
      title: 'The request is not valid',
      status: 400,
      detail: 'No',
      code: 'invalid_request',
      correlationId: 'req_1',
      errors: problems,
    });
    expect(JSON.stringify(document)).not.toContain('hunter2');
  });

  it('all have a status of failure and a title', () => {
    for (const { status, title } of Object.values(errorCodes)) {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(title).toMatch(/^[A-Z].*[^.]$/);
    }
  });
});

describe('the nearest word', () => {
  it.each([
    ['pth', 'path'],
    ['hots', 'host'],
    ['POLICIES', 'policies'],
    ['zzz', null],
    ['x'.repeat(1000), null],
    ['', null],
  ])('of %s is %s', (word, expected) => {
    expect(nearest(word, ['host', 'path', 'methods', 'policies'])).toBe(expected);
  });
});

describe('the delay before a retry', () => {
  it('is spread from nothing to a ceiling that doubles up to its maximum', () => {
    const backoff = { firstMs: 100, maxMs: 1000 };
    expect(retryDelayMs(0, backoff, 0)).toBe(0);
    const ceilings = [0, 1, 2, 3, 4, 1000].map((attempt) => retryDelayMs(attempt, backoff, 0.9999));
    expect(ceilings).toEqual([99, 199, 399, 799, 999, 999]);
  });
});

describe('host and port', () => {
  it('are written as they are read', () => {
    for (const text of ['localhost:0', '10.0.0.1:65535', '[::1]:8443']) {
      const parsed = parseHostPort(text);
      expect(parsed === null ? null : formatHostPort(parsed)).toBe(text);
    }
    expect(parseHostPort('[nonsense]:1')).toBeNull();
  });
});
