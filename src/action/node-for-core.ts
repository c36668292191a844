/**
 * What `@actions/core` uses of Node, in place of `fs`, `os`, `path` and `crypto` (see build.mjs): loading `node:crypto` and
 * `node:fs/promises` for it would be a quarter of what bare Node costs, before a single input is read.
 */

import { accessSync, appendFileSync, constants, existsSync, writeFileSync } from 'node:fs'
import { EOL } from 'node:os'
import { delimiter, sep } from 'node:path'

export { appendFileSync, constants, delimiter, EOL, existsSync, sep }

/** For the job summary. */
export const promises = {
  access: async (path: string, mode: number): Promise<void> => accessSync(path, mode),
  appendFile: async (path: string, text: string): Promise<void> => appendFileSync(path, text),
  writeFile: async (path: string, text: string): Promise<void> => writeFileSync(path, text),
}

/**
 * The line that ends an output's value in GITHUB_OUTPUT. It keeps nothing secret: `@actions/core` refuses a name or value
 * that contains it, and no one knows the nanosecond beforehand.
 */
export function randomUUID(): string {
  return `${process.pid}-${process.hrtime.bigint()}`
}

export default { platform: (): string => process.platform, arch: (): string => process.arch }
