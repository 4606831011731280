import { expect, it } from 'vitest';
import { readKeys, signedHeaders } from './sign.ts';

const key = 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

it('signs as the specification of Standard Webhooks does in its example', () => {
  const body = '{"test": 2432232314}';
  const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
  expect(signedHeaders(readKeys(`whsec_${key}`), id, 1_614_265_330, body)).toEqual({
    'webhook-id': id,
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

it('takes one key or two, with their prefix or without', () => {
  expect(readKeys(`${key}\n`)).toHaveLength(1);
  expect(readKeys(` whsec_${key} \n${key}`)).toHaveLength(2);
  for (const wrong of [
    '',
    ' ',
    'whsec_',
    'c2hvcnQ=',
    `${key} ${key} ${key}`,
    `${key}!`,
    'x'.repeat(99),
  ]) {
    expect(() => readKeys(wrong), wrong).toThrow(
      'its secret is not of the form whsec_…: one or two keys',
    );
  }
});
