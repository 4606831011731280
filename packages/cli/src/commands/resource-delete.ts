import { action, argument, type Call, type CommandFile } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { readObject } from '../client/reading.ts';
import { Failure } from '../exit.ts';
import { deletableHelp, subjectOf } from '../kinds.ts';
import { type Resource, resourcePath, resources } from '../resources.ts';
import { describeChange } from './configuration-apply.ts';

/** `delete`: takes a document out of the set, or deletes another resource. */
export const registerDelete: CommandFile = (program, session) => {
  program
    .command('delete')
    .summary('delete a configuration document or another resource')
    .description(
      'Takes one document out of the live set, which makes a new version, or deletes another resource. To refuse somebody at once, use revoke.',
    )
    .argument('<kind>', deletableHelp)
    .argument('<name>', 'name of the document, or id of the other resource')
    .addHelpText(
      'after',
      `
Examples:
  sallyport delete Route old-wiki
  sallyport delete device dev_01k…`,
    )
    .action(action(session, remove));
};

async function remove(call: Call): Promise<'ok'> {
  const subject = subjectOf(argument(call, 0));
  const name = argument(call, 1);
  if (subject.type === 'config') throw new Failure('usage', 'delete one document at a time');
  if (subject.type === 'document') {
    const { body } = await call
      .api()
      .send('POST', apiPath('config:apply'), { delete: [{ kind: subject.kind, name }] });
    const answer = readObject(body, 'the new version');
    call.output.result(answer, () => describeChange(answer, false));
    return 'ok';
  }
  const resource: Resource = resources[subject.name];
  if (!resource.deletable) {
    throw new Failure('usage', `a ${resource.singular} cannot be deleted; see revoke`);
  }
  await call.api().send('DELETE', resourcePath(resource, name));
  call.output.result({ deleted: name }, () => `deleted ${resource.singular} ${name}`);
  return 'ok';
}
