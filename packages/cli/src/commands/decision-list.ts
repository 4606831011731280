import { action, type CommandFile } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { readPages } from '../client/pages.ts';
import {
  type DecisionFilters,
  decisionColumns,
  filterQuery,
  withFilters,
  withSpan,
} from '../decision-filters.ts';
import { writeRows } from '../output/rows.ts';
import { noun, type PageOptions, withPaging } from './options.ts';

/** `decisions list`: what edges decided, newest first. */
export const registerDecisionList: CommandFile = (program, session) => {
  const command = noun(program, 'decisions', 'what edges decided about requests')
    .command('list', { isDefault: true })
    .summary('list decisions, newest first')
    .description('Lists decisions, newest first.')
    .addHelpText(
      'after',
      '\nExample:\n  sallyport decisions list --user alice@corp.example --outcome deny --from 7d',
    );
  withPaging(withSpan(withFilters(command))).action(
    action<PageOptions & DecisionFilters>(session, async ({ api, options, output }) => {
      const path = apiPath('decisions');
      const page = await readPages(api(), path, filterQuery(options), options);
      writeRows(output, decisionColumns, page);
      return 'ok';
    }),
  );
};
