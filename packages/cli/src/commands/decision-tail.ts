import { setTimeout as wait } from 'node:timers/promises';
import { action, type Call, type CommandFile } from '../call.ts';
import { type Api, apiPath, type Query } from '../client/api.ts';
import { type Json, readObject, readObjects, readText } from '../client/reading.ts';
import {
  type DecisionFilters,
  decisionColumns,
  filterQuery,
  withFilters,
} from '../decision-filters.ts';
import { Failure } from '../exit.ts';
import { printable } from '../output/printable.ts';
import { noun } from './options.ts';

/** The control plane answers as soon as something comes in, and after so long in any case. */
const waitSeconds = 20;
/** Between two answers with nothing, where it does not wait. */
const pollMs = 500;
const retryMsMax = 10_000;
const rowsPerPoll = 200;

/** `decisions tail`: follows what edges decide, until interrupted. */
export const registerDecisionTail: CommandFile = (program, session) => {
  const command = noun(program, 'decisions', 'what edges decided about requests')
    .command('tail')
    .summary('follow decisions as they come in')
    .description(
      'Shows decisions as they come in, oldest first, until interrupted. With --json each is one line. If the control plane goes away for a while, nothing is lost: it goes on from where it was.',
    )
    .addHelpText(
      'after',
      '\nExample:\n  sallyport decisions tail --outcome deny --host wiki.corp.example',
    );
  withFilters(command).action(
    action<DecisionFilters>(session, async (call) => {
      const interrupt = call.terminal.interrupt();
      try {
        await follow(call, interrupt);
      } catch (error) {
        // An interrupt is how this command ends.
        if (!interrupt.aborted) throw error;
      }
      return 'ok';
    }),
  );
};

async function follow(call: Call<DecisionFilters>, interrupt: AbortSignal): Promise<void> {
  const api = call.api(interrupt);
  const filters = filterQuery(call.options);
  let cursor = readText(await readDecisions(api, { ...filters, limit: 1 }), 'tailCursor');
  let retryMs = 0;
  while (!interrupt.aborted) {
    try {
      const askedAt = performance.now();
      const page = await readDecisions(api, {
        ...filters,
        tail: cursor,
        limit: rowsPerPoll,
        wait: waitSeconds,
      });
      const items = readObjects(page, 'items');
      for (const item of items) call.output.line(item, () => oneLine(item));
      cursor = readText(page, 'tailCursor');
      if (retryMs > 0) call.output.note('going on');
      retryMs = 0;
      const leftMs = pollMs - (performance.now() - askedAt);
      if (items.length === 0 && leftMs > 0) await wait(leftMs, undefined, { signal: interrupt });
    } catch (error) {
      if (interrupt.aborted) throw error;
      if (!(error instanceof Failure) || error.exit !== 'unreachable') throw error;
      if (retryMs === 0) call.output.note(`${printable(error.message)}; trying again`);
      retryMs = Math.min(retryMsMax, Math.max(pollMs, retryMs * 2));
      await wait(retryMs, undefined, { signal: interrupt });
    }
  }
}

async function readDecisions(api: Api, query: Query): Promise<Json> {
  return readObject(await api.get(apiPath('decisions'), query), 'a page of decisions');
}

/** The columns of the list, one after the other; widths cannot be known. */
function oneLine(decision: Json): string {
  return decisionColumns.map(({ cell }) => printable(cell(decision)) || '-').join('  ');
}
