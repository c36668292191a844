/** Cuts characters off the end of a text, in one pass: a regular expression for it starts anew at every run of them. */

export function trimEnd(text: string, characters: string): string {
  let end = text.length
  while (end > 0 && characters.includes(text.charAt(end - 1))) end--
  return text.slice(0, end)
}
