import { type Json, show } from './client/reading.ts';

/** In words, all that a dismissal of a finding hides: more than the one event that it came with. */
export function breadthOf(signal: Json): string {
  const detector = show(signal, 'detector');
  const who = show(signal, 'userEmail') || show(signal, 'userId');
  return `${detector} of ${who}${matterOf(detector, show(signal, 'matter'))}`;
}

function matterOf(detector: string, matter: string): string {
  const networks = matter.split(' ').map(networkOf);
  switch (detector) {
    case 'impossible-travel':
    case 'distant-sessions':
      return `, between ${networks.join(' and ')}, from any address, device and session there`;
    case 'failed-sign-ins':
      return `, while the last of them is from ${networks.join(' and ')}`;
    case 'denial-burst':
      if (matter === '*') return ', on all routes together';
      return matter === '' ? ', where no route is' : `, on the route ${matter}`;
    case 'new-country':
      return `, in ${matter}`;
    case 'new-device':
      return ', of this device alone';
    case 'session-on-other-device':
      return `, of this session ${matter === '' ? 'without its device' : `on ${matter}`}`;
    default:
      return matter === '' ? '' : `, of ${matter}`;
  }
}

/** `DE/3320`, as the matter has it. */
function networkOf(text: string): string {
  const [country = '', asn = ''] = text.split('/');
  const where = country === '??' ? 'an unknown country' : `all of ${country}`;
  return `${where} on ${asn === '0' ? 'an unknown network' : `AS${asn}`}`;
}
