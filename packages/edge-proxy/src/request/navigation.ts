import type { Received } from './exchange.ts';

/** A browser that shows what it gets to a person. */
export function takesPage({ head }: Received): boolean {
  const navigation = head.fetchMode === '' || head.fetchMode === 'navigate';
  return navigation && /(?:^|[,\t ])text\/html/i.test(head.accept);
}

/** A browser that can be sent somewhere else and come back: nothing is lost with a GET. */
export function navigates(value: Received): boolean {
  const { method } = value.head;
  return (method === 'GET' || method === 'HEAD') && takesPage(value);
}
