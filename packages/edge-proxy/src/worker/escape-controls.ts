/**
 * What JSON leaves as it is and a terminal or a reader may act on: DEL, the C1 controls, line and
 * paragraph separators, and what is invisible or turns the direction of text around.
 */
const acting =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** JSON with these as escapes: the same value, as text that does nothing. */
export function escapeControls(json: string): string {
  return json.replaceAll(
    acting,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
