const method = /^[A-Z]+(?:-[A-Z]+)*$/;

/** Whether this is a method as we write them: in upper case, 32 characters at the most. */
export function isMethod(text: string): boolean {
  return text.length <= 32 && method.test(text);
}
