import { Dice } from '@sallyport/shared/sync/simulation/random';
import fc, { type Arbitrary } from 'fast-check';
import { gateViolation, someRequest } from './gate.ts';
import { keptSeeds, keptTexts } from './kept.ts';
import { mutate } from './mutate.ts';
import { cookieViolation, hostViolation, pathViolation, setCookieViolation } from './readers.ts';
import { translatedViolation } from './translated.ts';

/** Properties that need no socket. Each says what it found, with what it takes to find it again. */
export interface PureProperty {
  readonly title: string;
  /** How many examples the short run takes. */
  readonly runs: number;
  readonly check: (runs: number) => string;
}

const pathParts =
  '/ / / a b admin pub . .. ... %2e %2E%2e .%2e %2f %2F %5c \\ ; ;x=1 %3b %00 %0d%0a %09 %7f %c3%a9 ' +
  '%C3%A9 %c0%ae %ff %ed%a0%80 %ef%bc%8f % %2 %25 %252e %2525 %25zz %u002e # ? %3f %3a : ::$DATA ' +
  '%20 %2b + ~ %7e ! * %2a [ ] { } | ^ " < > ` é \u212a';
const hostParts =
  'a b corp test . . - _ xn-- xn--bcher-kva 0 1 127 0x7f 255 localhost A É \u212a \u3002 \0 %2e : [ ] @ *';
const cookieParts =
  '__Host-sallyport __host-sallyport __Host-sallyport-return-slot-000 __Host-sallyportal a b = = ; ; ' +
  ', " \\ \t v.w.x.y.z eyJ é \xa0 \x85 _oauth2_proxy SMSESSION __proto__';

function ofParts(parts: string, before = ''): Arbitrary<string> {
  const part = fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(' ', ...parts.split(' ')) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
  );
  return fc.array(part, { maxLength: 14 }).map((all) => before + all.join(''));
}

/** Texts put together of pieces, and the same after changes of bytes. */
function texts(
  kept: readonly string[],
  of: Arbitrary<string>,
  sound: readonly string[],
  violation: (text: string) => string,
): (runs: number) => string {
  const changed = fc.nat(2 ** 31).map((seed) => mutate(sound, new Dice(seed)));
  return (runs) => {
    const { counterexample, failed, seed } = fc.check(
      fc.property(fc.oneof(of, changed), (text) => {
        const found = violation(text);
        if (found !== '') throw new Error(found);
      }),
      { numRuns: runs, examples: kept.map((text): [string] => [text]) },
    );
    return failed ? `${JSON.stringify(counterexample)} (seed ${seed})` : '';
  };
}

function seeds(kept: readonly number[], violation: (seed: number) => string) {
  return (runs: number): string => {
    for (let at = 0; at < kept.length + runs; at += 1) {
      const seed = kept[at] ?? at - kept.length + 1;
      const found = violation(seed);
      if (found !== '') return `seed ${seed}: ${found}`;
    }
    return '';
  };
}

const sealed = `__Host-sallyport=${'eyJhbGciOiJkaXIifQ..aaaa.bbbb.cccc'}`;

export const pureProperties: readonly PureProperty[] = [
  {
    title: 'row 65: a path that passes is the same for every reader',
    runs: 10_000,
    check: texts(
      keptTexts.path,
      ofParts(pathParts, '/'),
      ['/a/b/../c', '/pub/%2e%2e/admin', '/x%c3%a9/~', '/100%25', "/!$&'()*+,=:@"],
      pathViolation,
    ),
  },
  {
    title: 'row 7: a host that passes is the same for every reader',
    runs: 5_000,
    check: texts(
      keptTexts.host,
      ofParts(hostParts),
      ['app.corp.test', 'xn--bcher-kva.test', 'A.B.c.', '127.0.0.1', '0x7f.1'],
      hostViolation,
    ),
  },
  {
    title: 'row 75: of cookies none of ours goes on, and all others as they came',
    runs: 5_000,
    check: texts(
      keptTexts.cookie,
      ofParts(cookieParts),
      [`a=1; ${sealed}; b="2; 3"`, `${sealed}`, `${sealed}; ${sealed}`, 'a=1; _oauth2_proxy_1=x'],
      (text) => cookieViolation(text) || setCookieViolation(text),
    ),
  },
  {
    title: 'rows 26 to 48: the gate refuses a request or knows all of it',
    runs: 10_000,
    check: seeds(keptSeeds.gate, (seed) => gateViolation(someRequest(new Dice(seed)))),
  },
  {
    title: 'rows 26 to 48: a request of HTTP/2 is refused, or is the same in HTTP/1.1',
    runs: 10_000,
    check: seeds(keptSeeds.translated, (seed) => translatedViolation(new Dice(seed))),
  },
];
