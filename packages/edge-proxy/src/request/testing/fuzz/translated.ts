import type { Dice } from '@sallyport/shared/sync/simulation/random';
import { translate } from '../../1-listen/h2/raw-request.ts';
import { soundStreams } from './fields.ts';
import { gateViolation, names, passes, values } from './gate.ts';

const paths = ['/', '/a?b', '/a/../b', '*', 'a', 'http://app.corp.test/', '/a#b', '/a\\b', '/\xff'];
const forNeighbours =
  /^(?:connection|proxy-connection|keep-alive|transfer-encoding|upgrade|http2-)/;

/** Fields as nghttp2 hands them on: pseudo-headers first, each once at the most. */
function someFields(dice: Dice): (readonly [string, string])[] {
  const { fields } = dice.pick(soundStreams('__Host-sallyport=a.b'));
  const pseudo = fields.filter(([name]) => name.startsWith(':') && dice.chance(0.97));
  const others = fields.filter(([name]) => !name.startsWith(':'));
  for (let left = dice.int(0, dice.chance(0.05) ? 120 : 6); left > 0; left -= 1) {
    others.push([dice.pick(names).toLowerCase(), dice.pick(values)]);
  }
  if (dice.chance(0.7)) return [...pseudo, ...others];
  const path = dice.pick(paths);
  return [
    ...pseudo.map(([name, value]) => [name, name === ':path' ? path : value] as const),
    ...others,
  ];
}

/** A request of HTTP/2 that passes, and what is wrong with that; it never throws. */
export function translatedViolation(dice: Dice): string {
  const sent = someFields(dice);
  const { raw, refusal } = translate(sent.flat(), dice.chance(0.6));
  if (refusal !== null) return '';
  const found = gateViolation(raw);
  if (found !== '' || !passes(raw)) return found;
  const of = (name: string) => sent.filter(([other]) => other === name).map(([, value]) => value);
  if (new Set([...of(':authority'), ...of('host')]).size !== 1) return 'there is not one host';
  if (of(':scheme').join() !== 'https') return 'its scheme is another';
  const webSocket = of(':protocol').join() === 'websocket' && of(':method').join() === 'CONNECT';
  if (raw.method !== (webSocket ? 'GET' : of(':method').join())) return 'its method is another';
  if (raw.upgrading !== webSocket) return 'it goes on in another protocol';
  if (sent.some(([name]) => forNeighbours.test(name))) return 'it speaks of its connection';
  return '';
}
