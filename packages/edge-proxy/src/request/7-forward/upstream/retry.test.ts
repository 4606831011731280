import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { afterRequestOf, afterRetry, type Failed, firstSavings, whereAgain } from './retry.ts';

const percent = fc.integer({ min: 0, max: 50 });

describe('the budget of retries', () => {
  it('is never more than its share of the requests, and one, whenever it is used', () => {
    fc.assert(
      fc.property(percent, fc.array(fc.boolean(), { maxLength: 2_000 }), (budget, failures) => {
        let saved = firstSavings(budget);
        let retries = 0;
        for (const [at, failed] of failures.entries()) {
          saved = afterRequestOf(saved, budget);
          const left = failed ? afterRetry(saved) : null;
          if (left !== null) {
            saved = left;
            retries += 1;
          }
          expect(retries).toBeLessThanOrEqual(((at + 1) * budget) / 100 + 1);
        }
        if (budget === 0) expect(retries).toBe(0);
      }),
    );
  });

  it('saves up no more than ten', () => {
    let saved = firstSavings(10);
    for (let count = 0; count < 10_000; count += 1) saved = afterRequestOf(saved, 10);
    let retries = 0;
    for (let left = afterRetry(saved); left !== null; left = afterRetry(left)) retries += 1;
    expect(retries).toBe(10);
  });
});

describe('a request that failed', () => {
  const failed = fc.record<Failed>({
    method: fc.constantFrom('GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'POST', 'PATCH', 'PURGE'),
    bodyGone: fc.boolean(),
    webSocket: fc.boolean(),
    sent: fc.boolean(),
    refused: fc.boolean(),
    broke: fc.boolean(),
    answered: fc.boolean(),
    late: fc.boolean(),
  });

  it('is not tried again with a body, after an answer began, too late, or where it may have been done', () => {
    fc.assert(
      fc.property(failed, (request) => {
        const where = whereAgain(request);
        if (request.bodyGone || request.answered || request.late) expect(where).toBe('nowhere');
        if (request.sent && !request.refused && where !== 'nowhere') {
          expect(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']).toContain(request.method);
          expect([request.broke, request.webSocket]).toEqual([true, false]);
        }
        // A target that could not even be reached is not asked again.
        if (!request.sent && !request.refused) expect(where).not.toBe('anywhere');
      }),
    );
  });
});
