import { configurationSchemaText } from '@sallyport/shared/configuration/json-schema';
import { action, type CommandFile } from '../call.ts';

/** `schema`: the JSON Schema of configuration documents. */
export const registerSchema: CommandFile = (program, session) => {
  program
    .command('schema')
    .summary('print the JSON Schema of configuration documents')
    .description(
      'Prints the JSON Schema (draft 7) of all kinds of documents, as this version of the command knows them. Editors complete and check documents by it.',
    )
    .addHelpText('after', '\nExample:\n  sallyport schema > sallyport.schema.json')
    .action(
      action(session, ({ output }) => {
        const text = configurationSchemaText();
        output.result(JSON.parse(text), () => text);
        return Promise.resolve('ok');
      }),
    );
};
