import { partyNames } from './parties.ts';
import { extent, type Outcome, stricterThanEdge } from './run.ts';

/** How many cases of each class reached the upstream through whom. */
export function tableOf(outcomes: readonly Outcome[]): string {
  const classes = [...new Set(outcomes.map((one) => one.case.class))];
  const rows = [...classes, null].map((name) => {
    const own = outcomes.filter((one) => name === null || one.case.class === name);
    const reached = partyNames.map(
      (party) => own.filter(({ received }) => extent(received[party]) > 0).length,
    );
    const wider = own.filter((one) => stricterThanEdge(one).length > 0).length;
    const narrower = own.filter(
      ({ received }) =>
        extent(received.edge) < Math.min(extent(received.nginx), extent(received.haproxy)),
    ).length;
    return [name ?? 'all', own.length, ...reached, wider, narrower];
  });
  const head = ['class', 'cases', ...partyNames, 'edge wider', 'edge narrower'];
  const lines = [head, ...rows].map(([first, ...more]) =>
    [String(first).padEnd(16), ...more.map((one) => String(one).padStart(14))].join(''),
  );
  return `odd requests that reached the upstream, by whom they were sent through:\n${lines.join('\n')}`;
}
