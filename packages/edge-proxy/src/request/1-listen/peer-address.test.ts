import { expect, it } from 'vitest';
import { peerAddress } from './peer-address.ts';

it.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:DB8::7', '2001:db8::7'],
  ['fe80::fc:ff:fe00:1%eth0', 'fe80::fc:ff:fe00:1'],
  ['fe80::1%2', 'fe80::1'],
  ['%eth0', null],
  ['', null],
  [undefined, null],
])('the other end of a socket that says %s is at %s', (remoteAddress, address) => {
  expect(peerAddress({ remoteAddress })).toBe(address);
});
